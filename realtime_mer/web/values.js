/** From numbers to what is shown: text, shares, colours and glides (pure). */

const MINUS = "\u2212";

/** Return a number in [-1, 1] with its sign and two decimals. */
export function signed(value) {
  const text = Math.abs(value).toFixed(2);
  return `${value < 0 && text !== "0.00" ? MINUS : "+"}${text}`;
}

/** Return seconds as `m:ss`, or `h:mm:ss` from an hour on, with a minus sign below zero. */
export function clock(seconds) {
  const whole = Math.floor(Math.abs(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const time = hours > 0 ? `${hours}:${two(minutes)}` : `${minutes}`;
  return `${seconds <= -1 ? MINUS : ""}${time}:${two(whole % 60)}`;
}

/** Return whole decibels relative to full scale as text. */
export function decibels(dbfs) {
  return `${Math.round(dbfs)} dBFS`.replace("-", MINUS);
}

/** Return the share of a level meter from -60 dBFS to 0 that a level fills, in [0, 1]. */
export function levelShare(dbfs) {
  return Math.min(1, Math.max(0, 1 + dbfs / 60));
}

/**
 * Return where something is that glides exponentially from `here` towards `goal`. The result does
 * not depend on how time is cut into frames.
 *
 * @param {number} here
 * @param {number} goal
 * @param {number} seconds since `here`, at least 0
 * @param {number} tau time constant in seconds; 0 jumps
 */
export function approach(here, goal, seconds, tau) {
  return tau > 0 ? goal + (here - goal) * Math.exp(-seconds / tau) : goal;
}

/** Return what the service records, as a `status` tells it, in words for people. */
export function recordingWords(recording) {
  if (recording === undefined) return "The service has not said yet whether it records.";
  if (recording === null) return "The service records no session.";
  const { estimates, sound } = recording;
  if (estimates && sound) return "The service records estimates, notes and SOUND.";
  if (estimates) return "The service records estimates and notes, but no sound.";
  return sound ? "The service records SOUND, and no more estimates." : "The recording has stopped.";
}

/** Return how an outlet fares, as a `status` tells it: `booth: 120 sent, 3 dropped, 0 failed`. */
export function outletWords({ name, state, sent, dropped, failed }) {
  const gone = state === "connected" ? "" : ` (${state})`;
  return `${name}${gone}: ${sent} sent, ${dropped} dropped, ${failed} failed`;
}

/** The corners of the plane: the colours of the quadrants on a dark ground (Okabe & Ito 2008). */
export const QUADRANT_RGB = {
  Q1: [240, 199, 66],
  Q2: [213, 94, 0],
  Q3: [74, 159, 216],
  Q4: [38, 182, 140],
};

/**
 * Return the colour of a point of the plane: that of its quadrant, blended across the borders.
 *
 * @param {number} valence in [-1, 1]
 * @param {number} arousal in [-1, 1]
 * @param {object} [corners] red, green and blue of each quadrant; those on a dark ground if not given
 * @returns {number[]} red, green and blue in [0, 255]
 */
export function moodColour(valence, arousal, corners = QUADRANT_RGB) {
  const [right, up] = [ramp(valence), ramp(arousal)];
  const weights = {
    Q1: right * up,
    Q2: (1 - right) * up,
    Q3: (1 - right) * (1 - up),
    Q4: right * (1 - up),
  };
  return [0, 1, 2].map((channel) =>
    Object.entries(weights).reduce(
      (sum, [name, weight]) => sum + weight * corners[name][channel],
      0,
    ),
  );
}

/** The colour in the place of a mood that is held, as in theme.css. */
export const HELD_RGB = [152, 162, 179];

/** The ground of the dj theme, as in theme.css. */
export const GROUND_RGB = [12, 15, 20];

const TINT_SHARE = 0.28; // all text stays readable on it, as tests compute

/** Return the ground of the dj theme with some of a colour in it. */
export function tinted(colour) {
  return GROUND_RGB.map((part, channel) => part + (colour[channel] - part) * TINT_SHARE);
}

/** Return red, green and blue in [0, 255] as CSS writes them. */
export function css(rgb) {
  return `rgb(${rgb.map((part) => Math.round(part)).join(" ")})`;
}

/** Rise smoothly from 0 to 1 between -0.4 and 0.4, where most ratings of music lie. */
function ramp(value) {
  const share = Math.min(1, Math.max(0, (value + 0.4) / 0.8));
  return share * share * (3 - 2 * share);
}

/** Lets a word through only once it has stood for a while, so that nothing flickers. */
export class Steady {
  #shown = null;
  #wanted = null;
  #since = 0;

  /**
   * Return the word to show.
   *
   * @param {string} word the latest
   * @param {number} now seconds of any steady clock
   * @param {number} hold seconds that a new word has to stand; the first one does not wait
   * @param {function(string): boolean} gone whether the word that is shown must not be any longer
   */
  offer(word, now, hold, gone = () => false) {
    if (word !== this.#wanted) {
      this.#wanted = word;
      this.#since = now;
    }
    if (this.#shown === null || now - this.#since >= hold || gone(this.#shown)) this.#shown = word;
    return this.#shown;
  }
}
