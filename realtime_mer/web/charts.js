/** The plane, the time lines and the bars, drawn as SVG and HTML in the colours of the theme. */

import { GEMS, MOOD_WORDS, QUADRANTS } from "./emotion.js";
import { apart, freePlace, spread } from "./labels.js";
import { moodWords } from "./mood.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const TRAIL_SECONDS = 30;
const PIECES = 12; // steps of the fade
const HOP_MS = 300; // as long as the transition of .hops in style.css
const MINUS = "\u2212";

function add(parent, name, attributes = {}, text = "") {
  const element = document.createElementNS(NAMESPACE, name);
  set(element, attributes);
  element.textContent = text;
  parent.append(element);
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

/** Call back with width and height of an element in CSS pixels, now and whenever they change. */
function onResize(element, callback) {
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width > 0) callback(contentRect.width, contentRect.height);
  }).observe(element);
}

/** Valence to the right, arousal upwards, both in [-1, 1], with the mood words at their places. */
export class Plane {
  #svg;
  #side = 0;
  #left = 0;
  #top = 0;
  #here = null;
  #path = [];
  #base;
  #grounds;
  #axes;
  #corners;
  #ticks;
  #titles;
  #words;
  #said = null;
  #mood = [];
  #beside = new Map();
  #hoppedAt = -Infinity;
  #pieces;
  #ellipse;
  #point;

