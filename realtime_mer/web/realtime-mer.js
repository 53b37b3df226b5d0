/**
 * Subscribes to a realtime-mer service from a browser, or from Node 22 or newer: one module, no
 * dependency, no build step. An older Node has no WebSocket of its own and wants one in `connect`.
 *
 *     import { connect } from "./realtime-mer.js";
 *     const stream = connect("ws://127.0.0.1:8765", { streams: ["estimates", "status"] });
 *     stream.addEventListener("estimate", ({ detail }) => console.log(detail.t, detail.mood));
 *
 * Every message of the service is an event of its type (`hello`, `estimate`, `status`, `level`,
 * `marker`, `history`, `settings`, `error`, `bye`), with the message itself as `detail`;
 * docs/protocol.md describes them.
 * Three more events tell about the connection:
 *
 * - `link`: `{state, reason, retryMs}`, where `state` is `connecting`, `connected`, `lost` (another
 *   attempt follows after `retryMs`), `refused` (the service wants another token; no attempt
 *   follows) or `closed` (by `close()`);
 * - `gap`: `{from, to, missed, offlineMs}`, just before the first estimate after a hole: seconds of
 *   sound at its two ends, how many estimates did not come, and how long there was no connection (0
 *   where it was there all the time); `from` and `missed` are null where the service was started
 *   anew, so that its stream time began at 0;
 * - `roundtrip`: `{ms}`, how long a message takes to the service and back, every five seconds.
 */

export const PROTOCOL = "realtime-mer.v1";
export const STREAMS = Object.freeze(["estimates", "status", "level", "markers"]);

const MESSAGES = new Set([
  "hello",
  "estimate",
  "status",
  "level",
  "marker",
  "history",
  "settings",
  "error",
  "bye",
]);
const HISTORY_COLUMNS = [
  "seq",
  "t",
  "valence",
  "arousal",
  "valence_sd",
  "arousal_sd",
  "level_dbfs",
  "status",
];
const UNAUTHORIZED = 4401;
const OPEN = 1; // readyState of every WebSocket
const NO_WEBSOCKET =
  "there is no WebSocket here: use a browser or Node 22 or newer, or pass one, as in " +
  'connect(url, { WebSocket }) with import { WebSocket } from "ws"';
const OPEN_TIMEOUT_MS = 5000;
const PING_PERIOD_MS = 5000;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10000;

/**
 * Subscribe; the connection is made at once and, whenever it is lost, again: after a while that grows
 * with every attempt (`retryDelay`), and at once when the network is back or the page is looked at
 * again. Estimates that are known already are left out.
 *
 * @param {string} url `ws://HOST:PORT`, `wss://HOST:PORT`, or the link of the service's display
 * @param {object} [options]
 * @param {string[]} [options.streams] some of `STREAMS`
 * @param {?number} [options.maxRate] most estimates, and most levels, per second of sound
 * @param {number} [options.history] seconds of the past to begin with, 0 to 600: it comes as `history`
 *   before the first estimate, and after a loss what of it was missed
 * @param {?string} [options.key] of the session, for a page that is to change its settings
 * @param {?string} [options.token] what the service asks for, if it asks
 * @param {Function} [options.WebSocket] the class that connects, where JavaScript itself has none
 * @returns {Stream}
 * @throws {RangeError} a stream that does not exist, or no address of a service
 * @throws {TypeError} no WebSocket to connect with
 */
export function connect(url, options = {}) {
  return new Stream(url, options);
}

/**
 * Return the token in the fragment of a link, `#token=…`, or null. A fragment is never sent to a
 * server and so never stands in its log.
 *
 * @param {string} [fragment] that of the page, unless you give one; outside a page there is none
 * @returns {?string}
 */
