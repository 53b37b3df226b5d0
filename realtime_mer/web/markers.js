/** The markers: a form that sets them, a list that shows what the service confirmed. */

import { clock } from "./values.js";

const MOST = 1000;
const DEFAULT_LABEL = "mark";

/** Return a note as one line that the service takes; `mark` where there is none. */
export function asLabel(note) {
  return note.replace(/\p{Cc}+/gu, " ").trim().slice(0, 200) || DEFAULT_LABEL;
}

const signature = ({ label, id, t, wall_time }) => JSON.stringify([label, id, t, wall_time]);

export class Markers {
  #parts;
  #mark;
  #markers = [];
  #waiting = new Map();
  #prefix = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
  #sent = 0;
  #zero = 0;

  /**
   * @param {object} parts the elements `form`, `note`, `message`, `list` and `save`
   * @param {(label: string, id: string) => boolean} mark sends a marker
   */
  constructor(parts, mark) {
    this.#parts = parts;
    this.#mark = mark;
    parts.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.set();
    });
    parts.save.addEventListener("click", () => this.#save());
  }

  /** Stream times of the markers in seconds. */
  get times() {
    return this.#markers.map(({ t }) => t).filter((t) => t !== null);
  }

  /** Set a marker now, with the note. */
  set() {
    const label = asLabel(this.#parts.note.value);
    this.#sent += 1;
    const id = `${this.#prefix}-${this.#sent}`;
    if (!this.#mark(label, id)) {
      this.#say("Not set: there is no connection. The note is kept.");
      return;
    }
    this.#waiting.set(id, label);
    this.#parts.note.value = "";
    this.#say("");
  }

  /** List a marker that the service sent, whoever set it. */
  confirm(marker) {
    this.#add(marker);
    this.#list();
  }

  /** List markers of the past, oldest first, that are not listed yet. */
  recall(past) {
    const known = new Set(this.#markers.map(signature));
    for (const marker of past.filter((marker) => !known.has(signature(marker)))) this.#add(marker);
    this.#list();
  }

  /** Say that the service refused something. */
  refuse(reason) {
    this.#say(`The service refused it: ${reason}`);
  }

  /** Say of markers on their way that they may be lost. */
  lose() {
    const labels = [...this.#waiting.values()].join(", ");
    this.#waiting.clear();
    if (labels) this.#say(`Not confirmed: ${labels}. Set it again.`);
  }

  /** Let the markers so far keep the times they show: the stream begins anew. */
  endSession() {
    this.#markers = this.#markers.map((marker) => ({
      ...marker,
      time: this.#time(marker),
      t: null,
    }));
  }

  /** Count the time of the session from this stream time in seconds. */
  countFrom(zero) {
    this.#zero = zero;
    this.#list();
  }

  #add({ label, id, t, wall_time }) {
    this.#markers = [{ label, id, t, wall_time }, ...this.#markers].slice(0, MOST);
    if (this.#waiting.delete(id)) this.#say(`Set: ${label}`, { seen: false }); // the list shows it
  }

  #say(words, { seen = true } = {}) {
    this.#parts.message.textContent = words;
    this.#parts.message.classList.toggle("unseen", !seen);
  }

  #time({ t, time = "\u2013" }) {
    return t === null ? time : clock(t - this.#zero);
  }

  #list() {
    const rows = this.#markers.map((marker) => {
      const row = document.createElement("li");
      const time = document.createElement("time");
      time.textContent = this.#time(marker);
      const label = document.createElement("span");
      label.textContent = marker.label;
      row.append(time, label);
      return row;
    });
    this.#parts.list.replaceChildren(...rows);
    this.#parts.save.hidden = rows.length === 0;
  }

  /** Hand the list to the user as a text file: session time, time of day and note, oldest first. */
  #save() {
    const lines = this.#markers
      .toReversed()
      .map((marker) => `${this.#time(marker)}\t${marker.wall_time ?? ""}\t${marker.label}\n`);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(lines, { type: "text/plain" }));
    link.download = "markers.txt";
    link.click();
    URL.revokeObjectURL(link.href);
  }
}
