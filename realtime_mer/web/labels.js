/** Where the words of the plane stand so that all can be read (pure). */

const ROUNDS = 200;

/**
 * Return whether two boxes do not overlap.
 *
 * @param {object} one `{x, y, halfWidth, halfHeight}` about its middle, as is the other
 */
export function apart(one, other) {
  return (
    Math.abs(one.x - other.x) >= one.halfWidth + other.halfWidth ||
    Math.abs(one.y - other.y) >= one.halfHeight + other.halfHeight
  );
}

/**
 * Return the same boxes, moved so little that none overlaps another, as far as there is room: each
 * two that do are pushed apart the shorter way, half each, again and again.
 *
 * @param {object[]} boxes `{x, y, halfWidth, halfHeight}` about their middles
 * @param {object} frame `{left, top, right, bottom}` in which they stay
 * @returns {object[]}
 */
export function spread(boxes, frame) {
  const places = boxes.map((box) => ({ ...box }));
  for (let round = 0; round < ROUNDS; round += 1) {
    let moved = false;
    places.forEach((one, number) => {
      for (const other of places.slice(number + 1)) {
        if (apart(one, other)) continue;
        moved = true;
        const across = one.halfWidth + other.halfWidth - Math.abs(one.x - other.x);
        const down = one.halfHeight + other.halfHeight - Math.abs(one.y - other.y);
        const [axis, by] = across < down ? ["x", across] : ["y", down];
        const way = (one[axis] <= other[axis] ? 1 : -1) * (by / 2 + 0.01);
        one[axis] -= way;
        other[axis] += way;
      }
    });
    if (!moved) break;
    for (const place of places) {
      const { halfWidth, halfHeight } = place;
      place.x = clamp(place.x, frame.left + halfWidth, frame.right - halfWidth);
      place.y = clamp(place.y, frame.top + halfHeight, frame.bottom - halfHeight);
    }
  }
  return places;
}

function clamp(value, least, most) {
  return Math.max(least, Math.min(most, value));
}

/**
 * Return where a label goes: its own place, or, where the point would cover it, the nearest place
 * beside the point at which it covers no other label.
 *
 * @param {object} label `{x, y, halfWidth, halfHeight}` about its middle, as are `others`
 * @param {object} point `{x, y, radius}`
 * @param {object[]} others
 * @param {number} [side] where it is now, from an earlier call: it stays there while it can
 * @returns {object} `{x, y, side}`; side is 0 at its own place
 */
export function freePlace(label, point, others, side = 0) {
  const { halfWidth, halfHeight } = label;
  const [across, down] = [point.radius + halfWidth, point.radius + halfHeight];
  const places = [
    { x: label.x, y: label.y },
    { x: label.x, y: point.y - down },
    { x: label.x, y: point.y + down },
    { x: point.x - across, y: label.y },
    { x: point.x + across, y: label.y },
  ].map((place, number) => ({ ...place, side: number }));
  const free = ({ x, y }) => others.every((other) => apart({ ...label, x, y }, other));
  const disc = { ...point, halfWidth: point.radius, halfHeight: point.radius };
  const [own, ...beside] = places;
  if (apart(label, disc)) return own;
  const far = ({ x, y }) => Math.hypot(x - label.x, y - label.y) + (free({ x, y }) ? 0 : 1e6);
  if (side > 0 && free(places[side])) return places[side];
  return beside.reduce((best, place) => (far(place) < far(best) ? place : best));
}
