/** The page: a subscription, and everything that shows it. */

import { TimeLine, gemsBars, quadrantBars } from "./charts.js";
import { Controls } from "./controls.js";
import { BETWEEN_SHORT, MOOD_WORDS, OUTLET_NOTE, STATUS, TURN_WORDS, WAITING } from "./emotion.js";
import { ems } from "./fit.js";
import { History } from "./history.js";
import { Markers } from "./markers.js";
import { Meter } from "./meter.js";
import { contradicts, moodText } from "./mood.js";
import { Plane } from "./plane.js";
import { connect, tokenFromFragment } from "./realtime-mer.js";
import * as settings from "./settings.js";
import { changedTheme, showTheme } from "./theme.js";
import { tokenDialog } from "./token-dialog.js";
import {
  HELD_RGB,
  Steady,
  approach,
  clock,
  css,
  moodColour,
  outletWords,
  recordingWords,
  signed,
  tinted,
} from "./values.js";

// Times in seconds: how long the point and the colour glide, how long a mood must stand before its
// word is shown, how often the numbers change, how much the time lines show.
const PACE = {
  dj: { glide: 0.15, colour: 1.5, hold: 0.4, texts: 0.4, lines: 0.25, span: 120 },
  therapy: { glide: 0.9, colour: 4, hold: 2, texts: 1, lines: 0.5, span: 240 },
};
const STILL_PERIOD = 1; // with reduced motion the point steps once a second instead of gliding
const COLOUR_PERIOD = 0.1;
const MOST_COLOUR_SECONDS = 0.2; // no jump after a pause: a large bright area must never flash
const LATE_SECONDS = 2; // a connected service that sends nothing for so long is said to be late
const ANNOUNCE_SECONDS = 5; // a screen reader says a mood at most so often
const MOST_TIMES = 3; // the last ones, of those at which the music turned
const COORDINATES = ["valence", "arousal", "valence_sd", "arousal_sd"];

const root = document.documentElement;
const byId = (id) => document.getElementById(id);
const askForToken = tokenDialog("that the service printed when it was started");
const seconds = () => performance.now() / 1000;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

const plane = new Plane(document.querySelector("#plane svg"));
const lines = ["valence", "arousal"].map(
  (name) => new TimeLine(byId(`${name}-line`), name, { dated: name === "arousal" }),
);
const quadrants = quadrantBars(document.querySelector("#quadrants ul"));
const gems = gemsBars(document.querySelector("#gems ul"));
const longest = Math.max(...Object.values(PACE).map(({ span }) => span));
const history = new History(longest);
const steady = new Steady();
const meter = new Meter(byId("meter-fill"), byId("meter-peak"));

const seen = {
  link: { state: "connecting", reason: "" },
  retryAt: 0,
  estimate: null,
  arrived: seconds(),
  status: null,
  detail: "",
  source: "",
  recording: undefined, // not told yet
  outlets: [],
  session: null,
  levels: false, // whether they come apart from the estimates, with their peaks
};
let theme = settings.theme();
let words = settings.words();
let here = null;
let shownColour = null;
let zero = 0;
let announced = { mood: "", turns: Infinity, at: -Infinity };
const done = { frame: seconds(), step: 0, trace: 0, texts: 0, lines: 0, colour: 0 };

// --- what the service sends -------------------------------------------------------------------

const scheme = location.protocol === "https:" ? "wss" : "ws";
const folder = location.pathname.replace(/[^/]*$/, ""); // a room of a service has one of its own
const stream = connect(`${scheme}://${location.host}${folder}`, {
  streams: ["estimates", "status", "level", "markers"],
  history: longest,
  token: tokenFromFragment(),
  key: settings.ownerKey(),
});
const controls = new Controls(
  {
    open: byId("controls"),
    dialog: byId("controls-dialog"),
    speed: byId("speed"),
    smoothing: byId("smoothing-s"),
    delay: byId("delay-s"),
    opens: byId("phones-opens"),
    code: byId("phones-code"),
    link: byId("phones-link"),
    allow: byId("phones-allow"),
    message: byId("controls-message"),
  },
  (change) => stream.change(change),
);
const markers = new Markers(
  {
    form: byId("marker"),
    note: byId("note"),
    message: byId("marker-message"),
    list: byId("markers"),
    save: byId("save"),
  },
  (label, id) => stream.mark(label, id),
);

