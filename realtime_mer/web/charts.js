/** The time lines and the bars, drawn as SVG and HTML in the colours of the theme. */

import { GEMS, QUADRANTS } from "./emotion.js";
import { MINUS, add, onResize, set } from "./svg.js";

/** One quantity in [-1, 1] over the last minutes, in a band of one standard deviation. */
export class TimeLine {
  #svg;
  #name;
  #size = null;
  #dated;
  #grid;
  #band;
  #line;
  #marks;
  #turns;
  #ticks;
  #label;
  #times;
  #seconds = 0;

  /**
   * @param {SVGElement} svg
   * @param {string} name `valence` or `arousal`
   * @param {object} [options]
   * @param {boolean} [options.dated] write the times below: one line of text that is not part of
   *   the picture's own height, so that lines above each other are equally high
   */
  constructor(svg, name, { dated = true } = {}) {
    this.#svg = svg;
    this.#name = name;
    this.#dated = dated;
    this.#grid = add(svg, "path", { class: "axis" });
    this.#marks = add(svg, "path", { class: "mark" });
    this.#band = add(svg, "path", { class: `band ${name}` });
    this.#line = add(svg, "path", { class: `line ${name}` });
    this.#turns = add(svg, "path", { class: "turn" });
    this.#ticks = [-1, 1].map((value) => ({
      value,
      text: add(svg, "text", { class: "tick" }, String(value).replace("-", MINUS)),
    }));
    this.#times = add(svg, "g");
    // In the place of the tick at 0, so that a name costs no height.
    this.#label = add(svg, "text", { class: `label ${name}` }, name);
    onResize(svg, (width, height) => {
      set(svg, { viewBox: `0 0 ${width} ${height}` });
      const em = Number.parseFloat(getComputedStyle(this.#label).fontSize);
      // Room for either name, so that lines above each other begin alike, and for half a tick.
      const [left, half] = [4.1 * em + 8, 0.55 * em];
      this.#size = { left, right: width - 6, top: half, bottom: height - half, em };
      this.#seconds = 0; // lay out at the next drawing
    });
  }

  /**
   * Draw.
   *
   * @param {History} history
   * @param {number} seconds how much of it
   * @param {number[]} marks stream times of markers
   */
  draw(history, seconds, marks) {
    if (this.#size === null) return;
    if (seconds !== this.#seconds) this.#layOut(seconds);
    const newest = history.newest;
    if (newest === undefined) return;
    const { left, right, top, bottom, em } = this.#size;
    const x = (t) => (right + ((t - newest.t) / seconds) * (right - left)).toFixed(1);
    const y = (value) =>
      (top + ((1 - Math.min(1, Math.max(-1, value))) / 2) * (bottom - top)).toFixed(1);
    const runs = history.runs(seconds, right - left);
    const line = (rows, value) => rows.map((row) => `${x(row.t)} ${y(value(row))}`).join("L");
    const sd = (row) => row[`${this.#name}_sd`];
    const mean = (row) => row[this.#name];
    set(this.#line, { d: runs.map((rows) => `M${line(rows, mean)}`).join("") });
    const band = (rows) =>
      `M${line(rows, (row) => mean(row) + sd(row))}` +
      `L${line(rows.toReversed(), (row) => mean(row) - sd(row))}Z`;
    set(this.#band, { d: runs.map(band).join("") });
    const seen = marks.filter((t) => t <= newest.t && t > newest.t - seconds);
    set(this.#marks, { d: seen.map((t) => `M${x(t)} ${top}V${bottom}`).join("") });
    const turned = history.turned(seconds);
    const triangle = (t) => `M${x(t)} ${bottom - 0.6 * em}l${0.35 * em} ${0.6 * em}h${-0.7 * em}Z`;
    set(this.#turns, { d: turned.map(triangle).join("") });
  }

  #layOut(seconds) {
    this.#seconds = seconds;
    const { left, right, top, bottom } = this.#size;
    const middle = (top + bottom) / 2;
    set(this.#grid, {
      d: `M${left} ${top}H${right}M${left} ${middle}H${right}M${left} ${bottom}H${right}`,
    });
    for (const { value, text } of this.#ticks) {
      set(text, { x: left - 6, y: value < 0 ? bottom : top, dy: "0.35em" });
    }
    set(this.#label, { x: left - 6, y: middle, dy: "0.35em" });
    this.#times.replaceChildren();
    if (!this.#dated) return;
    const step = seconds / ((right - left) / seconds < 1.2 ? 2 : 4);
    for (let ago = seconds - step; ago >= 0; ago -= step) {
      const words = ago === 0 ? "now" : `${MINUS}${ago % 60 ? `${ago} s` : `${ago / 60} min`}`;
      set(add(this.#times, "text", { class: "tick" }, words), {
        x: right - (ago / seconds) * (right - left),
        y: bottom,
        dy: "1.3em",
        "text-anchor": ago === 0 ? "end" : "middle",
      });
    }
  }
}

/** Horizontal bars of shares in [0, 1], each with its name and per cent. */
class Bars {
  #rows;

  /**
   * @param {HTMLElement} list
   * @param {{name: string, label: string}[]} items
   */
  constructor(list, items) {
    this.#rows = items.map(({ name, label }) => {
      const row = document.createElement("li");
      row.className = name;
      const part = (kind, parent = row) => {
        const element = document.createElement("span");
        element.className = kind;
        parent.append(element);
        return element;
      };
      part("name").textContent = label;
      const fill = part("fill", part("groove"));
      const percent = part("percent");
      list.append(row);
      return { name, row, fill, percent };
    });
  }

  /** Draw shares by their names. */
  show(shares) {
    const largest = Math.max(...this.#rows.map(({ name }) => shares[name]));
    for (const { name, row, fill, percent } of this.#rows) {
      const share = shares[name];
      fill.style.transform = `scaleX(${Math.min(1, Math.max(0, share)).toFixed(3)})`;
      percent.textContent = `${Math.round(100 * share)}%`;
      row.classList.toggle("largest", share === largest);
    }
  }
}

/** Make the bars of the quadrants. */
export function quadrantBars(list) {
  const items = QUADRANTS.map(({ name, label }) => ({ name, label: `${name} ${label}` }));
  return new Bars(list, items);
}

/** Make the bars of the GEMS shares. */
export function gemsBars(list) {
  return new Bars(
    list,
    GEMS.map((name) => ({ name, label: name.replaceAll("_", " ") })),
  );
}
