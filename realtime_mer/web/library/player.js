/** Plays a part of a track. */

/** Seconds that are played. */
export const SECONDS = 30;

export class Player extends EventTarget {
  #audio = new Audio();
  #played = null; // `{track, from, offset, clip}`

  constructor() {
    super();
    this.#audio.preload = "auto";
    this.#audio.addEventListener("timeupdate", () => {
      if (this.#played === null) return;
      if (this.seconds >= this.#played.from + SECONDS) this.stop();
      else this.#tell("moved");
    });
    this.#audio.addEventListener("ended", () => this.stop());
    this.#audio.addEventListener("error", () => this.#failed());
  }

  /** Return the number of the track that plays, or null. */
  get number() {
    return this.#played?.track.number ?? null;
  }

  /** Return the second of the track that is heard. */
  get seconds() {
    return this.#played === null ? 0 : this.#played.offset + this.#audio.currentTime;
  }

  /**
   * Play from a second on. What the browser cannot play comes as a clip that it can.
   *
   * @param {object} track as of `Table.track`
   * @param {number} from
   */
  play(track, from) {
    const direct = track.type !== "" && this.#audio.canPlayType(track.type) !== "";
    this.#begin({ track, from, clip: !direct });
  }

  /** Stop. */
  stop() {
    if (this.#played === null) return;
    this.#played = null;
    this.#audio.pause();
    this.#audio.removeAttribute("src");
    this.#audio.load(); // lets go of the file
    this.#tell("stopped");
  }

  async #begin({ track, from, clip }) {
    const played = { track, from, clip, offset: clip ? from : 0 };
    this.#played = played;
    this.#audio.src = clip ? `${track.sound}/clip?at=${from}` : `${track.sound}#t=${from}`;
    this.#tell("started");
    try {
      await this.#audio.play();
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      // What is another error comes as an event, and a stop is none.
      if (error.name === "NotAllowedError" && this.#played === played) {
        this.stop();
        this.#tell("refused", "Your browser plays nothing before you have clicked or pressed a key.");
      }
    }
  }

  async #failed() {
    const played = this.#played;
    if (played === null) return;
    if (!played.clip) {
      this.#begin({ ...played, clip: true });
      return;
    }
    this.stop();
    const answer = await fetch(`${played.track.sound}/clip?at=${played.from}`);
    const reason = answer.ok ? "your browser cannot play it" : (await answer.text()).trim();
    this.#tell("refused", `It cannot be played: ${reason}.`);
  }

  #tell(type, reason = "") {
    this.dispatchEvent(new CustomEvent(type, { detail: { reason } }));
  }
}
