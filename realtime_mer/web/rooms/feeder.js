/** Sends blocks of sound to a room, and keeps the last of them while the network is away. */

import { Kept } from "./kept.js";
import { retryDelay } from "./realtime-mer.js";

export const PROTOCOL = "realtime-mer.sound.v1";
export const KEPT_SECONDS = 10;

const OPEN = 1;
const OPEN_TIMEOUT_MS = 5000;
const SILENT_MS = 5000; // the service says every second what it took
const MOST_UNDERWAY_SECONDS = 1; // beyond that the network is slow, and what waits is better here
const BYTES = 2; // of a sample
const INDEX_BYTES = 8;

// Closes after which coming back with the same words would change nothing; and those that may pass
// by themselves, but of which whoever begins wants to hear.
const UNAUTHORIZED = 4401;
const FINAL = new Set([1009, 4400, UNAUTHORIZED, 4410]);
const FINAL_AT_FIRST = new Set([4409, 4412]);

/**
 * A connection to a room, made again whenever it is lost. Its events:
 *
 * - `link`: `{state, reason, retryMs, unauthorized}`, where `state` is `connecting`, `connected`,
 *   `lost` (another attempt follows after `retryMs`), `refused` (none follows) or `closed`;
 * - `ready`: what the service said when it let us in.
 */
export class Feeder extends EventTarget {
  #url;
  #opening;
  #kept;
  #resume = null; // lets us take back the place of a connection that is lost
  #base = null; // index in the room of our first sample
  #socket = null;
  #ready = false;
  #said = "";
  #attempt = 0;
  #retry = 0;
  #deadline = 0;
  #ended = false;
  #undelivered = 0; // samples
  #undeliveredTold = 0;
  #networkIsBack = () => this.#open();

  /**
   * @param {string} url of the room's WebSocket for sound
   * @param {object} options
   * @param {number} options.rate of the samples in Hz
   * @param {?string} options.token what the service asks for, if it asks
   * @param {string} options.source what is listened to, as a person would call it
   */
  constructor(url, { rate, token = null, source = "" }) {
    super();
    this.#url = url.replace(/^http/, "ws");
    this.#opening = { type: "open", rate, channels: 1, format: "s16le", token, source };
    this.#kept = new Kept(KEPT_SECONDS * rate);
    queueMicrotask(() => this.#open());
    addEventListener("online", this.#networkIsBack);
  }

  /** Seconds of sound so far. */
  get recordedSeconds() {
    return this.#kept.end / this.#opening.rate;
  }

  /** Seconds of sound that wait to be sent. */
  get waitingSeconds() {
    return (this.#kept.waiting + this.#underway) / this.#opening.rate;
  }

  /** Seconds of sound that gave way before they could be sent. */
  get lostSeconds() {
    return this.#kept.lost / this.#opening.rate;
  }

  /** Seconds of sound that the service took and lost between its machines. */
  get undeliveredSeconds() {
    return this.#undelivered / this.#opening.rate;
  }

  /** Send a block of 16-bit samples, or keep it for later; the first sample of all is number 0. */
  add(index, samples) {
    this.#kept.add(index, samples);
    this.pump();
  }

  /** Send what waits, as far as the network takes it. */
  pump() {
    while (this.#ready && this.#socket.readyState === OPEN) {
      if (this.#underway > MOST_UNDERWAY_SECONDS * this.#opening.rate) return;
      const block = this.#kept.take();
      if (block === null) return;
      this.#socket.send(message(this.#base + block.index, block.samples));
      if (this.#deadline === 0) this.#wait(SILENT_MS, "the service went silent");
    }
  }

  /** Say that the sound has ended, and end the connection for good. */
  close() {
    if (this.#ready && this.#socket.readyState === OPEN) {
      this.#socket.send(JSON.stringify({ type: "end" }));
    }
    this.#end("closed", "");
  }

  /** Samples that were handed to the browser and have not left it. */
  get #underway() {
    return this.#ready ? this.#socket.bufferedAmount / BYTES : 0;
  }

  #open() {
    if (this.#ended || this.#socket !== null) return;
    clearTimeout(this.#retry);
    this.#said = "";
    this.#tell("link", { state: "connecting", reason: "", retryMs: null });
    const socket = new WebSocket(this.#url, PROTOCOL);
    this.#socket = socket;
    socket.onopen = () => {
      const again = { resume: this.#resume, fresh: this.#resume === null };
      socket.send(JSON.stringify({ ...this.#opening, ...again }));
    };
    socket.onmessage = ({ data }) => this.#read(JSON.parse(data));
    socket.onclose = ({ code, reason }) => {
      const said = this.#said || reason || "no connection to the service";
      const final = FINAL.has(code) || (this.#base === null && FINAL_AT_FIRST.has(code));
      if (final) this.#end("refused", said, code === UNAUTHORIZED);
      else this.#lose(said);
    };
    this.#wait(OPEN_TIMEOUT_MS, "the service does not answer");
  }

  #read(received) {
    if (received.type === "error") this.#said = received.message;
    if (received.type === "bye") this.#said = received.reason;
    if (received.type === "ready") this.#begin(received);
    if (received.type === "taken") {
      this.#attempt = 0;
      this.#kept.confirm(received.next - this.#base);
      this.#countUndelivered(received.undelivered);
      this.#waitNoLonger();
    }
  }

  #countUndelivered(told) {
    const before = this.#undeliveredTold;
    this.#undelivered += told >= before ? told - before : told; // else another node counts
    this.#undeliveredTold = told;
  }

  /** Go on from the sample that the service expects: what was underway may not have come. */
  #begin(ready) {
    this.#waitNoLonger();
    this.#base ??= ready.next;
    const expected = ready.next - this.#base;
    if (expected > this.#kept.end) this.#base += expected - this.#kept.next; // somebody else fed it
    else this.#kept.goBackTo(expected);
    this.#resume = ready.resume;
    this.#ready = true;
    this.#tell("ready", ready);
    this.#tell("link", { state: "connected", reason: "", retryMs: null });
    this.pump();
  }

  #wait(ms, reason) {
    this.#waitNoLonger();
    this.#deadline = setTimeout(() => this.#lose(reason), ms);
  }

  #waitNoLonger() {
    clearTimeout(this.#deadline);
    this.#deadline = 0;
  }

  #drop() {
    this.#waitNoLonger();
    clearTimeout(this.#retry);
    this.#ready = false;
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  #lose(reason) {
    this.#drop();
    const retryMs = retryDelay(this.#attempt);
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#open(), retryMs);
    this.#tell("link", { state: "lost", reason, retryMs });
  }

  #end(state, reason, unauthorized = false) {
    if (this.#ended) return;
    removeEventListener("online", this.#networkIsBack);
    this.#drop();
    this.#ended = true;
    this.#tell("link", { state, reason, retryMs: null, unauthorized });
  }

  #tell(type, detail) {
    this.dispatchEvent(Object.assign(new Event(type), { detail }));
  }
}

/** Return samples as they are sent: the index of the first in 64 bits, and all in 16 bits. */
export function message(index, samples) {
  const bytes = new DataView(new ArrayBuffer(INDEX_BYTES + BYTES * samples.length));
  bytes.setBigUint64(0, BigInt(index), true);
  samples.forEach((sample, number) => {
    bytes.setInt16(INDEX_BYTES + BYTES * number, sample, true);
  });
  return bytes.buffer;
}
