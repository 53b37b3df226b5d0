/** The page of a library: every track on the plane, and everything that is done with them. */

import { MOOD_WORDS } from "../emotion.js";
import { moodText } from "../mood.js";
import { Plane } from "../plane.js";
import { tokenFromFragment } from "../realtime-mer.js";
import * as settings from "../settings.js";
import { add, onResize, set } from "../svg.js";
import { changedTheme, showTheme } from "../theme.js";
import { tokenDialog } from "../token-dialog.js";
import { Cloud } from "./cloud.js";
import { shownRows, wantedBy } from "./filters.js";
import { Grid, WAYS, alike, toward, within } from "./grid.js";
import { watch } from "./lasso.js";
import { Player } from "./player.js";
import { Playlist, nameOf, tracksOf } from "./playlist.js";
import { NotDone, Table, TokenNeeded } from "./table.js";
import { TrackPanel, lineOf, typicalOf } from "./track.js";

const NEAR = 18; // CSS pixels within which a track is pointed at
const REST_MS = 300; // how long it is pointed at before it plays
const NAME_MS = 80; // and before its name is asked for
const TYPING_MS = 250;
const TITLES_MS = 3000; // between searches while tags are still being read
const LOOK_MS = 5000; // between looks at whether the table has changed

const root = document.documentElement;
const byId = (id) => document.getElementById(id);
const askForToken = tokenDialog("that the command printed when it was started");
const form = document.querySelector("#filters form");
const stage = byId("stage");

const table = new Table(tokenFromFragment());
const plane = new Plane(byId("ground"));
const cloud = new Cloud(document.querySelector("#plane canvas"));
const player = new Player();
const marks = {
  course: add(byId("marks"), "polyline", { class: "trail" }),
  line: add(byId("marks"), "polygon", { class: "lasso" }),
  moment: add(byId("marks"), "circle", { class: "moment", r: 5 }),
  ring: add(byId("marks"), "circle", { class: "ring" }),
};

let theme = settings.theme();
let points = null; // of all tracks, as of `readPoints`
let rowOf = new Map(); // by number
let shown = new Uint32Array();
let grid = null;
let found = null; // numbers of tracks that the text is found in
let pointed = null; // number of the track under the pointer
let focused = null; // number of the track that the panel is about
let moment = null;
let hovers = false; // whether what plays began by pointing
let due = false; // a drawing
const timers = {};

const playlist = new Playlist(
  {
    list: byId("playlist-list"),
    count: byId("playlist-count"),
    more: byId("more"),
    save: byId("save"),
    copy: byId("copy"),
    empty: byId("empty"),
    undo: byId("undo"),
  },
  table,
  { changed: picksChanged, chosen: (number) => focus(number), say, attempt },
);
const panel = new TrackPanel(
  {
    panel: byId("track-panel"),
    none: byId("track-none"),
    title: byId("track-title"),
    artist: byId("track-artist"),
    mood: byId("track-mood"),
    facts: byId("track-facts"),
    play: byId("play"),
    add: byId("add"),
    course: byId("course"),
    moment: byId("moment"),
    words: byId("moment-words"),
    playMoment: byId("play-moment"),
    alike: byId("alike"),
    found: byId("alike-list"),
    addFound: byId("alike-add"),
  },
  {
    play,
    stop: () => player.stop(),
    toggle: (number) => playlist.toggle(number),
    moment: showMoment,
    alike: findAlike,
    say,
    chosen: (number) => focus(number),
    add: (numbers) => playlist.add(numbers),
    attempt,
  },
);

// --- the table ------------------------------------------------------------------------------------

async function look() {
  const about = await table.about();
  byId("note").textContent = [`of ${about.table}`, about.problem].filter(Boolean).join(". ");
  root.classList.toggle("troubled", about.problem !== "");
  if (points?.version === about.version) return;
  points = await table.points();
  rowOf = new Map(Array.from(points.columns.number, (number, row) => [number, row]));
  byId("count").textContent = tracksOf(points.count);
  playlist.know((number) => points.columns.seconds[rowOf.get(number)]);
  filter();
  if (focused !== null) attempt(show(focused));
}

/** Look again and again, as long as the page is seen. */
function keepLooking() {
  clearTimeout(timers.look);
  timers.look = setTimeout(async () => {
    if (document.visibilityState === "visible") await attempt(look());
    keepLooking();
  }, LOOK_MS);
}

/** Take what may fail because of the service, and say why. */
async function attempt(work) {
  try {
    await work;
  } catch (error) {
    if (error instanceof TokenNeeded) {
      askForToken();
    } else if (error instanceof NotDone) {
      say(error.message);
    } else if (error instanceof TypeError || error instanceof DOMException) {
      say(error instanceof TypeError ? "The service does not answer." : error.message);
    } else {
      throw error;
    }
  }
}

// --- filters --------------------------------------------------------------------------------------