stream.addEventListener("link", ({ detail }) => {
  seen.link = detail;
  if (detail.state === "connected") seen.arrived = seconds();
  if (detail.state === "lost") {
    seen.retryAt = seconds() + detail.retryMs / 1000;
    write("network", "");
    meter.forget();
    markers.lose();
    controls.show(null);
    done.texts = 0;
  }
  if (detail.state === "refused") askForToken(seen.link.reason);
  showState();
});
stream.addEventListener("estimate", ({ detail }) => {
  if (detail.status !== seen.status) seen.detail = "";
  seen.estimate = detail;
  seen.status = detail.status;
  seen.arrived = seconds();
  history.add(detail);
  if (!seen.levels) meter.hear(detail, seen.arrived);
});
stream.addEventListener("status", ({ detail }) => {
  seen.status = detail.status;
  seen.detail = detail.detail;
  seen.source = detail.source;
  seen.recording = detail.recording;
  seen.outlets = detail.outlets ?? [];
});
stream.addEventListener("hello", ({ detail }) => {
  seen.recording = undefined;
  seen.outlets = [];
  if (detail.session === seen.session) return;
  if (seen.session !== null) {
    // The service was started anew, and its time with it: nothing of before fits in.
    seen.estimate = null;
    history.clear();
    markers.endSession();
    done.lines = 0;
  }
  seen.session = detail.session;
  countFrom(settings.sessionStart(seen.session));
});
stream.addEventListener("level", ({ detail }) => {
  seen.levels = true;
  meter.hear(detail, seconds());
});
stream.addEventListener("marker", ({ detail }) => {
  markers.confirm(detail);
  done.lines = 0;
});
stream.addEventListener("history", ({ detail }) => {
  history.addPast(detail);
  markers.recall(detail.markers);
  done.lines = 0;
});
stream.addEventListener("settings", ({ detail }) => controls.show(detail));
stream.addEventListener("error", ({ detail }) => {
  if (detail.code === "not_owner") return; // a key of a session that is over
  if (detail.code === "not_changed") controls.refuse(detail.message);
  else markers.refuse(detail.message);
});
stream.addEventListener("roundtrip", ({ detail }) => {
  write("network", `${Math.ceil(detail.ms)} ms`);
});

// --- what is shown ------------------------------------------------------------------------------

/** Return the state in a word, a note to it, and whether music is estimated now. */
function state() {
  const { link, estimate, status, detail } = seen;
  if (link.state === "lost") {
    const left = Math.ceil(seen.retryAt - seconds());
    const next = left > 1 ? `; next attempt in ${left} s` : "";
    return ["reconnecting", link.reason + next, false];
  }
  if (link.state === "refused") return ["refused", link.reason, false];
  if (link.state !== "connected") return [link.state, "", false];
  const late = seconds() - seen.arrived;
  const audible = status === null || status === "music" || status === "warming_up";
  if (audible && (estimate === null || late > LATE_SECONDS)) {
    const note = late >= 1 ? WAITING.note.replace("{}", Math.floor(late)) : "";
    return [WAITING.word, note, false];
  }
  const { word, note } = STATUS[status] ?? { word: status, note: "" };
  return [word, status === "music" ? "" : detail || note, status === "music"];
}

function showState() {
  const [word, note, current] = state();
  write("state-word", word);
  write("state-note", note);
  root.classList.toggle("held", !current);
  root.dataset.link = seen.link.state;
  plane.showCurrent(current);
}

function showTexts(now) {
  const { estimate } = seen;
  showState();
  write("recording", recordingWords(seen.recording));
  root.classList.toggle("recorded", Boolean(seen.recording));
  const failing = seen.outlets.some((outlet) => outlet.state === "failing");
  write("origin", [seen.source, ...(failing ? [OUTLET_NOTE] : [])].filter(Boolean).join(", "));
  byId("outlets").parentElement.hidden = seen.outlets.length === 0;
  write("outlets", seen.outlets.map(outletWords).join("\n"));
  write("model", stream.hello?.model ?? "");
  write("level", meter.words(now));
  root.classList.toggle("clipped", meter.clips(now));
  if (estimate === null) return;
  const gone = (shown) => contradicts(shown, estimate);
  const mood = steady.offer(estimate.mood, now, PACE[theme].hold, gone);
  plane.showMood(mood);
  const word = moodText(mood, words, BETWEEN_SHORT);
  write("mood", word);
  setProperty(root.style, "--ems", ems(word, byId("mood")).toFixed(2)); // a long one is smaller
  for (const name of ["valence", "arousal"]) {
    write(name, signed(estimate[name]));
    write(`${name}-sd`, `\u00b1 ${estimate[`${name}_sd`].toFixed(2)}`);
  }
  quadrants.show(estimate.quadrants);
  gems.show(estimate.gems);
  const known = estimate.latency_ms !== null && seen.link.state === "connected";
  write("latency", known ? `${Math.round(estimate.latency_ms)} ms` : "");
  write("xruns", String(estimate.xruns));
  write("skipped", String(estimate.skipped));
  write("state-age", clock(estimate.state_age_s));
  for (const name of ["music", "familiar", "changed"]) {
    const told = typeof estimate[name] === "number"; // a model or service may not tell
    byId(name).parentElement.hidden = !told;
    write(name, told ? `${Math.round(100 * estimate[name])}%` : "");
  }
  const turned = history.turned(PACE[theme].span).slice(-MOST_TIMES);
  byId("turned").parentElement.hidden = turned.length === 0;
  write("turned", turned.map((t) => clock(t - zero)).join(", "));
  write("clock", clock(estimate.t - zero));
  announce(mood, now);
}

