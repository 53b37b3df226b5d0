/** The page that sends what the microphone of a browser hears to a room. */

import { Feeder } from "./feeder.js";
import { Meter } from "./meter.js";
import { tokenFromFragment } from "./realtime-mer.js";
import { Recorder, hindrance, microphones, refusal } from "./recorder.js";
import * as settings from "./settings.js";
import { changedTheme, showTheme } from "./theme.js";
import { tokenDialog } from "./token-dialog.js";
import { clock } from "./values.js";

const TEXT_SECONDS = 0.25;
const STILL_SECONDS = 1; // with reduced motion the meter steps once a second
const GLIDE_SECONDS = 0.15;
const FLOOR_DBFS = -120;
const ON_ITS_WAY_SECONDS = 0.5; // what waits for less is nothing to talk about
const SOURCE = "the microphone of a browser";

const root = document.documentElement;
const byId = (id) => document.getElementById(id);
const askForToken = tokenDialog("that you were given for this room");
const seconds = () => performance.now() / 1000;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

const room = decodeURIComponent(location.pathname.split("/").at(-2));
const meter = new Meter(byId("meter-fill"), byId("meter-peak"));
let theme = settings.theme();
let run = null; // what Start began and Stop ends: `{recorder, feeder, recording, allowed}`
let link = null;
let retryAt = 0;
let problem = "";
let figures = { recorded: 0, waiting: 0, lost: 0, undelivered: 0 };
let drawn = seconds();
let written = 0;
let lock = null;

// --- the microphone and the room ----------------------------------------------------------------

/** Ask the room first, and open the microphone only once it has said what it does with the sound. */
function start() {
  const recorder = new Recorder();
  const url = new URL("audio", location.href).href;
  const options = { rate: recorder.rate, token: tokenFromFragment(), source: SOURCE };
  const feeder = new Feeder(url, options);
  const own = { recorder, feeder, recording: false, allowed: false };
  run = own;
  problem = "";
  feeder.addEventListener("link", ({ detail }) => {
    if (run !== own) return;
    link = detail;
    if (detail.state === "lost") retryAt = seconds() + detail.retryMs / 1000;
    if (detail.state === "refused") {
      end(detail.reason);
      if (detail.unauthorized) askForToken(problem);
    }
    show();
  });
  feeder.addEventListener("ready", ({ detail }) => {
    write("notice", detail.notice);
    byId("notice").hidden = detail.notice === "";
    byId("notice").classList.toggle("warns", detail.sound_stored);
    if (own.recording && detail.sound_stored && !own.allowed) {
      end("The service keeps the sound from now on, so this page stopped: press Start, and it asks you.");
      return;
    }
    if (own.recording || byId("store-dialog").open) return;
    write("store-notice", detail.notice);
    if (detail.sound_stored) askToStore();
    else record();
  });
  recorder.addEventListener("block", ({ detail }) => {
    feeder.add(detail.index, detail.samples);
    meter.hear(levels(detail.samples), seconds());
  });
  recorder.addEventListener("ended", () => {
    end("The microphone is gone: plug it in, and press Start again.");
  });
  show();
}

function askToStore() {
  byId("store-dialog").returnValue = "";
  byId("store-dialog").showModal();
}

async function record() {
  const own = run;
  own.recording = true;
  show();
  try {
    await own.recorder.open(byId("input").value);
  } catch (error) {
    const said = refusal(error);
    if (said === null) throw error;
    if (run === own) end(said);
    return;
  }
  if (run !== own) return;
  await listMicrophones();
  await stayAwake();
  show();
}

/** Close the microphone, and say why where nobody asked for it. */
function end(reason = "") {
  if (run === null) return;
  count();
  run.recorder.close();
  run.feeder.close();
  run = link = null;
  problem = reason;
  byId("store-dialog").close();
  meter.forget();
  lock?.release();
  show();
}

function count() {
  if (run === null) return;
  const { recordedSeconds, waitingSeconds, lostSeconds, undeliveredSeconds } = run.feeder;
  figures = {
    recorded: recordedSeconds,
    waiting: waitingSeconds,
    lost: lostSeconds,
    undelivered: undeliveredSeconds,
  };
}

/** Offer the microphones by name where there are several, once the browser tells their names. */
async function listMicrophones() {
  const found = await microphones();
  const chosen = run?.recorder.device;
  const options = found.map(({ id, name }) => new Option(name, id, false, id === chosen));
  byId("input").replaceChildren(...options);
  byId("inputs").hidden = found.length < 2;
}

