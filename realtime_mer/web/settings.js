/** What the user chose: theme and token in the fragment of the address; theme, words, keys kept. */

export const THEMES = ["dj", "therapy"];

const THEME_KEY = "realtime-mer.theme";
const WORDS_KEY = "realtime-mer.words";
const KEYS_KEY = "realtime-mer.keys";
const ZERO_KEY = "realtime-mer.zero";
const OWNER_KEY = "realtime-mer.owner";

function fragment() {
  return new URLSearchParams(location.hash.replace(/^#/, ""));
}

function writeFragment(parameters) {
  history.replaceState(null, "", `#${parameters}`);
}

/** Read what was kept; a browser that keeps nothing for this page has nothing. */
function recall(storage, key) {
  try {
    return globalThis[storage].getItem(key);
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

function keep(storage, key, value) {
  try {
    globalThis[storage].setItem(key, value);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}

/** Return the theme that the address asks for, else the one chosen last, else `dj`. */
export function theme() {
  const wanted = [fragment().get("theme"), recall("localStorage", THEME_KEY)];
  return wanted.find((name) => THEMES.includes(name)) ?? "dj";
}

/** Keep a theme, also in the address, so that a bookmark opens it. */
export function keepTheme(name) {
  keep("localStorage", THEME_KEY, name);
  const parameters = fragment();
  parameters.set("theme", name);
  writeFragment(parameters);
}

/** Put a token into the address, where `tokenFromFragment` finds it. */
export function keepToken(token) {
  const parameters = fragment();
  parameters.set("token", token);
  writeFragment(parameters);
}

/**
 * Return the session's key, which lets this page change settings, or null. It is taken out of the
 * address, so that nobody hands it on with the link, and kept for as long as the tab is open.
 */
export function ownerKey() {
  const parameters = fragment();
  const key = parameters.get("control");
  if (key === null) return recall("sessionStorage", OWNER_KEY);
  keep("sessionStorage", OWNER_KEY, key);
  parameters.delete("control");
  writeFragment(parameters);
  return key;
}

/** Return the user's own words: a mapping from a mood word to what is shown in its place. */
export function words() {
  try {
    const kept = Object.entries(JSON.parse(recall("localStorage", WORDS_KEY)) ?? {});
    return Object.fromEntries(kept.filter(([, word]) => typeof word === "string"));
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Keep the user's own words. */
export function keepWords(mapping) {
  keep("localStorage", WORDS_KEY, JSON.stringify(mapping));
}

/** Return whether single characters are keys of the page: yes, unless they were left out. */
export function keysOn() {
  return recall("localStorage", KEYS_KEY) !== "off";
}

/** Keep whether single characters are keys of the page. */
export function keepKeysOn(on) {
  keep("localStorage", KEYS_KEY, on ? "on" : "off");
}

/**
 * Return the stream time in seconds from which this tab counts.
 *
 * @param {string} session of the service; another one began its time anew
 */
export function sessionStart(session) {
  const [kept, t] = (recall("sessionStorage", ZERO_KEY) ?? "").split(" ");
  return kept === session ? Number(t) : 0;
}

/** Keep the stream time in seconds from which this tab counts. */
export function keepSessionStart(session, t) {
  keep("sessionStorage", ZERO_KEY, `${session} ${t}`);
}
