/** How wide a text is. */

const context = document.createElement("canvas").getContext("2d");
const PX = 100;

/** Return the width of a text in the font of an element, in ems: shares of the font's size. */
export function ems(text, element) {
  const { fontFamily, fontWeight } = getComputedStyle(element);
  context.font = `${fontWeight} ${PX}px ${fontFamily}`;
  return context.measureText(text).width / PX;
}
