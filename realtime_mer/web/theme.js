/** The theme of a page: which it has, what is shown of it, and the next one. */

import { THEMES, keepTheme } from "./settings.js";

/**
 * Show a theme: its colours, also around the page where the browser paints.
 *
 * @param {string} theme of `THEMES`
 * @param {HTMLElement} button that changes it
 * @param {string[]} called what the button says of each of `THEMES`, which it would change to
 */
export function showTheme(theme, button, called) {
  const root = document.documentElement;
  root.dataset.theme = theme;
  const ground = getComputedStyle(root).getPropertyValue("--ground");
  document.querySelector("meta[name=theme-color]").content = ground;
  button.textContent = called[THEMES.indexOf(nextTheme(theme))];
}

/** Return the theme that follows, and keep it as what the user chose. */
export function changedTheme(theme) {
  const next = nextTheme(theme);
  keepTheme(next);
  return next;
}

function nextTheme(theme) {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
}