function filter() {
  if (points === null) return;
  shown = shownRows(points, { ...wantedBy(form), numbers: found });
  grid = new Grid(points.columns.valence, points.columns.arousal, shown);
  const all = shown.length === points.count;
  byId("shown").textContent = all ? "" : `${tracksOf(shown.length)} shown`;
  byId("take").disabled = shown.length === 0;
  draw();
}

function search() {
  clearTimeout(timers.text);
  timers.text = setTimeout(() => attempt(find()), TYPING_MS);
}

async function find() {
  const text = byId("text").value.trim();
  clearTimeout(timers.text);
  if (text === "") {
    found = null;
    byId("titles").textContent = "";
    filter();
    return;
  }
  const { numbers, read } = await table.find(text);
  if (byId("text").value.trim() !== text) return;
  found = numbers;
  const whole = points === null || read >= points.count;
  byId("titles").textContent = whole ? "" : `tags read of ${tracksOf(read)} so far`;
  if (!whole) timers.text = setTimeout(() => attempt(find()), TITLES_MS);
  filter();
}

// --- the picture ----------------------------------------------------------------------------------

function draw() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    if (points === null) return;
    const rows = new Set(playlist.numbers.map((number) => rowOf.get(number)));
    const picked = rows.size === 0 ? new Uint32Array() : shown.filter((row) => rows.has(row));
    stage.dataset.drawn = cloud.draw(points.columns, shown, picked);
  });
}

function x(valence) {
  return plane.square.left + ((valence + 1) / 2) * plane.square.side;
}

function y(arousal) {
  return plane.square.top + ((1 - arousal) / 2) * plane.square.side;
}

/** Return valence and arousal of a place in CSS pixels. */
function placeOf([across, down]) {
  const { left, top, side } = plane.square;
  return [((across - left) / side) * 2 - 1, 1 - ((down - top) / side) * 2];
}

function pointAt(element, row) {
  const { valence, arousal } = points.columns;
  set(element, { cx: x(valence[row]).toFixed(1), cy: y(arousal[row]).toFixed(1) });
}

function dress() {
  showTheme(theme, byId("theme"), ["Dark theme", "Light theme"]);
  const style = getComputedStyle(root);
  const colour = (name) => {
    const hex = style.getPropertyValue(name).trim();
    return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  };
  const corners = ["Q1", "Q2", "Q3", "Q4"].map((name) => [name, colour(`--${name.toLowerCase()}`)]);
  cloud.colour(Object.fromEntries(corners), colour("--text"));
  draw();
}

function layOut(width, height) {
  set(byId("marks"), { viewBox: `0 0 ${width} ${height}` });
  cloud.layOut(plane.square, width, height);
  if (panel.track !== null) showPlace(panel.track);
  if (moment !== null) showMoment(moment);
  point(null);
  draw();
}

function showPlace(track) {
  plane.move(track);
  plane.showCurrent(true);
  plane.showMood(track.mood);
  const { valence, arousal } = track.course ?? { valence: [], arousal: [] };
  const corners = valence.map((value, part) => `${x(value).toFixed(1)},${y(arousal[part]).toFixed(1)}`);
  set(marks.course, { points: corners.join(" ") });
}

function showMoment(chosen) {
  moment = chosen;
  set(marks.moment, { cx: x(chosen.valence).toFixed(1), cy: y(chosen.arousal).toFixed(1) });
}

// --- pointing at tracks and choosing one ----------------------------------------------------------

function nearest(place) {
  if (grid === null) return null;
  const [valence, arousal] = placeOf(place);
  const row = grid.nearest(valence, arousal, (2 * NEAR) / plane.square.side);
  return row === null ? null : points.columns.number[row];
}

/** Point at a track, or at none: it is named, and played after a rest. */
function point(number) {
  if (number === pointed) return;
  pointed = number;
  clearTimeout(timers.name);
  clearTimeout(timers.rest);
  byId("tip").hidden = true;
  marks.ring.toggleAttribute("hidden", number === null);
  if (hovers) player.stop();
  if (number === null) return;
  const row = rowOf.get(number);
  set(marks.ring, { r: cloud.radius(shown.length) + 4 });
  pointAt(marks.ring, row);
  timers.name = setTimeout(() => attempt(showTip(number, row)), NAME_MS);
  if (byId("hovering").getAttribute("aria-pressed") !== "true") return;
  timers.rest = setTimeout(() => attempt(playPointed(number)), REST_MS);
}

async function showTip(number, row) {
  const [names] = await table.named([number]);
  if (pointed !== number || names === undefined) return;
  const tip = byId("tip");
  const mood = document.createElement("span");
  mood.className = "name";
  mood.textContent = moodText(points.moods[points.columns.mood[row]], {});
  tip.replaceChildren(nameOf(names), mood);
  tip.hidden = false;
  const { width } = stage.getBoundingClientRect();
  const [across, down] = [x(points.columns.valence[row]), y(points.columns.arousal[row])];
  tip.style.left = `${Math.min(Math.max(4, across + 12), width - tip.offsetWidth - 4)}px`;
  const below = down - tip.offsetHeight - 14 < 0;
  tip.style.top = `${below ? down + 14 : down - tip.offsetHeight - 14}px`;
}

