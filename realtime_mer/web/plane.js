/** The plane of valence and arousal, drawn as SVG in the colours of the theme. */

import { MOOD_WORDS, QUADRANTS } from "./emotion.js";
import { apart, freePlace, spread } from "./labels.js";
import { moodWords } from "./mood.js";
import { MINUS, add, onResize, set } from "./svg.js";

const TRAIL_SECONDS = 30;
const PIECES = 12; // steps of the fade
const HOP_MS = 300; // as long as the transition of .hops in plane.css

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

  /** Where the square of the plane lies in the picture, `{left, top, side}` in CSS pixels. */
  get square() {
    return { left: this.#left, top: this.#top, side: this.#side };
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
