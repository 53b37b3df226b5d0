/** The microphone of this device, as blocks of samples at their places in time. */

/** What keeps a page from a microphone, in a sentence; null where nothing does. */
export function hindrance() {
  if (globalThis.isSecureContext && navigator.mediaDevices && globalThis.AudioWorkletNode) {
    return null;
  }
  return globalThis.isSecureContext
    ? "This browser cannot record sound in a page: use a newer one."
    : "A browser opens the microphone only over https, or on the machine that the service runs on. " +
        "Start the service with a certificate (--cert), and open this page as https://.";
}

/** Return a sentence for a microphone that could not be opened. */
export function refusal(error) {
  const said = {
    NotAllowedError:
      "The microphone may not be used: allow it for this page in the browser, and press Start again.",
    NotFoundError: "There is no microphone: plug one in, and press Start again.",
    NotReadableError:
      "The microphone cannot be opened: another program may hold it. Close that, and press Start again.",
    OverconstrainedError: "This microphone is gone: choose another one.",
  };
  return said[error.name] ?? null;
}

/**
 * Records once it is opened. Its events:
 *
 * - `block`: `{index, samples}`, 16-bit samples of one channel and the place of the first of them;
 * - `ended`: the microphone is gone.
 */
export class Recorder extends EventTarget {
  #context = new AudioContext({ latencyHint: "interactive" });
  #track = null;
  #closed = false;
  #offset = null;
  #stoppedAt = null;

  /** Of the samples, in Hz. */
  get rate() {
    return this.#context.sampleRate;
  }

  /** What the microphone is called; empty before it is open. */
  get name() {
    return this.#track?.label ?? "";
  }

  /** Its `deviceId`; empty before it is open. */
  get device() {
    return this.#track?.getSettings().deviceId ?? "";
  }

  /**
   * Open a microphone and record; nothing is changed about its sound.
   *
   * @param {string} device its `deviceId`; empty for the usual one
   * @throws {DOMException} it cannot be opened; `refusal` says why
   */
  async open(device) {
    // What makes a voice clear on the telephone takes music apart.
    const constraints = {
      echoCancellation: false,
      noiseSuppression: false,
      autoGainControl: false,
      ...(device === "" ? {} : { deviceId: { exact: device } }),
    };
    await this.#context.audioWorklet.addModule("microphone.js");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: constraints });
    [this.#track] = stream.getAudioTracks();
    if (this.#closed) {
      this.#track.stop();
      return;
    }
    const node = new AudioWorkletNode(this.#context, "microphone", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => this.#hand(data);
    this.#context.createMediaStreamSource(stream).connect(node);
    this.#track.addEventListener("ended", () => this.#tell("ended", null));
    this.#context.addEventListener("statechange", () => this.#countPause());
    await this.#context.resume();
  }

  /** Close the microphone. */
  close() {
    this.#closed = true;
    this.#track?.stop();
    if (this.#context.state !== "closed") this.#context.close();
  }

  #hand({ index, samples }) {
    this.#offset ??= -index; // the first sample is number 0
    this.#tell("block", { index: index + this.#offset, samples });
  }

  /** A browser that stopped the sound for a while, for a call, say, stops its clock too. */
  #countPause() {
    const now = performance.now();
    if (this.#context.state === "running") {
      if (this.#stoppedAt !== null && this.#offset !== null) {
        this.#offset += Math.round(((now - this.#stoppedAt) / 1000) * this.rate);
      }
      this.#stoppedAt = null;
    } else {
      this.#stoppedAt ??= now;
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(Object.assign(new Event(type), { detail }));
  }
}

/** Return the microphones that there are, once one was allowed: `{id, name}` each. */
export async function microphones() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices
    .filter(({ kind }) => kind === "audioinput")
    .map(({ deviceId, label }) => ({ id: deviceId, name: label }));
}
