/**
 * What the mood of an estimate says, and what would contradict it: the rules of realtime_mer/mood.py,
 * which tests hold this file to. The mood itself comes with the estimate.
 */

import { BETWEEN, MAJORITY, MIDDLE_RADIUS, MOOD_WORDS } from "./emotion.js";

/** Return the mood words, one or two, that the mood of an estimate is made of. */
export function moodWords(mood) {
  const [before, amid] = BETWEEN.split("{}");
  return mood.startsWith(before) ? mood.slice(before.length).split(amid) : [mood];
}

/** Return a mood as it is said, in the user's own words where there are some. */
export function moodText(mood, own, template = BETWEEN) {
  const said = moodWords(mood).map((word) => own[word] ?? word);
  return said.length === 1 ? said[0] : template.replaceAll("{}", () => said.shift());
}

/**
 * Return whether a mood contradicts the point or the quadrants of an estimate, such as one that came
 * later: none of its words claims a quadrant in which the point lies, or none the likeliest. Of the
 * middle it may speak near the middle, and where no quadrant has a majority.
 */
export function contradicts(mood, { valence, arousal, quadrants }) {
  const claims = MOOD_WORDS.filter(({ word }) => moodWords(mood).includes(word)).map(
    ({ quadrant }) => quadrant,
  );
  const lies = {
    Q1: valence >= 0 && arousal >= 0,
    Q2: valence <= 0 && arousal >= 0,
    Q3: valence <= 0 && arousal <= 0,
    Q4: valence >= 0 && arousal <= 0,
  };
  const middle = claims.includes(null);
  const most = Math.max(...Object.values(quadrants));
  const near = middle && Math.hypot(valence, arousal) < MIDDLE_RADIUS;
  const open = middle && most < MAJORITY;
  return !(
    (near || claims.some((quadrant) => lies[quadrant])) &&
    (open || claims.some((quadrant) => quadrants[quadrant] === most))
  );
}