  constructor(svg) {
    this.#svg = svg;
    this.#base = add(svg, "rect", { class: "base" });
    this.#grounds = QUADRANTS.map(({ name }) => add(svg, "rect", { class: `ground ${name}` }));
    this.#axes = [add(svg, "path", { class: "axis" }), add(svg, "rect", { class: "frame" })];
    this.#corners = QUADRANTS.map(({ name }) => add(svg, "text", { class: "corner" }, name));
    this.#ticks = ["x", "y"].flatMap((axis) =>
      [-1, 0, 1].map((value) => ({
        axis,
        value,
        text: add(svg, "text", { class: `tick ${axis}` }, String(value).replace("-", MINUS)),
      })),
    );
    this.#titles = [
      add(svg, "text", { class: "title" }, "unpleasant \u2190 valence \u2192 pleasant"),
      add(svg, "text", { class: "title" }, "calm \u2190 arousal \u2192 energetic"),
    ];
    this.#pieces = Array.from({ length: PIECES }, (_, number) => {
      const share = (number + 1) / PIECES;
      return add(svg, "polyline", {
        class: "trail",
        "stroke-opacity": (0.06 + 0.64 * share ** 1.5).toFixed(2),
        "stroke-width": (1 + 2 * share).toFixed(2),
      });
    });
    this.#ellipse = add(svg, "ellipse", { class: "uncertainty moody" });
    this.#words = new Map(
      MOOD_WORDS.map((mood) => [
        mood.word,
        { mood, text: add(svg, "text", { class: "word" }, mood.word), place: null },
      ]),
    );
    this.#point = add(svg, "circle", { class: "point", r: 9 });
    this.showCurrent(false);
    onResize(svg, (width, height) => this.#layOut(width, height));
  }

  /** Write the user's own words in the place of the usual ones. */
  showWords(mapping) {
    for (const [word, { text }] of this.#words) text.textContent = mapping[word] ?? word;
    this.#placeWords();
  }

  /** Make the words of the mood stand out. */
  showMood(mood) {
    if (mood === this.#said) return;
    this.#said = mood;
    this.#mood = moodWords(mood);
    for (const [word, { text }] of this.#words) {
      text.classList.toggle("here", this.#mood.includes(word));
      if (!this.#mood.includes(word)) text.style.transform = "";
    }
    this.#beside.clear();
    this.#giveWay();
  }

  /** Draw a filled point for music that plays now, a hollow and dashed one for any other. */
  showCurrent(current) {
    this.#svg.classList.toggle("held", !current);
  }

  /**
   * Move the point.
   *
   * @param {object} here `{valence, arousal, valence_sd, arousal_sd}`
   */
  move(here) {
    this.#here = here;
    if (this.#side === 0) return;
    const [x, y] = [this.#x(here.valence), this.#y(here.arousal)];
    set(this.#point, { cx: x.toFixed(2), cy: y.toFixed(2) });
    const half = this.#side / 2;
    set(this.#ellipse, {
      cx: x.toFixed(2),
      cy: y.toFixed(2),
      rx: (here.valence_sd * half).toFixed(2),
      ry: (here.arousal_sd * half).toFixed(2),
    });
    this.#svg.dataset.valence = here.valence.toFixed(4);
    this.#svg.dataset.arousal = here.arousal.toFixed(4);
    this.#giveWay();
  }

  /**
   * Leave a trace where the point is now, and draw what it left in the last half minute.
   *
   * @param {number} now seconds of any steady clock
   */
  trace(now) {
    if (this.#here === null) return;
    this.#path.push({ now, valence: this.#here.valence, arousal: this.#here.arousal });
    this.#path = this.#path.filter((place) => now - place.now <= TRAIL_SECONDS);
    const pieces = Array.from({ length: PIECES }, () => []);
    for (const place of this.#path) {
      const age = (now - place.now) / TRAIL_SECONDS;
      const number = Math.min(PIECES - 1, Math.floor((1 - age) * PIECES));
      const corner = `${this.#x(place.valence).toFixed(1)},${this.#y(place.arousal).toFixed(1)}`;
      pieces[number].push(corner);
      // The first corner of a piece also ends the one before, so that they meet.
      if (number > 0 && pieces[number].length === 1) pieces[number - 1].push(corner);
    }
    pieces.forEach((corners, number) => set(this.#pieces[number], { points: corners.join(" ") }));
  }

  /** Forget the trail. */
  jump() {
    this.#path = [];
  }

  /** Put the words at their places, or as near as they can stand without touching. */
  #placeWords() {
    if (this.#side === 0) return;
    const all = [...this.#words.values()];
    // All as wide as in bold, so that none moves when the mood changes.
    for (const { text } of all) text.classList.add("here");
    const places = all.map(({ mood, text }) => {
      const { width, height } = text.getBBox();
      const [x, y] = [this.#x(mood.valence), this.#y(mood.arousal)];
      return { x, y, halfWidth: width / 2 + 2, halfHeight: 0.36 * height + 1 }; // of letters
    });
    const [left, top] = [this.#left, this.#top];
    spread(places, { left, top, right: left + this.#side, bottom: top + this.#side }).forEach(
      (place, number) => {
        const { mood, text } = all[number];
        const here = this.#mood.includes(mood.word);
        all[number].place = place;
        text.classList.toggle("here", here);
        if (!here) text.style.transform = "";
        set(text, { x: place.x, y: place.y });
      },
    );
    this.#beside.clear();
    this.#giveWay();
  }

  /** Keep the words of the mood readable where the point is at their place; others make room. */
  #giveWay() {
    if (this.#side === 0) return;
    const taken = [];
    for (const mood of this.#mood) {
      const word = this.#words.get(mood);
      if (word !== undefined) taken.push(this.#stepAside(mood, word, taken));
    }
    if (this.#here !== null) {
      const [x, y] = [this.#x(this.#here.valence), this.#y(this.#here.arousal)];
      taken.push({ x, y, halfWidth: this.#radius + 1, halfHeight: this.#radius + 1 });
    }
    for (const [name, { text, place }] of this.#words) {
      const here = this.#mood.includes(name);
      const stays = here || taken.every((other) => apart(place, other));
      if (stays && !here) taken.push(place);
      text.classList.toggle("away", !stays);
    }
  }

  /** Move a word of the mood beside the point and clear of those before it; return its place. */
  #stepAside(mood, word, before) {
    if (this.#here === null) return word.place;
    const beside = this.#beside.get(mood) ?? 0;
    const point = {
      x: this.#x(this.#here.valence),
      y: this.#y(this.#here.arousal),
      radius: this.#radius + 8, // with its rim and some air
    };
    const others = [...this.#words.values()].filter((other) => other !== word);
    const places = [...before, ...others.map(({ place }) => place)];
    const { x, y, side } = freePlace(word.place, point, places, beside);
    const now = performance.now();
    if (side !== beside) this.#hoppedAt = now;
    this.#beside.set(mood, side);
    word.text.classList.toggle("hops", now - this.#hoppedAt < HOP_MS);
    const [across, down] = [x - word.place.x, y - word.place.y];
    word.text.style.transform = `translate(${across.toFixed(1)}px, ${down.toFixed(1)}px)`;
    return { ...word.place, x, y };
  }

  get #radius() {
    return Math.max(7, this.#side / 55);
  }

  #x(valence) {
    return this.#left + ((valence + 1) / 2) * this.#side;
  }

  #y(arousal) {
    return this.#top + ((1 - arousal) / 2) * this.#side;
  }

  #layOut(width, height) {
    const small = width < 480;
    const [margin, edge] = small ? [36, 4] : [44, 8];
    this.#side = Math.max(1, Math.min(width - margin - edge, height - margin - edge));
    this.#left = margin + (width - margin - edge - this.#side) / 2;
    this.#top = edge;
    set(this.#svg, { viewBox: `0 0 ${width} ${height}` });
    const [left, top, half] = [this.#left, this.#top, this.#side / 2];
    const [right, bottom] = [left + this.#side, top + this.#side];
    const quarters = { Q1: [half, 0], Q2: [0, 0], Q3: [0, half], Q4: [half, half] };
    QUADRANTS.forEach(({ name }, number) => {
      const [x, y] = quarters[name];
      set(this.#grounds[number], { x: left + x, y: top + y, width: half, height: half });
      const inset = small ? 7 : 12;
      set(this.#corners[number], {
        x: x === 0 ? left + inset : right - inset,
        y: y === 0 ? top + inset : bottom - inset,
        "text-anchor": x === 0 ? "start" : "end",
        "dominant-baseline": y === 0 ? "hanging" : "auto",
      });
    });
    set(this.#axes[0], {
      d: `M${left} ${this.#y(0)}H${right}M${this.#x(0)} ${top}V${bottom}`,
    });
    for (const square of [this.#base, this.#axes[1]]) {
      set(square, { x: left, y: top, width: this.#side, height: this.#side });
    }
    for (const { axis, value, text } of this.#ticks) {
      // The outermost are kept inside of the picture.
      const anchor = { "-1": "start", 0: "middle", 1: "end" }[value];
      const place =
        axis === "x"
          ? { x: this.#x(value), y: bottom + (small ? 15 : 18), "text-anchor": anchor }
          : {
              x: left - (small ? 5 : 8),
              y: this.#y(value) + { "-1": 0, 0: 4, 1: 10 }[value],
              "text-anchor": "end",
            };
      set(text, place);
    }
    const [below, beside] = small ? [31, 24] : [38, 32];
    set(this.#titles[0], { x: left + half, y: bottom + below });
    set(this.#titles[1], {
      x: left - beside,
      y: top + half,
      transform: `rotate(-90 ${left - beside} ${top + half})`,
    });
    this.#placeWords();
    set(this.#point, { r: this.#radius });
    if (this.#here !== null) this.move(this.#here);
  }
}

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
      this.#size = { left, right: width - 6, top: half, bottom: height - half };
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
    const { left, right, top, bottom } = this.#size;
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
