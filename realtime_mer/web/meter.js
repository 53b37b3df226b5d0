/** The level meter: how loud the input is, its peak, and whether it is cut off. */

import { approach, decibels, levelShare } from "./values.js";

const CLIPPING_DB = -0.1; // a peak from here on is at full scale: a converter has no more to give
const CLIP_SECONDS = 2; // how long clipping stays written: long enough to be seen
const PEAK_SECONDS = 1; // how long the highest peak stands before it falls
const FALL_DB = 20; // a second

export class Meter {
  #fill;
  #line;
  #level = null;
  #peak = -Infinity;
  #peakAt = -Infinity;
  #clippedAt = -Infinity;
  #shown = 0;

  /**
   * @param {HTMLElement} fill a bar as wide as the meter
   * @param {HTMLElement} line an element as wide as the meter, whose right edge is the peak
   */
  constructor(fill, line) {
    this.#fill = fill;
    this.#line = line;
  }

  /**
   * Take what was measured; call it for every hop, so that no peak is missed.
   *
   * @param {object} level `{level_dbfs, peak_dbfs}`; an estimate has no peak
   * @param {number} now seconds of any steady clock
   */
  hear({ level_dbfs, peak_dbfs = -Infinity }, now) {
    this.#level = level_dbfs;
    if (peak_dbfs >= CLIPPING_DB) this.#clippedAt = now;
    if (peak_dbfs >= this.peak(now)) [this.#peak, this.#peakAt] = [peak_dbfs, now];
  }

  /** Forget the level: nothing is known of the sound now. */
  forget() {
    this.#level = null;
    this.#peak = this.#clippedAt = -Infinity;
  }

  /** Return the highest peak in dBFS: held for a moment, then falling. */
  peak(now) {
    return this.#peak - FALL_DB * Math.max(0, now - this.#peakAt - PEAK_SECONDS);
  }

  /** Return whether a peak was at full scale a moment ago. */
  clips(now) {
    return now - this.#clippedAt < CLIP_SECONDS;
  }

  /** Return the level in words. */
  words(now) {
    if (this.#level === null) return "\u2013";
    return this.clips(now) ? "CLIP" : decibels(this.#level);
  }

  /**
   * Draw.
   *
   * @param {number} now
   * @param {number} elapsed seconds since the drawing before
   * @param {number} tau time constant of the glide in seconds, 0 for none
   */
  draw(now, elapsed, tau) {
    this.#shown = approach(this.#shown, levelShare(this.#level ?? -Infinity), elapsed, tau);
    move(this.#fill, `scaleX(${this.#shown.toFixed(2)})`);
    move(this.#line, `translateX(${(100 * levelShare(this.peak(now)) - 100).toFixed(0)}%)`);
  }
}

function move(element, transform) {
  if (element.style.transform !== transform) element.style.transform = transform;
}