export function tokenFromFragment(fragment = globalThis.location?.hash ?? "") {
  // URLSearchParams would read a plus sign, which a token may hold, as a space.
  return new URLSearchParams(fragment.replace(/^#/, "").replaceAll("+", "%2B")).get("token");
}

/**
 * Return how long to wait before each attempt to connect again: doubling from a quarter of a second
 * to ten seconds, by a chance factor of one half to one, which keeps the clients of a restarted
 * service from coming all at once.
 *
 * @param {number} attempt from 0
 * @param {number} [chance] in [0, 1)
 * @returns {number} milliseconds
 */
export function retryDelay(attempt, chance = Math.random()) {
  const delay = Math.min(FIRST_DELAY_MS * 2 ** Math.min(attempt, 10), LONGEST_DELAY_MS);
  return delay * (0.5 + 0.5 * chance);
}

/**
 * Return the address of the WebSocket behind a link; the part after # never leaves the page.
 *
 * @param {string} url
 * @returns {string}
 * @throws {RangeError} no address of a service
 */
export function serviceAddress(url) {
  const parts = /^(?:ws|http)(s?):\/\/([^/?#]+)([^?#]*)/i.exec(url);
  if (parts === null) throw new RangeError(`address ${url}: give ws://HOST:PORT`);
  const [, secure, host, path] = parts;
  return `ws${secure.toLowerCase()}://${host}${path || "/"}`;
}

/** A subscription. Made by `connect`. */
export class Stream extends EventTarget {
  #url;
  #WebSocket;
  #token;
  #key;
  #subscribe;
  #sparse;
  #socket = null;
  #attempt = 0;
  #retry = 0;
  #deadline = 0;
  #pinging = 0;
  #ping = null;
  #pings = 0;
  #farewell = "";
  #welcomed = false;
  #ended = false;
  #last = null;
  #lostAt = null;
  #networkIsBack = () => this.#open();
  #pageIsBack = () => {
    if (document.visibilityState !== "visible") return;
    this.#open();
    // A phone that slept may have lost its connection without a word.
    if (this.#welcomed) this.#beat();
  };

  constructor(
    url,
    {
      streams = ["estimates"],
      maxRate = null,
      history = 0,
      token = null,
      key = null,
      WebSocket = globalThis.WebSocket,
    } = {},
  ) {
    super();
    if (typeof WebSocket !== "function") throw new TypeError(NO_WEBSOCKET);
    for (const stream of streams) {
      if (!STREAMS.includes(stream)) {
        throw new RangeError(`stream ${stream}: give some of ${STREAMS.join(", ")}`);
      }
    }
    /** What the service said of itself at the latest connection; null before the first. */
    this.hello = null;
    this.#url = serviceAddress(url);
    this.#WebSocket = WebSocket;
    this.#token = token;
    this.#key = key;
    this.#sparse = maxRate;
    this.#subscribe = { type: "subscribe", streams, max_rate: maxRate, history };
    // Whoever calls connect() can add its listeners first.
    queueMicrotask(() => this.#open());
    // Node has neither of them.
    globalThis.addEventListener?.("online", this.#networkIsBack);
    globalThis.document?.addEventListener("visibilitychange", this.#pageIsBack);
  }

  /**
   * Set a marker at this moment of the stream, for everybody who subscribed to markers.
   *
   * @param {string} label one line of 1 to 200 characters
   * @param {string} [id] up to 64 characters, given back with the marker
   * @returns {boolean} whether there is a connection; the service's own `marker` confirms it
   */
  mark(label, id = "") {
    return this.#welcomed && this.#send({ type: "marker", label, id });
  }

  /**
   * Ask for other settings of the session, where its key was given: `settings` answers, or `error`.
   *
   * @param {object} change some of `speed`, `smoothing_s`, `delay_s` and `phones`
   * @returns {boolean} whether there is a connection
   */
  change(change) {
    return this.#welcomed && this.#send({ type: "change", ...change });
  }

  /** End the subscription for good. */
  close() {
    this.#end("closed", "");
  }

  #open() {
    if (this.#ended || this.#socket !== null) return;
    clearTimeout(this.#retry);
    this.#tell("link", { state: "connecting", reason: "", retryMs: null });
    const socket = new this.#WebSocket(this.#url, PROTOCOL);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#read(data);
    socket.onclose = ({ code, reason }) => {
      if (code === UNAUTHORIZED) {
        this.#end("refused", reason);
      } else {
        this.#lose(this.#farewell || reason || "no connection to the service");
      }
    };
    // Not every `close` follows (Node 20), and the package ws ends a program that does not listen.
    socket.onerror = () => this.#lose(this.#farewell || "no connection to the service");
    this.#deadline = setTimeout(() => this.#lose("the service does not answer"), OPEN_TIMEOUT_MS);
  }

  #read(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      this.#lose("the service sent something that is no JSON");
      return;
    }
    if (message.type === "hello") {
      this.#welcome(message);
    } else if (message.type === "estimate") {
      if (!this.#isNew(message)) return;
    } else if (message.type === "history") {
      message = this.#unknown(message);
    } else if (message.type === "bye") {
      this.#farewell = message.reason;
    } else if (message.type === "pong" && this.#ping?.id === message.id) {
      const ms = performance.now() - this.#ping.at;
      this.#ping = null;
      if (!this.#welcomed) this.#enter();
      this.#tell("roundtrip", { ms });
    }
    if (MESSAGES.has(message.type)) this.#tell(message.type, message);
  }

  #welcome(hello) {
    this.hello = hello;
    this.#farewell = "";
    if (this.#token !== null) {
      this.#send({ type: "authorize", token: this.#token });
    } else if (hello.authorization_required) {
      this.#end("refused", "the service asks for a token");
      return;
    }
    this.#send(this.#subscribe);
    if (this.#key !== null) this.#send({ type: "own", key: this.#key });
    this.#beat();
  }

  /** The first pong is here, so the service took the token and the subscription. */
  #enter() {
    clearTimeout(this.#deadline);
    this.#attempt = 0;
    this.#welcomed = true;
    this.#pinging = setInterval(() => this.#beat(), PING_PERIOD_MS);
    this.#tell("link", { state: "connected", reason: "", retryMs: null });
  }

  /** Send a ping. The one before was not answered: the network is gone without a word. */
  #beat() {
    if (this.#ping !== null) {
      const waited = performance.now() - this.#ping.at;
      if (waited > PING_PERIOD_MS / 2) this.#lose("the service went silent");
      return;
    }
    this.#pings += 1;
    this.#ping = { id: String(this.#pings), at: performance.now() };
    this.#send({ type: "ping", id: this.#ping.id });
  }

  /** Tell of a hole before this estimate; return false for one that came before. */
  #isNew(estimate) {
    const session = this.hello?.session;
    const last = this.#last;
    // Only a service that names no session may go back to an earlier number.
    const back = last !== null && estimate.seq <= last.seq;
    const same = last?.session === session && !(back && !session);
    if (same && back) return false;
    const offlineMs = last === null || this.#lostAt === null ? 0 : performance.now() - this.#lostAt;
    this.#lostAt = null;
    this.#last = { session, seq: estimate.seq, t: estimate.t };
    if (last === null) return true;
    const [to, missed] = [estimate.t, estimate.seq - last.seq - 1];
    const thinned = this.#sparse !== null && to - last.t <= 2 / this.#sparse;
    if (!same) {
      this.#tell("gap", { from: null, to, missed: null, offlineMs });
    } else if (missed > 0 && !thinned) {
      this.#tell("gap", { from: last.t, to, missed, offlineMs });
    }
    return true;
  }

  /** Return what of the past is not known from before the connection was lost. */
  #unknown(past) {
    const last = this.#last?.session === this.hello?.session ? this.#last : null;
    const start = last === null ? 0 : past.seq.filter((seq) => seq <= last.seq).length;
    const columns = HISTORY_COLUMNS.map((name) => [name, past[name].slice(start)]);
    return { ...past, ...Object.fromEntries(columns) };
  }

  #send(message) {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #drop() {
    clearTimeout(this.#deadline);
    clearTimeout(this.#retry);
    clearInterval(this.#pinging);
    this.#ping = null;
    this.#welcomed = false;
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) {
      socket.onmessage = socket.onclose = null;
      socket.onerror = () => {};
      socket.close();
    }
  }

  #lose(reason) {
    this.#drop();
    this.#lostAt ??= performance.now();
    const retryMs = retryDelay(this.#attempt);
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#open(), retryMs);
    this.#tell("link", { state: "lost", reason, retryMs });
  }

  #end(state, reason) {
    globalThis.removeEventListener?.("online", this.#networkIsBack);
    globalThis.document?.removeEventListener("visibilitychange", this.#pageIsBack);
    this.#drop();
    this.#ended = true;
    this.#tell("link", { state, reason, retryMs: null });
  }

  #tell(type, detail) {
    this.dispatchEvent(Object.assign(new Event(type), { detail }));
  }
}
