/** The overlay of a stream: the point on the plane and the mood in words, on nothing. */

import { BETWEEN_SHORT, STATUS } from "./emotion.js";
import { ems } from "./fit.js";
import { contradicts, moodText } from "./mood.js";
import { Plane } from "./plane.js";
import { connect, tokenFromFragment } from "./realtime-mer.js";
import { HELD_RGB, Steady, approach, css, moodColour } from "./values.js";

const GLIDE_SECONDS = 0.25;
const COLOUR_SECONDS = 1.5;
const HOLD_SECONDS = 1; // a mood must stand so long before its word is shown
const STEP_SECONDS = 0.1; // of the trail and of what is written
const COORDINATES = ["valence", "arousal", "valence_sd", "arousal_sd"];

const root = document.documentElement;
const moodElement = document.getElementById("mood");
const stateElement = document.getElementById("state");
const moody = document.querySelectorAll(".moody");
const plane = new Plane(document.getElementById("plane"));
const steady = new Steady();
const seconds = () => performance.now() / 1000;

let estimate = null;
let status = null;
let here = null;
let colour = null;
let framed = seconds();
let stepped = 0;

const scheme = location.protocol === "https:" ? "wss" : "ws";
const folder = location.pathname.replace(/[^/]*$/, ""); // a room of a service has one of its own
const stream = connect(`${scheme}://${location.host}${folder}`, {
  streams: ["estimates", "status"],
  token: tokenFromFragment(),
});
stream.addEventListener("link", ({ detail }) => {
  root.dataset.link = detail.state;
});
stream.addEventListener("estimate", ({ detail }) => {
  estimate = detail;
  status = detail.status;
});
stream.addEventListener("status", ({ detail }) => {
  status = detail.status;
});

function show(now) {
  const current = status === "music";
  root.classList.toggle("held", !current);
  plane.showCurrent(current);
  stateElement.textContent = current ? "" : (STATUS[status]?.word ?? status);
  const mood = steady.offer(estimate.mood, now, HOLD_SECONDS, (shown) =>
    contradicts(shown, estimate),
  );
  const text = moodText(mood, {}, BETWEEN_SHORT);
  if (moodElement.textContent !== text) {
    moodElement.textContent = text;
    root.style.setProperty("--ems", ems(text, moodElement).toFixed(2)); // a long one is smaller
  }
  const goal = current ? moodColour(here.valence, here.arousal) : HELD_RGB;
  colour = goal.map((part, channel) =>
    approach(colour?.[channel] ?? part, part, STEP_SECONDS, COLOUR_SECONDS),
  );
  for (const { style } of moody) style.setProperty("--live-mood", css(colour));
  plane.trace(now);
  root.dataset.told = "yes";
}

function frame() {
  const now = seconds();
  const elapsed = now - framed;
  framed = now;
  if (estimate !== null) {
    const jumps = here === null || elapsed > 1;
    if (jumps) plane.jump();
    const glide = (name) =>
      jumps ? estimate[name] : approach(here[name], estimate[name], elapsed, GLIDE_SECONDS);
    here = Object.fromEntries(COORDINATES.map((name) => [name, glide(name)]));
    plane.move(here);
    if (now - stepped >= STEP_SECONDS) {
      stepped = now;
      show(now);
    }
  }
  requestAnimationFrame(frame);
}

requestAnimationFrame(frame);
