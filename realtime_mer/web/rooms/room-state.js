/** How a room fares, in words, and whether somebody should look after it (pure). */

import { ATTENTION, RECORDING_BADGES, ROOM, STATUS } from "./emotion.js";

const STALE_SECONDS = 5; // so long without an estimate, or without a word of the service

/**
 * Return how a room fares.
 *
 * @param {object} room as the service tells of it
 * @param {number} age seconds since the service told so
 * @returns {object} `{word, note, attention, current}`: `current` where music is estimated now
 */
export function roomState(room, age) {
  const says = ({ word, note }, seconds, attention = true) => ({
    word,
    note: note.replace("{}", Math.floor(seconds)),
    attention,
    current: false,
  });
  if (age > STALE_SECONDS) return says(ROOM.stale, age); // the service is away
  if (room.state === "ended") return says(ROOM.ended, 0, false);
  if (room.state === "empty") return says(ROOM.empty, 0);
  if (room.state === "waiting") return says(ROOM.waiting, room.quiet_s + age);
  if (room.status === "reconnecting") return says(ROOM.late, 0); // and it is fed
  if (room.age_s !== null && room.age_s + age > STALE_SECONDS) {
    return says(ROOM.stale, room.age_s + age);
  }
  const { word, note } = STATUS[room.status] ?? { word: room.status ?? "", note: "" };
  return {
    word,
    note,
    attention: ATTENTION.includes(room.status),
    current: room.status === "music",
  };
}

/** Return what is recorded of a room, in a word; empty for nothing. */
export function recordingBadge({ recording }) {
  if (!recording) return "";
  const { estimates, sound } = recording;
  const found = RECORDING_BADGES.find(({ recorded: [one, other] }) => one === estimates && other === sound);
  return found.badge;
}

const order = new Intl.Collator("en", { numeric: true });

/** Return rooms in an order in which none moves while they come and go: by name, 2 before 10. */
export function sorted(rooms) {
  return [...rooms].sort((one, other) => order.compare(one.name, other.name));
}
