/** The tracks that were picked, in order, and what is done with them. */

import { clock } from "../values.js";

const ROWS = 100; // that are drawn at a time

export class Playlist {
  #parts;
  #table;
  #told;
  #numbers = [];
  #before = null;
  #seconds = () => 0;
  #drawn = ROWS;
  #drawing = 0;

  /**
   * @param {object} parts the elements `list`, `count`, `more`, `save`, `copy`, `empty`, `undo`
   * @param {Table} table
   * @param {object} told
   * @param {() => void} told.changed
   * @param {(number: number) => void} told.chosen one of them was
   * @param {(text: string) => void} told.say
   * @param {(work: Promise) => void} told.attempt takes what may fail
   */
  constructor(parts, table, told) {
    [this.#parts, this.#table, this.#told] = [parts, table, told];
    parts.more.addEventListener("click", () => {
      this.#drawn += ROWS;
      this.#draw();
    });
    parts.save.addEventListener("click", () => told.attempt(this.#save()));
    parts.copy.addEventListener("click", () => told.attempt(this.#copy()));
    parts.empty.addEventListener("click", () => this.#set([], "The playlist is empty."));
    parts.undo.addEventListener("click", () => {
      if (this.#before !== null) this.#set(this.#before, "Undone.");
    });
    this.#draw();
  }

  /** The numbers of the tracks. */
  get numbers() {
    return this.#numbers;
  }

  /** Whether a track is in it. */
  has(number) {
    return this.#numbers.includes(number);
  }

  /** Take how long tracks are, by their numbers, and part with those that are not there any more. */
  know(seconds) {
    this.#seconds = seconds;
    this.#numbers = this.#numbers.filter((number) => seconds(number) !== undefined);
    this.#draw();
  }

  /** Add tracks that are not in it yet. */
  add(numbers) {
    const held = new Set(this.#numbers);
    const added = numbers.filter((number) => !held.has(number));
    this.#set([...this.#numbers, ...added], `${tracksOf(added.length)} added.`);
  }

  /** Add a track, or take it out. */
  toggle(number) {
    if (this.has(number)) this.remove(number);
    else this.add([number]);
  }

  /** Take a track out. */
  remove(number) {
    const rest = this.#numbers.filter((other) => other !== number);
    this.#set(rest, "Taken out of the playlist.");
  }

  #set(numbers, said) {
    this.#before = this.#numbers;
    this.#numbers = numbers;
    this.#drawn = ROWS;
    this.#draw();
    this.#told.say(said);
    this.#told.changed();
  }

  #draw() {
    const { list, count, more, save, copy, empty, undo } = this.#parts;
    const length = this.#numbers.length;
    const seconds = this.#numbers.reduce((sum, number) => sum + (this.#seconds(number) ?? 0), 0);
    count.textContent = length === 0 ? "" : `${tracksOf(length)}, ${clock(seconds)}`;
    for (const button of [save, copy, empty]) button.disabled = length === 0;
    undo.disabled = this.#before === null;
    more.hidden = length <= this.#drawn;
    this.#told.attempt(this.#drawRows(list));
  }

  async #drawRows(list) {
    this.#drawing += 1;
    const drawing = this.#drawing;
    const named = await this.#table.named(this.#numbers.slice(0, this.#drawn));
    if (drawing !== this.#drawing) return;
    list.replaceChildren(...named.map((names) => this.#row(names)));
  }

  #row(names) {
    const row = document.createElement("li");
    const choose = document.createElement("button");
    choose.append(titleOf(names), lengthOf(this.#seconds(names.number)));
    choose.addEventListener("click", () => this.#told.chosen(names.number));
    const out = document.createElement("button");
    out.className = "out";
    out.textContent = "\u00d7";
    out.setAttribute("aria-label", `Take ${nameOf(names)} out of the playlist`);
    out.addEventListener("click", () => {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      const number = next === null ? null : Number(next.dataset.number);
      this.remove(names.number);
      this.#focusOn(number);
    });
    row.dataset.number = names.number;
    row.append(choose, out);
    return row;
  }

  /** Keep the focus in the list, where the row that had it goes. */
  async #focusOn(number) {
    await Promise.resolve();
    requestAnimationFrame(() => {
      const { list, empty } = this.#parts;
      const row = list.querySelector(`[data-number="${number}"] .out`);
      (row ?? (empty.disabled ? this.#parts.undo : empty)).focus();
    });
  }

  async #save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await this.#table.playlist(this.#numbers));
    link.download = "playlist.m3u8";
    link.click();
    URL.revokeObjectURL(link.href);
    this.#told.say("The playlist is in your downloads.");
  }

  async #copy() {
    await navigator.clipboard.writeText(await this.#table.paths(this.#numbers));
    this.#told.say("The paths are in the clipboard, one a line.");
  }
}

/** Return a number of tracks in words. */
export function tracksOf(count) {
  const digits = String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return `${digits} ${count === 1 ? "track" : "tracks"}`;
}

/** Return what a track is called, in one line. */
export function nameOf({ title, artist }) {
  return artist === "" ? title : `${title}, ${artist}`;
}

/** Return the title of a track over its artist. */
export function titleOf({ title, artist }) {
  const element = document.createElement("span");
  element.className = "title-of";
  const parts = [title, artist].map((text) => {
    const part = document.createElement("span");
    part.textContent = text;
    return part;
  });
  parts[1].className = "name";
  element.append(...parts);
  return element;
}

function lengthOf(seconds) {
  const element = document.createElement("span");
  element.className = "name";
  element.textContent = seconds === undefined ? "" : clock(seconds);
  return element;
}
