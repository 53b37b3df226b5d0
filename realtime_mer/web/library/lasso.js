/** What a finger, a pen or a mouse does on the plane. */

const FAR = 6; // CSS pixels from which a press becomes a line
const STEP = 4; // between corners of the line

/**
 * Tell of what is done on an element.
 *
 * @param {HTMLElement} stage
 * @param {object} told
 * @param {(place: number[]) => void} told.hover where the pointer is, in CSS pixels of the element
 * @param {() => void} told.leave it is there no longer
 * @param {(place: number[], event: PointerEvent) => void} told.press it was pressed, at one place
 * @param {(line: number[][]) => void} told.draw a line is being drawn
 * @param {(line: number[][], event: PointerEvent) => void} told.close it was drawn
 * @param {() => void} told.stop it was given up
 */
export function watch(stage, { hover, leave, press, draw, close, stop }) {
  let line = null;
  const placeOf = ({ clientX, clientY }) => {
    const { left, top } = stage.getBoundingClientRect();
    return [clientX - left, clientY - top];
  };
  const far = (one, other) => Math.hypot(one[0] - other[0], one[1] - other[1]);
  stage.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    line = [placeOf(event)];
  });
  stage.addEventListener("pointermove", (event) => {
    if (!event.isPrimary) return;
    const place = placeOf(event);
    if (line === null) {
      if (event.pointerType === "mouse") hover(place);
      return;
    }
    if (far(line.at(-1), place) < (line.length === 1 ? FAR : STEP)) return;
    line.push(place);
    draw(line);
  });
  stage.addEventListener("pointerup", (event) => {
    if (line === null) return;
    const drawn = line;
    line = null;
    if (drawn.length === 1) press(drawn[0], event);
    else if (drawn.length > 2) close(drawn, event);
    else stop();
  });
  stage.addEventListener("pointercancel", () => {
    line = null;
    stop();
  });
  stage.addEventListener("pointerleave", leave);
  return {
    /** Give a line up that is being drawn; return whether there was one. */
    giveUp() {
      const was = line !== null && line.length > 1;
      line = null;
      if (was) stop();
      return was;
    },
  };
}
