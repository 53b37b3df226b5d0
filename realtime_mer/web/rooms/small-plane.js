/** A small plane of valence and arousal: a point, its trail and its uncertainty, and no words. */

import { QUADRANTS } from "./emotion.js";
import { add, set } from "./svg.js";

const TRAIL_SECONDS = 30;
const PIECES = 4; // steps of the fade
const SIDE = 100; // of the picture, in its own units
const PLACES = { Q1: [50, 0], Q2: [0, 0], Q3: [0, 50], Q4: [50, 50] };

export class SmallPlane {
  #pieces;
  #here;
  #path = [];

  constructor(svg) {
    set(svg, { viewBox: `0 0 ${SIDE} ${SIDE}` });
    for (const { name } of QUADRANTS) {
      const [x, y] = PLACES[name];
      add(svg, "rect", { class: `ground ${name}`, x, y, width: 50, height: 50 });
    }
    add(svg, "path", { class: "axis", d: "M0 50H100M50 0V100" });
    this.#pieces = Array.from({ length: PIECES }, (_, number) => {
      const opacity = (0.1 + (0.6 * (number + 1)) / PIECES).toFixed(2);
      return add(svg, "polyline", { class: "trail", "stroke-opacity": opacity });
    });
    // The two move as one, by a transform, which glides without a script.
    this.#here = add(svg, "g", { class: "here" });
    add(this.#here, "ellipse", { class: "uncertainty moody" });
    add(this.#here, "circle", { class: "point", r: 5 });
    this.#here.setAttribute("hidden", "");
  }

  /**
   * Move the point, and leave a trace.
   *
   * @param {object} room `{valence, arousal, valence_sd, arousal_sd}`
   * @param {number} now seconds of any steady clock
   */
  move(room, now) {
    const [x, y] = [across(room.valence), down(room.arousal)];
    const [ellipse] = this.#here.children;
    set(ellipse, {
      rx: ((room.valence_sd * SIDE) / 2).toFixed(1),
      ry: ((room.arousal_sd * SIDE) / 2).toFixed(1),
    });
    this.#here.removeAttribute("hidden");
    this.#here.style.transform = `translate(${x}px, ${y}px)`;
    this.#path.push({ now, x, y });
    this.#path = this.#path.filter((place) => now - place.now <= TRAIL_SECONDS);
    const pieces = Array.from({ length: PIECES }, () => []);
    for (const place of this.#path) {
      const share = 1 - (now - place.now) / TRAIL_SECONDS;
      const number = Math.min(PIECES - 1, Math.floor(share * PIECES));
      const corner = `${place.x},${place.y}`;
      pieces[number].push(corner);
      if (number > 0 && pieces[number].length === 1) pieces[number - 1].push(corner);
    }
    pieces.forEach((corners, number) => set(this.#pieces[number], { points: corners.join(" ") }));
  }
}

function across(valence) {
  return Number(((SIDE * (valence + 1)) / 2).toFixed(1));
}

function down(arousal) {
  return Number(((SIDE * (1 - arousal)) / 2).toFixed(1));
}