async function playPointed(number) {
  const track = await table.track(number);
  if (pointed !== number) return;
  play(track, typicalOf(track));
  hovers = true;
}

/** Choose a track: the panel is about it. */
function focus(number) {
  focused = number;
  clearTimeout(timers.focus);
  const row = rowOf.get(number);
  const { valence, arousal } = points.columns;
  // At once, so that whoever holds an arrow key sees it move.
  plane.move({ valence: valence[row], arousal: arousal[row], valence_sd: 0, arousal_sd: 0 });
  plane.showCurrent(true);
  set(marks.course, { points: "" });
  marks.moment.removeAttribute("cx");
  timers.focus = setTimeout(() => attempt(show(number)), NAME_MS);
}

/** Show all of a track and say it; return it. */
async function show(number) {
  const track = await table.track(number);
  if (focused !== number) return null;
  panel.show(track);
  showPlace(track);
  panel.showAdded(playlist.has(number));
  panel.showPlayed(player.number === number ? player.seconds : null);
  byId("announcer").textContent = lineOf(track); // all others see it
  return track;
}

async function playFocused() {
  if (focused === null) return;
  clearTimeout(timers.focus);
  const track = panel.track?.number === focused ? panel.track : await show(focused);
  if (track !== null) play(track, typicalOf(track));
}

function play(track, from) {
  hovers = false;
  player.play(track, from);
}

async function findAlike(place, count, except) {
  const others = shown.filter((row) => points.columns.number[row] !== except);
  const near = alike(points.columns, others, place, count);
  const numbers = near.map(({ place: row }) => points.columns.number[row]);
  const names = new Map((await table.named(numbers)).map((one) => [one.number, one]));
  return near
    .map(({ distance }, at) => ({ names: names.get(numbers[at]), distance }))
    .filter((one) => one.names !== undefined);
}

function picksChanged() {
  if (focused !== null) panel.showAdded(playlist.has(focused));
  draw();
}

/** Say something to everybody. */
function say(text) {
  byId("said").textContent = text;
}

// --- what the user does ---------------------------------------------------------------------------

const hand = watch(stage, {
  hover: (place) => point(nearest(place)),
  leave: () => point(null),
  press: (place) => {
    const number = nearest(place);
    if (number === null) return;
    focus(number);
    attempt(playFocused());
  },
  draw: (line) => {
    point(null);
    set(marks.line, { points: line.map((corner) => corner.join(",")).join(" ") });
  },
  close: (line) => {
    set(marks.line, { points: "" });
    if (points === null) return;
    const { valence, arousal, number } = points.columns;
    const rows = within(valence, arousal, shown, line.map(placeOf));
    playlist.add(Array.from(rows, (row) => number[row]));
  },
  stop: () => set(marks.line, { points: "" }),
});

function step(way) {
  if (grid === null) return;
  const { valence, arousal, number } = points.columns;
  const from = focused === null ? undefined : rowOf.get(focused);
  const row =
    from === undefined ? grid.nearest(0, 0, 4) : toward(valence, arousal, shown, from, way);
  if (row === null) say("There is no track in that direction.");
  else focus(number[row]);
}

stage.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const way = WAYS[event.key];
  if (way !== undefined) step(way);
  else if (event.key === "Enter") attempt(playFocused());
  else if (event.key === " " && focused !== null) playlist.toggle(focused);
  else return;
  event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]") !== null) return;
  if (!hand.giveUp()) player.stop();
});
for (const kind of ["started", "moved", "stopped", "refused"]) {
  player.addEventListener(kind, ({ detail }) => {
    if (detail.reason !== "") say(detail.reason);
    root.dataset.playing = player.number ?? "";
    panel.showPlayed(
      player.number !== null && player.number === panel.track?.number ? player.seconds : null,
    );
  });
}
form.addEventListener("input", ({ target }) => {
  if (target === byId("text")) search();
  else filter();
});
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => {
  requestAnimationFrame(() => attempt(find())); // when the fields are empty
});
byId("take").addEventListener("click", () => {
  playlist.add(Array.from(shown, (row) => points.columns.number[row]));
});
byId("hovering").addEventListener("click", () => {
  const on = byId("hovering").getAttribute("aria-pressed") !== "true";
  byId("hovering").setAttribute("aria-pressed", String(on));
});
byId("theme").addEventListener("click", () => {
  theme = changedTheme(theme);
  dress();
});
byId("help").addEventListener("click", () => byId("help-dialog").showModal());
// Another link opened in the same tab changes only the fragment, and loads nothing by itself.
addEventListener("hashchange", () => location.reload());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") attempt(look());
});

for (const { word } of MOOD_WORDS) byId("mood").append(new Option(word, word));
panel.show(null);
point(null);
dress();
onResize(byId("ground"), layOut);
attempt(look());
keepLooking();
