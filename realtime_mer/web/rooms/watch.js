/** Follows all rooms of a service over one WebSocket, which is made again whenever it is lost. */

import { retryDelay } from "./realtime-mer.js";

export const PROTOCOL = "realtime-mer.rooms.v1";

const UNAUTHORIZED = 4401;
const SILENT_MS = 5000; // the service tells of its rooms twice a second

/**
 * Its events: `rooms`, with what the service tells of them, and `link`, `{state, reason, retryMs}`,
 * as that of `realtime-mer.js`.
 */
export class Watch extends EventTarget {
  #url;
  #token;
  #socket = null;
  #attempt = 0;
  #retry = 0;
  #deadline = 0;
  #networkIsBack = () => this.#open();

  constructor(url, { token = null } = {}) {
    super();
    this.#url = url.replace(/^http/, "ws");
    this.#token = token;
    queueMicrotask(() => this.#open());
    addEventListener("online", this.#networkIsBack);
  }

  #open() {
    if (this.#socket !== null) return;
    clearTimeout(this.#retry);
    this.#tell("link", { state: "connecting", reason: "", retryMs: null });
    const socket = new WebSocket(this.#url, PROTOCOL);
    this.#socket = socket;
    let said = "";
    let connected = false;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      this.#wait();
      if (message.type === "error") said = message.message;
      if (message.type === "bye") said = message.reason;
      if (message.type === "hello" && message.authorization_required) this.#authorize(socket);
      if (message.type !== "rooms") return;
      this.#attempt = 0;
      if (!connected) this.#tell("link", { state: "connected", reason: "", retryMs: null });
      connected = true;
      this.#tell("rooms", message);
    };
    socket.onclose = ({ code, reason }) => {
      if (code === UNAUTHORIZED) this.#refuse(said || reason);
      else this.#lose(said || reason || "no connection to the service");
    };
    this.#wait();
  }

  #authorize(socket) {
    if (this.#token === null) this.#refuse("the service asks for a token");
    else socket.send(JSON.stringify({ type: "authorize", token: this.#token }));
  }

  #wait() {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#lose("the service does not answer"), SILENT_MS);
  }

  #drop() {
    clearTimeout(this.#deadline);
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) {
      socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  #refuse(reason) {
    this.#drop();
    removeEventListener("online", this.#networkIsBack);
    this.#tell("link", { state: "refused", reason, retryMs: null });
  }

  #lose(reason) {
    this.#drop();
    const retryMs = retryDelay(this.#attempt);
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#open(), retryMs);
    this.#tell("link", { state: "lost", reason, retryMs });
  }

  #tell(type, detail) {
    this.dispatchEvent(Object.assign(new Event(type), { detail }));
  }
}
