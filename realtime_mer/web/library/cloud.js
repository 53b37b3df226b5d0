/** The points of all tracks on a canvas: one by one, or how dense they lie where they are many. */

import { moodColour } from "../values.js";

/** More than so many are drawn by their density. */
export const DENSE = 20_000;

const SHADES = 32; // of colours along each side of the plane
const CELL = 2; // CSS pixels of a cell of the density
const USUAL = 700; // CSS pixels of a plane's side on which points are as large as they get
const SOLID = 0.8; // opacity of a point
const RIM = 0.8; // CSS pixels, of a point that is picked
const LEAST = 0.22; // opacity of a cell with one track
const FADED = 0.45; // of those that are not picked, where some are

export class Cloud {
  #canvas;
  #context;
  #square = null;
  #scale = 1;
  #palette = [];
  #rim = [0, 0, 0];
  #discs = new Map(); // by radius
  #buffer = document.createElement("canvas");

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  /**
   * Take the colours of the theme, red, green and blue in [0, 255] each.
   *
   * @param {object} corners of `Q1` to `Q4`
   * @param {number[]} rim of those that are picked
   */
  colour(corners, rim) {
    this.#rim = rim;
    const at = (step) => ((step + 0.5) / SHADES) * 2 - 1;
    this.#palette = Array.from({ length: SHADES ** 2 }, (_, shade) =>
      moodColour(at(shade % SHADES), at(Math.floor(shade / SHADES)), corners),
    );
  }

  /**
   * Take a size.
   *
   * @param {object} square `{left, top, side}` of the plane within the canvas, in CSS pixels
   * @param {number} width of the canvas, as is `height`
   * @param {number} height
   */
  layOut(square, width, height) {
    this.#square = square;
    this.#scale = Math.min(2, devicePixelRatio);
    this.#canvas.width = Math.round(width * this.#scale);
    this.#canvas.height = Math.round(height * this.#scale);
    this.#discs.clear();
  }

  /**
   * Draw.
   *
   * @param {object} columns `valence` and `arousal` of all tracks
   * @param {Uint32Array} shown rows of those that are drawn
   * @param {Uint32Array} picked rows of those that stand out
   * @returns {string} `points` or `density`; "" before there is a size
   */
  draw(columns, shown, picked) {
    if (this.#square === null) return "";
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    const dense = shown.length > DENSE;
    const faded = picked.length > 0 ? FADED : 1;
    const radius = this.radius(shown.length);
    if (dense) this.#paintDensity(columns, shown, faded);
    else this.#paintPoints(columns, shown, { alpha: faded * SOLID, radius });
    if (picked.length > DENSE) this.#paintDensity(columns, picked, 1);
    else if (picked.length > 0) {
      this.#paintPoints(columns, picked, { alpha: 1, radius: radius + 1, rim: this.#rim });
    }
    return dense ? "density" : "points";
  }

  /** Return how large a point of so many is, in CSS pixels. */
  radius(count) {
    const size = Math.min(1, Math.max(0.6, (this.#square?.side ?? USUAL) / USUAL));
    return Math.max(1.5, size * (8.5 - 1.55 * Math.log10(Math.max(1, count))));
  }

  /** Put discs into a picture pixel by pixel: a canvas takes much longer for ten thousand. */
  #paintPoints({ valence, arousal }, rows, { alpha, radius, rim = null }) {
    const { left, top, side } = this.#square;
    const { width, height } = this.#canvas;
    const image = new ImageData(width, height);
    const scale = this.#scale;
    const outer = this.#disc(radius * scale);
    const inner = rim === null ? outer : this.#disc((radius - RIM) * scale);
    for (const row of rows) {
      const x = Math.round((left + ((valence[row] + 1) / 2) * side) * scale);
      const y = Math.round((top + ((1 - arousal[row]) / 2) * side) * scale);
      if (rim !== null) stamp(image, x, y, outer, rim, alpha);
      stamp(image, x, y, inner, this.#palette[shadeOf(valence[row], arousal[row])], alpha);
    }
    this.#lay(image, 0, 0, width, height, 1);
  }

  #disc(radius) {
    const known = this.#discs.get(radius);
    if (known !== undefined) return known;
    const made = disc(radius);
    this.#discs.set(radius, made);
    return made;
  }

  #paintDensity({ valence, arousal }, rows, alpha) {
    const { left, top, side } = this.#square;
    const cells = Math.max(1, Math.round(side / CELL));
    const counts = new Uint32Array(cells ** 2);
    let most = 1;
    for (const row of rows) {
      const x = Math.min(cells - 1, Math.max(0, Math.floor(((valence[row] + 1) / 2) * cells)));
      const y = Math.min(cells - 1, Math.max(0, Math.floor(((1 - arousal[row]) / 2) * cells)));
      counts[y * cells + x] += 1;
      most = Math.max(most, counts[y * cells + x]);
    }
    const image = new ImageData(cells, cells);
    const full = Math.max(1, Math.log(most));
    for (let cell = 0; cell < counts.length; cell += 1) {
      if (counts[cell] === 0) continue;
      const across = ((cell % cells) + 0.5) / cells;
      const down = (Math.floor(cell / cells) + 0.5) / cells;
      image.data.set(this.#palette[shadeOf(2 * across - 1, 1 - 2 * down)], 4 * cell);
      image.data[4 * cell + 3] = 255 * (LEAST + (1 - LEAST) * (Math.log(counts[cell]) / full));
    }
    const scale = this.#scale;
    this.#lay(image, left * scale, top * scale, side * scale, side * scale, alpha);
  }

  /** Lay a picture over what is drawn already. */
  #lay(image, x, y, width, height, alpha) {
    [this.#buffer.width, this.#buffer.height] = [image.width, image.height];
    this.#buffer.getContext("2d").putImageData(image, 0, 0);
    this.#context.globalAlpha = alpha;
    this.#context.drawImage(this.#buffer, x, y, width, height);
  }
}

function shadeOf(valence, arousal) {
  const step = (value) =>
    Math.min(SHADES - 1, Math.max(0, Math.floor(((value + 1) / 2) * SHADES)));
  return step(arousal) * SHADES + step(valence);
}

/** Return how much of each pixel about its middle a disc covers. */
function disc(radius) {
  const reach = Math.ceil(radius);
  const cover = [];
  for (let y = -reach; y <= reach; y += 1) {
    for (let x = -reach; x <= reach; x += 1) {
      const share = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x, y)));
      if (share > 0) cover.push({ x, y, share });
    }
  }
  return cover;
}

/** Lay a disc of a colour over a picture. */
function stamp({ data, width, height }, middle, centre, cover, [red, green, blue], alpha) {
  for (const { x: across, y: down, share } of cover) {
    const [x, y] = [middle + across, centre + down];
    if (x < 0 || y < 0 || x >= width || y >= height) continue;
    const at = 4 * (y * width + x);
    const over = share * alpha;
    const under = (data[at + 3] / 255) * (1 - over);
    const whole = over + under;
    data[at] = (red * over + data[at] * under) / whole;
    data[at + 1] = (green * over + data[at + 1] * under) / whole;
    data[at + 2] = (blue * over + data[at + 2] * under) / whole;
    data[at + 3] = 255 * whole;
  }
}
