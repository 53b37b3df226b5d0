/** How many rooms stand beside one another on a wall, and how high each is (pure). */

export const GAP = 10; // between two, as in rooms.css

const HEAD = 32; // of a tile: its name
const BELOW = 84; // of a tile whose words stand under its plane: both
const BELOW_LOW = 55; // the same of a low tile, which has no more than its name and one word
const LOW = 150; // as in rooms.css
const BESIDE = 140; // what words beside a plane need across
const BROAD = 5 / 4; // from this shape on they stand beside it, as in rooms.css
const VERY_BROAD = 2; // the same of a low tile
const LEAST_SIDE = 60; // of a plane; where there is no room for so much, the page scrolls
const LEAST_WIDTH = 148; // of a tile

/**
 * Return the layout in which the planes are largest, and little of the screen is left over.
 *
 * @param {number} count of rooms
 * @param {number} width of the screen, in CSS pixels
 * @param {number} height
 * @returns {object} `{columns, row}`: rooms beside one another, and the height of each
 */
export function layOut(count, width, height) {
  let best = null;
  for (let columns = 1; columns <= count; columns += 1) {
    const tile = inColumns(columns, count, width, height);
    if (tile.wide < LEAST_WIDTH && columns > 1) break;
    if (tile.side >= LEAST_SIDE && (best === null || tile.score > best.score)) best = tile;
  }
  if (best !== null) return { columns: best.columns, row: best.row };
  const columns = Math.max(1, Math.floor((width + GAP) / (LEAST_WIDTH + GAP)));
  const side = Math.min(LEAST_WIDTH, (width - GAP * (columns - 1)) / columns);
  return { columns, row: Math.floor(side) + BELOW };
}

function inColumns(columns, count, width, height) {
  const rows = Math.ceil(count / columns);
  const wide = (width - GAP * (columns - 1)) / columns;
  const high = (height - GAP * (rows - 1)) / rows;
  const broad = wide / high >= (high < LOW ? VERY_BROAD : BROAD);
  const below = high < LOW ? BELOW_LOW : BELOW;
  const side = broad ? Math.min(wide - BESIDE, high - HEAD) : Math.min(wide, high - below);
  const row = Math.floor(broad ? high : Math.min(high, side + below));
  // A plane that is a little smaller is no loss where the rest of the screen is used instead.
  const used = (row * rows) / height;
  return { columns, wide, side, row, score: side * Math.sqrt(used) };
}