function change() {
  if (run === null) return;
  end();
  start();
}

/** Return root mean square and peak of samples, in dBFS. */
function levels(samples) {
  let [sum, peak] = [0, 0];
  for (const sample of samples) {
    sum += sample * sample;
    peak = Math.max(peak, Math.abs(sample));
  }
  const decibels = (value) => Math.max(FLOOR_DBFS, 20 * Math.log10(value / 32768));
  return { level_dbfs: decibels(Math.sqrt(sum / samples.length)), peak_dbfs: decibels(peak) };
}

/** Keep the screen on: a phone that sleeps closes the microphone. */
async function stayAwake() {
  if (document.visibilityState !== "visible" || run === null) return;
  try {
    lock = await navigator.wakeLock?.request("screen");
    write("awake", lock ? "The screen stays on." : "The screen may turn off, and end it.");
    lock?.addEventListener("release", () => write("awake", ""));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    write("awake", "The screen may turn off, and end it."); // a low battery, say
  }
}

// --- what is shown ------------------------------------------------------------------------------

function state() {
  if (run === null) return ["off", "the microphone is closed"];
  const { recorder, recording } = run;
  if (link?.state === "lost") {
    const left = Math.ceil(retryAt - seconds());
    const next = left > 1 ? `; next attempt in ${left} s` : "";
    return ["reconnecting", `${link.reason}${next}`];
  }
  if (link?.state !== "connected") return ["connecting", ""];
  if (!recording) return ["waiting", "for your word"];
  if (recorder.name === "") return ["asking", "the browser asks whether it may use the microphone"];
  return ["sending", recorder.name];
}

function show() {
  count();
  const { recorded, waiting, lost, undelivered } = figures;
  const [word, note] = state();
  write("state-word", word);
  write("state-note", note);
  root.classList.toggle("held", word !== "sending");
  root.dataset.link = link?.state ?? "";
  byId("start").textContent = run === null ? "Start" : "Stop";
  write("sent", clock(Math.max(0, recorded - waiting - lost)));
  write("waiting", amount(waiting < ON_ITS_WAY_SECONDS ? 0 : waiting));
  const there = undelivered > 0 ? `, ${amount(undelivered)} of it at the service` : "";
  write("lost", amount(lost + undelivered) + there);
  root.classList.toggle("lossy", lost + undelivered > 0);
  write("level", meter.words(seconds()));
  root.classList.toggle("clipped", meter.clips(seconds()));
  const hindered = hindrance();
  write("problem", hindered ?? problem);
  byId("problem").hidden = byId("problem").textContent === "";
  byId("start").disabled = hindered !== null;
}

function amount(duration) {
  return duration > 0 ? `${duration.toFixed(1)} s` : "nothing";
}

function write(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

function frame() {
  const now = seconds();
  const slowly = reducedMotion.matches;
  if (now - written >= (slowly ? STILL_SECONDS : TEXT_SECONDS)) {
    written = now;
    run?.feeder.pump();
    show();
    if (slowly) meter.draw(now, 1, 0);
  }
  if (!slowly) meter.draw(now, now - drawn, GLIDE_SECONDS);
  drawn = now;
  requestAnimationFrame(frame);
}

// --- what the user does -------------------------------------------------------------------------

function dress() {
  showTheme(theme, byId("theme"), ["DJ theme", "Therapy theme"]);
}

function changeTheme() {
  theme = changedTheme(theme);
  dress();
}

byId("start").addEventListener("click", () => (run === null ? start() : end()));
byId("input").addEventListener("change", change);
byId("theme").addEventListener("click", changeTheme);
byId("give-token").addEventListener("click", () => askForToken(problem));
byId("store-dialog").addEventListener("close", () => {
  if (run === null || run.recording) return;
  run.allowed = byId("store-dialog").returnValue === "send"; // to keep the sound
  if (run.allowed) record();
  else end();
});
addEventListener("hashchange", () => location.reload());
addEventListener("pagehide", () => end());
document.addEventListener("visibilitychange", stayAwake);
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select");
  if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "t" && settings.keysOn()) changeTheme();
});

for (const element of document.querySelectorAll("#room, .room")) element.textContent = room;
document.title = `send to ${room} – realtime-mer`;
byId("display").href = `./${location.hash}`;
dress();
show();
requestAnimationFrame(frame);
