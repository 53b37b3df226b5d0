/** A room on the wall: its plane, and how it fares in words. */

import { BETWEEN_SHORT } from "./emotion.js";
import { contradicts, moodText } from "./mood.js";
import { recordingBadge } from "./room-state.js";
import { SmallPlane } from "./small-plane.js";
import { HELD_RGB, Steady, css, moodColour, signed } from "./values.js";

const HOLD_SECONDS = 1; // a mood must stand so long before its word is shown

export class Tile {
  #parts;
  #plane;
  #steady = new Steady();

  /**
   * @param {HTMLTemplateElement} template of a room
   * @param {string} name of the room
   * @param {string} address of its display
   */
  constructor(template, name, address) {
    /** The element of the list. */
    this.element = template.content.firstElementChild.cloneNode(true);
    const part = (selector) => this.element.querySelector(selector);
    this.#parts = {
      word: part(".word"),
      note: part(".note"),
      mood: part(".mood"),
      numbers: part(".numbers"),
      recording: part(".recording"),
    };
    /** What has the focus. */
    this.link = part("a");
    this.link.href = address;
    part(".name").textContent = name;
    this.#plane = new SmallPlane(part("svg"));
  }

  /**
   * Say how the room fares.
   *
   * @param {object} state as of `roomState`
   */
  tell({ word, note, attention, current }) {
    write(this.#parts.word, word);
    write(this.#parts.note, note);
    this.element.classList.toggle("attention", attention);
    this.element.classList.toggle("held", !current);
  }

  /** Show what is estimated in the room. */
  show(room, now, current, words) {
    write(this.#parts.recording, recordingBadge(room));
    if (room.mood === null) return;
    this.#plane.move(room, now);
    const mood = this.#steady.offer(room.mood, now, HOLD_SECONDS, (shown) =>
      contradicts(shown, room),
    );
    write(this.#parts.mood, moodText(mood, words, BETWEEN_SHORT));
    const { valence, arousal } = room;
    write(this.#parts.numbers, `valence ${signed(valence)}, arousal ${signed(arousal)}`);
    const colour = css(current ? moodColour(valence, arousal) : HELD_RGB);
    this.element.style.setProperty("--live-mood", colour);
  }
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
