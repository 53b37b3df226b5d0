/** One track: what is said of it, its course, a moment of it, and what is like that. */

import { moodText } from "../mood.js";
import { clock, signed } from "../values.js";
import { Course } from "./course.js";
import { nameOf, titleOf, tracksOf } from "./playlist.js";

const ALIKE = 10;

export class TrackPanel {
  #parts;
  #told;
  #course;
  #track = null;

  /**
   * @param {object} parts the elements `panel`, `none`, `title`, `artist`, `mood`, `facts`, `play`,
   *   `add`, `course`, `moment`, `words`, `playMoment`, `alike`, `found` and `addFound`
   * @param {object} told
   * @param {(track: object, from: number) => void} told.play
   * @param {() => void} told.stop
   * @param {(number: number) => void} told.toggle it is to be in the playlist, or not
   * @param {(moment: object) => void} told.moment `{seconds, valence, arousal}` was chosen
   * @param {(moment: object, count: number, except: number) => Promise<object[]>} told.alike returns
   *   `{names, distance}` of the tracks that are like a moment
   * @param {(text: string) => void} told.say
   * @param {(number: number) => void} told.chosen another track was
   * @param {(numbers: number[]) => void} told.add
   * @param {(work: Promise) => void} told.attempt takes what may fail
   */
  constructor(parts, told) {
    [this.#parts, this.#told] = [parts, told];
    this.#course = new Course(parts.course);
    parts.play.addEventListener("click", () => {
      if (parts.play.getAttribute("aria-pressed") === "true") told.stop();
      else told.play(this.#track, typicalOf(this.#track));
    });
    parts.add.addEventListener("click", () => told.toggle(this.#track.number));
    parts.moment.addEventListener("input", () => this.#choose(Number(parts.moment.value)));
    parts.course.addEventListener("pointerdown", (event) => {
      const { left } = parts.course.getBoundingClientRect();
      parts.moment.value = this.#course.secondsAt(event.clientX - left);
      this.#choose(Number(parts.moment.value));
    });
    parts.playMoment.addEventListener("click", () => {
      told.play(this.#track, Number(parts.moment.value));
    });
    parts.alike.addEventListener("click", () => told.attempt(this.#find()));
    parts.addFound.addEventListener("click", () => {
      told.add([...parts.found.children].map(({ dataset }) => Number(dataset.number)));
    });
  }

  /** The track that is shown, or null. */
  get track() {
    return this.#track;
  }

  /** Show a track as of `Table.track`; null for none. */
  show(track) {
    const { panel, none, title, artist, mood, facts, moment, found, addFound } = this.#parts;
    this.#track = track;
    panel.hidden = track === null;
    none.hidden = track !== null;
    if (track === null) return;
    title.textContent = track.title;
    artist.textContent = [track.artist, track.album].filter(Boolean).join(" \u2013 ");
    mood.textContent = moodText(track.mood, {});
    facts.textContent = factsOf(track).join(" \u00b7 ");
    found.replaceChildren();
    addFound.hidden = true;
    this.#course.show(track);
    moment.max = track.seconds;
    moment.value = typicalOf(track);
    this.#choose(Number(moment.value));
  }

  /** Show whether it plays, and where. */
  showPlayed(seconds) {
    const { play } = this.#parts;
    play.setAttribute("aria-pressed", String(seconds !== null));
    play.textContent = seconds === null ? "Play" : "Stop";
    this.#course.play(seconds);
  }

  /** Show whether it is in the playlist. */
  showAdded(added) {
    const { add } = this.#parts;
    add.setAttribute("aria-pressed", String(added));
    add.textContent = added ? "In the playlist" : "Add to the playlist";
  }

  #choose(seconds) {
    const { words, moment } = this.#parts;
    this.#course.mark(seconds);
    const place = this.#place(seconds);
    const said = `${clock(seconds)}, valence ${signed(place.valence)}, arousal ${signed(place.arousal)}`;
    words.textContent = said;
    moment.setAttribute("aria-valuetext", said);
    this.#told.moment({ seconds, ...place });
  }

  /** Return valence and arousal of a moment; those of the track where it has no course. */
  #place(seconds) {
    const { course, valence, arousal } = this.#track;
    if (course === null) return { valence, arousal };
    const part = Math.min(course.valence.length - 1, Math.floor(seconds / course.every_s));
    return { valence: course.valence[part], arousal: course.arousal[part] };
  }

  async #find() {
    const { moment, found, addFound } = this.#parts;
    const track = this.#track;
    const place = this.#place(Number(moment.value));
    const tracks = await this.#told.alike(place, ALIKE, track.number);
    if (this.#track !== track) return;
    found.replaceChildren(
      ...tracks.map(({ names, distance }) => {
        const row = document.createElement("li");
        const choose = document.createElement("button");
        const far = document.createElement("span");
        far.className = "name";
        far.textContent = distance.toFixed(2);
        far.title = "distance";
        choose.append(titleOf(names), far);
        choose.setAttribute("aria-label", `${nameOf(names)}, distance ${distance.toFixed(2)}`);
        choose.addEventListener("click", () => this.#told.chosen(names.number));
        row.dataset.number = names.number;
        row.append(choose);
        return row;
      }),
    );
    addFound.hidden = tracks.length === 0;
    this.#told.say(`${tracksOf(tracks.length)} like this moment, the nearest first.`);
  }
}

/** Return the second at which a track's most typical part begins; its first where nobody told. */
export function typicalOf(track) {
  return track.typical_s ?? 0;
}

/** Return what is said of a track in a line, for whoever hears it read. */
export function lineOf(track) {
  const where = `valence ${signed(track.valence)}, arousal ${signed(track.arousal)}`;
  return `${nameOf(track)}, ${moodText(track.mood, {})}, ${where}`;
}

function factsOf(track) {
  const loudness = track.loudness_lufs;
  return [
    `valence ${signed(track.valence)} \u00b1 ${track.valence_sd.toFixed(2)}`,
    `arousal ${signed(track.arousal)} \u00b1 ${track.arousal_sd.toFixed(2)}`,
    clock(track.seconds),
    ...(loudness === null ? [] : [`${loudness.toFixed(1)} LUFS`.replace("-", "\u2212")]),
    ...(track.music_share === null ? [] : [`${Math.round(100 * track.music_share)} % music`]),
  ];
}
