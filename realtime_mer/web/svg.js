/** Parts of SVG pictures. */

const NAMESPACE = "http://www.w3.org/2000/svg";

/** The minus sign of numbers in a picture. */
export const MINUS = "\u2212";

/** Add an element to another and return it. */
export function add(parent, name, attributes = {}, text = "") {
  const element = document.createElementNS(NAMESPACE, name);
  set(element, attributes);
  element.textContent = text;
  parent.append(element);
  return element;
}

/** Set attributes of an element. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

/** Call back with width and height of an element in CSS pixels, now and whenever they change. */
export function onResize(element, callback) {
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width > 0) callback(contentRect.width, contentRect.height);
  }).observe(element);
}
