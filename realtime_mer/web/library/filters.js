/** Which tracks are shown (pure). */

import { moodWords } from "../mood.js";

/** What can be bounded: the names of the columns, and how much of them one of the field is. */
export const BOUNDED = {
  valence: 1,
  arousal: 1,
  loudness_lufs: 1,
  seconds: 60, // a field has minutes
  music_share: 0.01, // and per cent
};

/**
 * Return the rows of those tracks that are wanted, in order.
 *
 * @param {object} table as of `readPoints`
 * @param {object} wanted
 * @param {string} wanted.mood a mood word; "" for any
 * @param {Set<number>|null} wanted.numbers of tracks that a text was found in; null for any
 * @param {object} wanted.bounds by the name of a column `[least, most]`, each null for none. A track
 *   of which the number is not known is within no bound.
 * @returns {Uint32Array}
 */
export function shownRows(table, { mood, numbers, bounds }) {
  const { columns, count, moods } = table;
  const words = moods.map((said) => mood === "" || moodWords(said).includes(mood));
  const limits = Object.entries(bounds)
    .filter(([, [least, most]]) => least !== null || most !== null)
    .map(([name, [least, most]]) => [columns[name], least ?? -Infinity, most ?? Infinity]);
  const rows = new Uint32Array(count);
  let found = 0;
  for (let row = 0; row < count; row += 1) {
    if (!words[columns.mood[row]]) continue;
    if (numbers !== null && !numbers.has(columns.number[row])) continue;
    if (!limits.every(([values, least, most]) => values[row] >= least && values[row] <= most)) {
      continue;
    }
    rows[found] = row;
    found += 1;
  }
  return rows.slice(0, found);
}

/**
 * Return what is wanted by a form, but for the text: of every column in `BOUNDED` it may have the
 * fields `NAME-least` and `NAME-most`.
 */
export function wantedBy(form) {
  const number = (name) => {
    const field = form.elements.namedItem(name);
    return field === null || field.value === "" || !field.checkValidity() ? null : Number(field.value);
  };
  const bounds = Object.entries(BOUNDED).map(([name, unit]) => {
    const ends = [number(`${name}-least`), number(`${name}-most`)];
    return [name, ends.map((end) => (end === null ? null : end * unit))];
  });
  return { mood: form.elements.namedItem("mood").value, bounds: Object.fromEntries(bounds) };
}
