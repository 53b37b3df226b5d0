/** The wall: all rooms of a service, and which of them need somebody. */

import { layOut } from "./layout.js";
import { tokenFromFragment } from "./realtime-mer.js";
import { roomState, sorted } from "./room-state.js";
import * as settings from "./settings.js";
import { changedTheme, showTheme } from "./theme.js";
import { Tile } from "./tile.js";
import { tokenDialog } from "./token-dialog.js";
import { Watch } from "./watch.js";

const LOOK_MS = 500; // between two looks at how old everything is
const STILL_SECONDS = 1; // with reduced motion points step once a second
const ANNOUNCE_SECONDS = 5; // a screen reader is told of rooms at most so often

const root = document.documentElement;
const byId = (id) => document.getElementById(id);
const askForToken = tokenDialog("that the service printed when it was started");
const seconds = () => performance.now() / 1000;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

const list = byId("rooms");
const words = settings.words();
const token = tokenFromFragment();
const tiles = new Map();
const alarms = new Set();
let theme = settings.theme();
let told = { rooms: null, at: 0 };
let link = { state: "connecting", reason: "" };
let retryAt = 0;
let moved = -Infinity;
let announced = -Infinity;
let news = [];

const watch = new Watch(new URL("rooms", location.href).href, { token });
watch.addEventListener("link", ({ detail }) => {
  link = detail;
  if (detail.state === "lost") retryAt = seconds() + detail.retryMs / 1000;
  if (detail.state === "refused") askForToken(link.reason);
  look();
});
watch.addEventListener("rooms", ({ detail }) => {
  told = { rooms: sorted(detail.rooms), at: seconds() };
  lineUp();
  look();
});

// --- what is shown ------------------------------------------------------------------------------

/** Have a tile for every room, each at its place. */
function lineUp() {
  const names = told.rooms.map(({ name }) => name);
  const gone = [...tiles.keys()].filter((name) => !names.includes(name));
  for (const name of gone) {
    tiles.get(name).element.remove();
    tiles.delete(name);
    alarms.delete(name);
  }
  names.forEach((name, place) => {
    if (!tiles.has(name)) {
      const address = `rooms/${encodeURIComponent(name)}/${location.hash}`;
      tiles.set(name, new Tile(byId("room"), name, address));
    }
    const { element } = tiles.get(name);
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
  });
  byId("empty").hidden = names.length > 0;
  fit();
}

/** Show how the rooms fare now, whether or not the service told anything since. */
function look() {
  const now = seconds();
  showLink(now);
  if (told.rooms === null) return;
  const moves = !reducedMotion.matches || now - moved >= STILL_SECONDS;
  const fresh = told.at > moved && moves;
  for (const room of told.rooms) {
    const tile = tiles.get(room.name);
    const state = roomState(room, now - told.at);
    tile.tell(state);
    if (fresh) tile.show(room, now, state.current, words);
    if (state.attention && !alarms.has(room.name)) news.push(`${room.name}: ${state.word}`);
    if (state.attention) alarms.add(room.name);
    else alarms.delete(room.name);
  }
  if (fresh) moved = now;
  showSummary();
  announce(now);
}

function showLink(now) {
  const left = Math.ceil(retryAt - now);
  const next = left > 1 ? `; next attempt in ${left} s` : "";
  const [word, note] =
    link.state === "lost" ? ["reconnecting", link.reason + next] : [link.state, link.reason];
  write("state-word", word);
  write("state-note", note);
  root.dataset.link = link.state;
  root.classList.toggle("held", link.state !== "connected");
}

function showSummary() {
  const many = tiles.size;
  write("count", `${many} ${many === 1 ? "room" : "rooms"}, ${need(alarms.size)}`);
  byId("next").hidden = alarms.size === 0;
  write("next", alarms.size === 1 ? `Go to ${[...alarms][0]}` : "Go to the next");
}

function need(number) {
  if (number === 0) return "all is well";
  return number === 1 ? "1 needs you" : `${number} need you`;
}

/** Tell a screen reader of rooms that need somebody, several at once where many do. */
function announce(now) {
  news = news.filter((line) => alarms.has(line.slice(0, line.lastIndexOf(": "))));
  if (news.length === 0 || now - announced < ANNOUNCE_SECONDS) return;
  announced = now;
  write("announcer", news.join(". "));
  news = [];
}

function write(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

/** Give every room as much of the screen as it leaves. */
function fit() {
  const { top, width } = list.getBoundingClientRect();
  const height = innerHeight - (top + scrollY) - 12;
  const { columns, row } = layOut(tiles.size, width, height);
  list.style.setProperty("--columns", columns);
  list.style.setProperty("--row", `${row}px`);
}

// --- what the user does -------------------------------------------------------------------------

function dress() {
  showTheme(theme, byId("theme"), ["DJ theme", "Therapy theme"]);
}

function changeTheme() {
  theme = changedTheme(theme);
  dress();
}

/** Put the focus on the next room that needs somebody. */
function goToNext() {
  const links = [...list.querySelectorAll(".attention a")];
  const here = links.indexOf(document.activeElement);
  links[(here + 1) % links.length]?.focus();
}

/** Move the focus among the rooms by the arrows, as they lie. */
function move(event) {
  const links = [...list.querySelectorAll("a")];
  const here = links.indexOf(document.activeElement);
  const columns = Number(list.style.getPropertyValue("--columns"));
  const goals = {
    ArrowLeft: here - 1,
    ArrowRight: here + 1,
    ArrowUp: here - columns,
    ArrowDown: here + columns,
    Home: 0,
    End: links.length - 1,
  };
  const goal = links[goals[event.key]];
  if (here < 0 || goal === undefined) return;
  event.preventDefault();
  goal.focus();
}

list.addEventListener("keydown", move);
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!settings.keysOn()) return;
  if (event.key === "t") changeTheme();
  if (event.key === "a") goToNext();
});
byId("theme").addEventListener("click", changeTheme);
byId("next").addEventListener("click", goToNext);
byId("give-token").addEventListener("click", () => askForToken(link.reason));
addEventListener("hashchange", () => location.reload());
addEventListener("resize", fit);

write("address", `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`);
dress();
setInterval(look, LOOK_MS);
look();