/**
 * Tell a screen reader that the music turned, and about a new mood, but not about every one of a
 * restless piece.
 */
function announce(mood, now) {
  const { valence, arousal, turns } = seen.estimate;
  announced.turns = Math.min(announced.turns, turns); // what was before is no news
  const turned = turns > announced.turns;
  if ((mood === announced.mood && !turned) || now - announced.at < ANNOUNCE_SECONDS) return;
  announced = { mood, turns, at: now };
  const numbers = `valence ${signed(valence)}, arousal ${signed(arousal)}`;
  write("announcer", `${turned ? `${TURN_WORDS}: ` : ""}${moodText(mood, words)}, ${numbers}`);
}

function write(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

function movePoint(now, elapsed) {
  const goal = seen.estimate;
  if (goal === null) return;
  const still = reducedMotion.matches;
  if (still && here !== null && now - done.step < STILL_PERIOD) return;
  done.step = now;
  const jumps = here === null || elapsed > 1;
  if (jumps) plane.jump();
  const tau = jumps || still ? 0 : PACE[theme].glide;
  const next = {};
  for (const name of COORDINATES) {
    next[name] = approach(here?.[name] ?? 0, goal[name], elapsed, tau);
  }
  const moves = (name) => Math.abs(next[name] - here[name]) > 1e-4;
  if (here !== null && !COORDINATES.some(moves)) return;
  here = next;
  plane.move(here);
}

/** Let the colour of the dj theme follow the mood, slowly enough never to flash; grey if held. */
function showColour(elapsed, current) {
  if (here === null) return;
  const goal = current ? moodColour(here.valence, here.arousal) : HELD_RGB;
  const from = shownColour ?? goal;
  shownColour = goal.map((part, channel) =>
    approach(from[channel], part, elapsed, PACE[theme].colour),
  );
  for (const { style } of document.querySelectorAll(".moody")) {
    setProperty(style, "--live-mood", css(shownColour));
    setProperty(style, "--live-tint", css(tinted(shownColour)));
  }
}

function setProperty(style, name, value) {
  if (style.getPropertyValue(name) !== value) style.setProperty(name, value);
}

function frame() {
  const now = seconds();
  const pace = PACE[theme];
  const due = (name, period) => {
    const is = now - done[name] >= period;
    if (is) done[name] = now;
    return is;
  };
  const slowly = reducedMotion.matches ? STILL_PERIOD : 0;
  movePoint(now, now - done.frame);
  if (!slowly) meter.draw(now, now - done.frame, pace.glide);
  done.frame = now;
  if (due("trace", Math.max(0.1, slowly))) plane.trace(now);
  const sinceColour = Math.min(now - done.colour, MOST_COLOUR_SECONDS);
  if (theme === "dj" && due("colour", COLOUR_PERIOD)) {
    showColour(sinceColour, !root.classList.contains("held"));
  }
  if (due("texts", Math.max(pace.texts, slowly))) {
    showTexts(now);
    if (slowly) meter.draw(now, slowly, 0);
  }
  if (due("lines", Math.max(pace.lines, slowly))) {
    for (const line of lines) line.draw(history, pace.span, markers.times);
  }
  requestAnimationFrame(frame);
}

// --- what the user does -------------------------------------------------------------------------

function dress() {
  showTheme(theme, byId("theme"), ["DJ theme", "Therapy theme"]);
  byId("session-title").textContent = theme === "dj" ? "Markers" : "Session notes";
  done.texts = done.lines = 0;
}

function changeTheme() {
  theme = changedTheme(theme);
  dress();
}

function countFrom(t) {
  zero = t;
  markers.countFrom(zero);
  done.texts = 0;
}

function restartClock() {
  countFrom(seen.estimate?.t ?? 0);
  settings.keepSessionStart(seen.session, zero);
}

function editWords() {
  const fields = MOOD_WORDS.map(({ word }) => {
    const label = document.createElement("label");
    label.textContent = word;
    const input = document.createElement("input");
    input.name = word;
    input.maxLength = 16;
    input.value = words[word] ?? "";
    label.append(input);
    return label;
  });
  byId("words-fields").replaceChildren(...fields);
  byId("words-dialog").showModal();
}

function takeWords() {
  const inputs = [...byId("words-fields").querySelectorAll("input")];
  const own = inputs.map(({ name, value }) => [name, value.trim()]).filter(([, value]) => value);
  words = Object.fromEntries(own);
  settings.keepWords(words);
  plane.showWords(words);
  done.texts = 0;
}

/** Where there is little room the buttons of the head are behind one, below which they open. */
function openMenu(open) {
  byId("menu").setAttribute("aria-expanded", String(open));
}

async function changeFullScreen() {
  if (document.fullscreenElement) {
    await document.exitFullscreen();
  } else {
    await root.requestFullscreen();
  }
}

/** Tell screen readers the keys of one character, as long as they are not left out. */
function showKeys() {
  for (const element of document.querySelectorAll("[data-key]")) {
    if (byId("keys").checked) element.setAttribute("aria-keyshortcuts", element.dataset.key);
    else element.removeAttribute("aria-keyshortcuts");
  }
}

/** Keep the screen on; browsers allow it on https and on this machine's own addresses only. */
async function stayAwake() {
  if (document.visibilityState !== "visible") return;
  try {
    const lock = await navigator.wakeLock?.request("screen");
    write("awake", lock ? "screen stays on" : "screen may turn off");
    lock?.addEventListener("release", () => write("awake", "screen may turn off"));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    write("awake", "screen may turn off"); // a low battery, say
  }
}

const actions = {
  m: () => markers.set(),
  n: () => byId("note").focus(),
  t: changeTheme,
  w: editWords,
  f: () => document.fullscreenEnabled && changeFullScreen(),
  "?": () => byId("help-dialog").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target === byId("note")) byId("note").blur();
  if (event.key === "Escape" && byId("nav").contains(event.target)) byId("menu").focus();
  if (event.key === "Escape") openMenu(false);
  // The field of a dialog that was just closed has the focus until the next frame.
  const inField =
    event.target instanceof HTMLInputElement && !event.target.closest("dialog:not([open])");
  const typing = inField || document.querySelector("dialog[open]") !== null;
  if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const action = actions[event.key.toLowerCase()];
  // WCAG 2.1.4: whoever speaks to the page, or shakes, can do without keys of one character.
  if (action === undefined || !byId("keys").checked) return;
  event.preventDefault();
  action();
});
document.addEventListener("click", ({ target }) => {
  openMenu(target === byId("menu") && byId("menu").getAttribute("aria-expanded") === "false");
});
byId("theme").addEventListener("click", changeTheme);
byId("words").addEventListener("click", editWords);
byId("full").addEventListener("click", changeFullScreen);
byId("help").addEventListener("click", actions["?"]);
byId("keys").addEventListener("change", () => {
  settings.keepKeysOn(byId("keys").checked);
  showKeys();
});
byId("restart").addEventListener("click", restartClock);
byId("give-token").addEventListener("click", () => askForToken(seen.link.reason));
byId("words-reset").addEventListener("click", () => {
  for (const input of byId("words-fields").querySelectorAll("input")) input.value = "";
});
byId("words-dialog").addEventListener("close", () => {
  if (byId("words-dialog").returnValue === "save") takeWords();
});
// Another link opened in the same tab changes only the fragment, and loads nothing by itself.
addEventListener("hashchange", () => location.reload());
document.addEventListener("fullscreenchange", () => {
  byId("full").setAttribute("aria-pressed", String(document.fullscreenElement !== null));
});
document.addEventListener("visibilitychange", stayAwake);

const [, room] = /\/rooms\/([^/]+)\/$/.exec(location.pathname) ?? [];
if (room !== undefined) {
  byId("room").hidden = false;
  byId("room").href = `../../rooms${location.hash}`;
  byId("room-name").textContent = room;
  document.title = `${room} \u2013 realtime-mer`;
}
byId("full").hidden = !document.fullscreenEnabled;
byId("keys").checked = settings.keysOn();
showKeys();
plane.showWords(words);
dress();
showState();
stayAwake();
requestAnimationFrame(frame);
