/**
 * The words of the display and their places: those of realtime_mer/emotion.py and
 * realtime_mer/wording.py, which tests hold this file to.
 */

export const MOOD_WORDS = [
  { word: "neutral", valence: 0.0, arousal: 0.0, quadrant: null },
  { word: "happy", valence: 0.59, arousal: 0.1, quadrant: "Q1" },
  { word: "delighted", valence: 0.54, arousal: 0.25, quadrant: "Q1" },
  { word: "excited", valence: 0.39, arousal: 0.46, quadrant: "Q1" },
  { word: "astonished", valence: 0.21, arousal: 0.56, quadrant: "Q1" },
  { word: "tense", valence: -0.05, arousal: 0.6, quadrant: "Q2" },
  { word: "afraid", valence: -0.25, arousal: 0.54, quadrant: "Q2" },
  { word: "distressed", valence: -0.46, arousal: 0.39, quadrant: "Q2" },
  { word: "miserable", valence: -0.59, arousal: -0.1, quadrant: "Q3" },
  { word: "sad", valence: -0.52, arousal: -0.3, quadrant: "Q3" },
  { word: "bored", valence: -0.3, arousal: -0.52, quadrant: "Q3" },
  { word: "tired", valence: -0.0, arousal: -0.6, quadrant: "Q3" },
  { word: "calm", valence: 0.42, arousal: -0.42, quadrant: "Q4" },
  { word: "serene", valence: 0.52, arousal: -0.3, quadrant: "Q4" },
  { word: "pleased", valence: 0.6, arousal: -0.05, quadrant: "Q4" },
];

/** How near to neutral a point is near the middle, and how likely a quadrant is a majority. */
export const MIDDLE_RADIUS = 0.3;
export const MAJORITY = 0.5;

/** How the mood of an estimate says two words, and how they are said where letters are large. */
export const BETWEEN = "between {} and {}";
export const BETWEEN_SHORT = "{} \u2013 {}";

export const QUADRANTS = [
  { name: "Q1", label: "pleasant, energetic" },
  { name: "Q2", label: "unpleasant, energetic" },
  { name: "Q3", label: "unpleasant, calm" },
  { name: "Q4", label: "pleasant, calm" },
];

export const GEMS = [
  "amazement",
  "solemnity",
  "tenderness",
  "nostalgia",
  "calmness",
  "power",
  "joyful_activation",
  "tension",
  "sadness",
];

export const STATUS = {
  warming_up: { word: "warming up", note: "less than 3 s of sound so far" },
  music: { word: "music", note: "" },
  silence: { word: "silence", note: "the last estimate is held" },
  too_quiet: { word: "too quiet", note: "the last estimate is held" },
  no_music: { word: "no music", note: "the last estimate is held" },
  no_signal: {
    word: "no signal",
    note: "only zeros arrive: a denied permission or a paused player",
  },
  gap: { word: "gap", note: "some sound was lost" },
  reconnecting: {
    word: "reconnecting",
    note: "the sound device is gone; the last estimate is held",
  },
  paused: { word: "paused", note: "no estimates until somebody lets it go on" },
};

export const TURN_WORDS = "the music turned";

export const OUTLET_NOTE = "an outlet cannot be reached";

export const WAITING = { word: "waiting", note: "no estimate for {} s" };

/** What is said of a room besides; a number of seconds stands for {}. */
export const ROOM = {
  empty: { word: "no sound arrives", note: "nobody sends" },
  waiting: { word: "no sound arrives", note: "none for {} s" },
  ended: { word: "off", note: "its sender has ended it" },
  late: { word: "no estimates", note: "it is not computed now" },
  stale: { word: "stale", note: "nothing new for {} s" },
};

/** What is said of a room that is recorded, by what is: [estimates, sound]. */
export const RECORDING_BADGES = [
  { recorded: [true, true], badge: "\u25cf REC SOUND" },
  { recorded: [true, false], badge: "\u25cf REC" },
  { recorded: [false, true], badge: "\u25cf REC SOUND" },
  { recorded: [false, false], badge: "" },
];

/** The statuses of a room in which somebody should look after it. */
export const ATTENTION = ["no_signal", "reconnecting"];
