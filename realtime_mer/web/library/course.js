/** How a track moves, drawn over its time. */

import { MINUS, add, onResize, set } from "../svg.js";

const [LEFT, RIGHT, TOP, BELOW] = [30, 8, 8, 22];

export class Course {
  #svg;
  #track = null;
  #size = null;
  #typical;
  #grid;
  #borders;
  #lines;
  #moods;
  #ticks;
  #moment;
  #played;
  #marked = 0;

  constructor(svg) {
    this.#svg = svg;
    this.#typical = add(svg, "rect", { class: "typical" });
    this.#grid = add(svg, "path", { class: "axis" });
    this.#borders = add(svg, "path", { class: "axis border" });
    this.#lines = ["valence", "arousal"].map((name) => ({
      name,
      line: add(svg, "polyline", { class: `line ${name}` }),
    }));
    this.#moods = add(svg, "g");
    this.#ticks = [-1, 0, 1].map((value) => ({
      value,
      text: add(svg, "text", { class: "tick" }, String(value).replace("-", MINUS)),
    }));
    this.#played = add(svg, "path", { class: "played" });
    this.#moment = add(svg, "path", { class: "mark" });
    onResize(svg, (width, height) => {
      set(svg, { viewBox: `0 0 ${width} ${height}` });
      this.#size = { left: LEFT, right: width - RIGHT, top: TOP, bottom: height - BELOW };
      this.#layOut();
    });
  }

  /** Draw another track, as of `Table.track`. */
  show(track) {
    this.#track = track;
    this.#marked = 0;
    set(this.#played, { d: "" });
    this.#layOut();
  }

  /** Mark the moment that was chosen. */
  mark(seconds) {
    this.#marked = seconds;
    set(this.#moment, { d: this.#upright(seconds) });
  }

  /** Mark what is heard; null for nothing. */
  play(seconds) {
    set(this.#played, { d: seconds === null ? "" : this.#upright(seconds) });
  }

  /** Return the second of the track at a place of the picture, in CSS pixels. */
  secondsAt(x) {
    if (this.#size === null || this.#track === null) return 0;
    const { left, right } = this.#size;
    const share = Math.min(1, Math.max(0, (x - left) / (right - left)));
    return share * this.#track.seconds;
  }

  #x(seconds) {
    const { left, right } = this.#size;
    return left + (seconds / Math.max(1e-9, this.#track.seconds)) * (right - left);
  }

  #y(value) {
    const { top, bottom } = this.#size;
    return top + ((1 - Math.min(1, Math.max(-1, value))) / 2) * (bottom - top);
  }

  #upright(seconds) {
    if (this.#size === null || this.#track === null) return "";
    const { top, bottom } = this.#size;
    return `M${this.#x(seconds).toFixed(1)} ${top}V${bottom}`;
  }

  #layOut() {
    if (this.#size === null || this.#track === null) return;
    const { left, right, top, bottom } = this.#size;
    const { course, sections, seconds, typical_s: typical } = this.#track;
    set(this.#grid, { d: [-1, 0, 1].map((v) => `M${left} ${this.#y(v)}H${right}`).join("") });
    for (const { value, text } of this.#ticks) {
      set(text, { x: left - 6, y: this.#y(value), dy: "0.35em", "text-anchor": "end" });
    }
    for (const { name, line } of this.#lines) {
      const values = course?.[name] ?? [];
      const corners = values.map((value, part) => {
        const middle = Math.min((part + 0.5) * course.every_s, seconds);
        return `${this.#x(middle).toFixed(1)},${this.#y(value).toFixed(1)}`;
      });
      set(line, { points: corners.join(" ") });
    }
    const known = typical !== null;
    const end = known ? Math.min(seconds, typical + 30) : 0;
    set(this.#typical, {
      x: known ? this.#x(typical) : 0,
      y: top,
      width: known ? Math.max(0, this.#x(end) - this.#x(typical)) : 0,
      height: bottom - top,
    });
    set(this.#borders, {
      d: sections.slice(1).map(({ start }) => `M${this.#x(start).toFixed(1)} ${top}V${bottom}`).join(""),
    });
    set(this.#moment, { d: this.#upright(this.#marked) });
    this.#moods.replaceChildren();
    let free = left; // where the next word may begin
    for (const { start, end: until, mood } of sections) {
      const middle = (this.#x(start) + this.#x(until)) / 2;
      const text = add(this.#moods, "text", { class: "said", "text-anchor": "middle" }, mood);
      const half = text.getBBox().width / 2;
      const fits = mood !== "" && middle - half >= free && middle + half <= right;
      if (!fits || 2 * half > this.#x(until) - this.#x(start)) {
        text.remove();
        continue;
      }
      set(text, { x: middle, y: bottom + 16 });
      free = middle + half + 6;
    }
  }
}
