/** The recent past of the estimates (pure). */

const BREAK_SECONDS = 1; // a longer hole in stream time is drawn as a hole

export class History {
  #rows = [];
  #seconds;
  #count = 0;

  /** @param {number} seconds how much is kept */
  constructor(seconds) {
    this.#seconds = seconds;
  }

  /** Append an estimate; a step back in time (a stream started afresh) forgets all. */
  add({ t, valence, arousal, valence_sd, arousal_sd, turns }) {
    const newest = this.#rows.at(-1);
    if (newest !== undefined && t <= newest.t) this.#rows = [];
    const hole = this.#rows.length > 0 && t - newest.t > BREAK_SECONDS;
    this.#count += 1;
    const place = { number: this.#count, hole, t };
    this.#rows.push({ ...place, valence, arousal, valence_sd, arousal_sd, turns });
    // Rarely, since it moves everything that stays.
    if (this.#rows[0].t < t - 1.2 * this.#seconds) this.#rows = this.#since(t - this.#seconds);
  }

  /** Append what a service told of the time before, as columns; what is known already is left out. */
  addPast({ t, valence, arousal, valence_sd, arousal_sd, turns }) {
    t.forEach((time, place) => {
      if (time <= (this.newest?.t ?? -Infinity)) return;
      this.add({
        t: time,
        valence: valence[place],
        arousal: arousal[place],
        valence_sd: valence_sd[place],
        arousal_sd: arousal_sd[place],
        turns: turns?.[place], // an older service does not tell
      });
    });
  }

  /** Forget all. */
  clear() {
    this.#rows = [];
  }

  /** The newest row, or undefined. */
  get newest() {
    return this.#rows.at(-1);
  }

  /**
   * Return the stream times of the last seconds at which the music turned, oldest first: where the
   * count of turns is higher than in the row before.
   */
  turned(seconds) {
    if (this.#rows.length === 0) return [];
    const rows = this.#since(this.newest.t - seconds);
    return rows.filter(({ turns }, place) => turns > rows[place - 1]?.turns).map(({ t }) => t);
  }

  /**
   * Return the runs without a hole of the last seconds, oldest first.
   *
   * @param {number} seconds
   * @param {number} [most] about how many rows in all; the same ones stay in while time goes on, so
   *   that a line does not shimmer
   * @returns {object[][]} rows `{t, valence, arousal, valence_sd, arousal_sd}`
   */
  runs(seconds, most = Infinity) {
    if (this.#rows.length === 0) return [];
    const rows = this.#since(this.newest.t - seconds);
    const step = 2 ** Math.max(0, Math.ceil(Math.log2(rows.length / most)));
    const runs = [];
    rows.forEach((row, place) => {
      const starts = place === 0 || row.hole;
      if (starts) runs.push([]);
      const ends = place + 1 === rows.length || rows[place + 1].hole;
      if (starts || ends || row.number % step === 0) runs.at(-1).push(row);
    });
    return runs;
  }

  #since(t) {
    let start = this.#rows.length;
    while (start > 0 && this.#rows[start - 1].t >= t) start -= 1;
    return this.#rows.slice(start);
  }
}
