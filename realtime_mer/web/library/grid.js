/** Points of the plane: the nearest, the next in a direction, those within a line (pure). */

const PER_CELL = 2;
const MOST_CELLS = 512; // in a row

/** Points in cells, so that the nearest is found without a look at all of them. */
export class Grid {
  #x;
  #y;
  #size;
  #starts;
  #places;

  /**
   * @param {Float32Array} x of all points, in [-1, 1], as is `y`
   * @param {Float32Array} y
   * @param {Uint32Array} places which of them are there
   */
  constructor(x, y, places) {
    [this.#x, this.#y] = [x, y];
    const wanted = Math.ceil(Math.sqrt(places.length / PER_CELL));
    this.#size = Math.min(MOST_CELLS, Math.max(1, wanted));
    const cells = Uint32Array.from(places, (place) => this.#cell(x[place], y[place]));
    this.#starts = new Uint32Array(this.#size ** 2 + 1);
    for (const cell of cells) this.#starts[cell + 1] += 1;
    for (let cell = 0; cell < this.#size ** 2; cell += 1) {
      this.#starts[cell + 1] += this.#starts[cell];
    }
    const next = this.#starts.slice();
    this.#places = new Uint32Array(places.length);
    places.forEach((place, number) => {
      this.#places[next[cells[number]]] = place;
      next[cells[number]] += 1;
    });
  }

  /** Return the point nearest to a place of the plane, or null if none is as near as `within`. */
  nearest(x, y, within) {
    const width = 2 / this.#size;
    const [column, row] = [this.#step(x), this.#step(y)];
    let [best, least] = [null, within * within];
    for (let ring = 0; ring < this.#size; ring += 1) {
      for (const cell of this.#ring(column, row, ring)) {
        for (let at = this.#starts[cell]; at < this.#starts[cell + 1]; at += 1) {
          const place = this.#places[at];
          const far = (this.#x[place] - x) ** 2 + (this.#y[place] - y) ** 2;
          if (far <= least) [best, least] = [place, far];
        }
      }
      if (least <= (ring * width) ** 2) break; // all that is left is at least as far
    }
    return best;
  }

  *#ring(column, row, ring) {
    const last = this.#size - 1;
    for (let y = Math.max(0, row - ring); y <= Math.min(last, row + ring); y += 1) {
      const whole = Math.abs(y - row) === ring;
      const step = whole || ring === 0 ? 1 : 2 * ring;
      for (let x = column - ring; x <= column + ring; x += step) {
        if (x >= 0 && x <= last) yield y * this.#size + x;
      }
    }
  }

  #cell(x, y) {
    return this.#step(y) * this.#size + this.#step(x);
  }

  #step(value) {
    const step = Math.floor(((value + 1) / 2) * this.#size);
    return Math.min(this.#size - 1, Math.max(0, step));
  }
}

/** Ways that arrow keys go, as `[x, y]`. */
export const WAYS = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

/**
 * Return the nearest point that lies more in a direction than beside it, or null. Of points at the
 * very same place the next one lies to the right and above, the one before to the left and below,
 * so that each can be reached.
 *
 * @param {Float32Array} x
 * @param {Float32Array} y
 * @param {Uint32Array} places those that can be reached, in order
 * @param {number} from
 * @param {number[]} way of `WAYS`
 */
export function toward(x, y, places, from, [across, up]) {
  const forward = across + up > 0;
  let [best, least] = [null, Infinity];
  for (const place of places) {
    const [right, above] = [x[place] - x[from], y[place] - y[from]];
    const ahead = right * across + above * up;
    const beside = Math.abs(right * up) + Math.abs(above * across);
    const far = right * right + above * above;
    const same = far === 0 && (forward ? place > from : place < from);
    if (!same && !(ahead > 0 && ahead >= beside)) continue;
    // The next of those at one place, whichever way.
    if (far < least || (far === 0 && least === 0 && !forward)) [best, least] = [place, far];
  }
  return best;
}

/** Return those of some points that lie within a closed line, given as `[x, y]` corners. */
export function within(x, y, places, line) {
  const [xs, ys] = [line.map((corner) => corner[0]), line.map((corner) => corner[1])];
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [bottom, top] = [Math.min(...ys), Math.max(...ys)];
  return places.filter((place) => {
    const [px, py] = [x[place], y[place]];
    if (px < left || px > right || py < bottom || py > top) return false;
    let inside = false;
    for (let at = 0, before = line.length - 1; at < line.length; before = at, at += 1) {
      const crosses = ys[at] > py !== ys[before] > py;
      const where = xs[at] + ((xs[before] - xs[at]) * (py - ys[at])) / (ys[before] - ys[at]);
      if (crosses && px < where) inside = !inside;
    }
    return inside;
  });
}

/**
 * Return the tracks whose hops lie nearest to a moment, the nearest first, as `{place, distance}`.
 * The distance is the root mean square of that of their hops: of their mean, and how they spread
 * about it. So a track that only comes by is farther than one that stays.
 *
 * @param {object} columns `valence`, `arousal` and `spread` of all tracks
 * @param {Uint32Array} places of those that may be found
 * @param {object} moment `{valence, arousal}`
 * @param {number} count at most so many
 */
export function alike({ valence, arousal, spread }, places, moment, count) {
  const far = (place) =>
    Math.hypot(
      valence[place] - moment.valence,
      arousal[place] - moment.arousal,
      spread[place],
    );
  const found = Array.from(places, (place) => ({ place, distance: far(place) }));
  return found.sort((one, other) => one.distance - other.distance).slice(0, count);
}
