/** What the page asks its service for. */

/** The service wants a token that this page has not shown, or a right one. */
export class TokenNeeded extends Error {}

/** The service could not do what it was asked; the message is for people. */
export class NotDone extends Error {}

const MOST_TRACKS = 100; // that are asked for at once

/**
 * Return the numbers of all tracks as of `GET /points`: a line of JSON, and then each column.
 *
 * @param {ArrayBuffer} buffer
 * @returns {object} `{version, count, moods, columns}`; of the columns `number` and `mood` are whole
 *   numbers, the others floats with NaN for what is not known
 */
export function readPoints(buffer) {
  const end = new Uint8Array(buffer).indexOf(10);
  const head = JSON.parse(new TextDecoder().decode(buffer.slice(0, end)));
  let at = end + 1;
  const columns = {};
  for (const name of head.columns) {
    const Kind = ["number", "mood"].includes(name) ? Uint32Array : Float32Array;
    columns[name] = new Kind(buffer, at, head.count);
    at += 4 * head.count;
  }
  return { ...head, columns };
}

export class Table {
  #token;
  #named = new Map(); // by number

  /** @param {string|null} token */
  constructor(token) {
    this.#token = token;
  }

  /** Return `{table, version, tracks, problem}`. */
  async about() {
    return (await this.#ask("about")).json();
  }

  /** Return the numbers of all tracks. */
  async points() {
    return readPoints(await (await this.#ask("points")).arrayBuffer());
  }

  /** Return the numbers of tracks that a text is found in, and of how many the tags were read. */
  async find(text) {
    const answer = await this.#ask(`find?text=${encodeURIComponent(text)}`);
    const numbers = new Set(new Uint32Array(await answer.arrayBuffer()));
    return { numbers, read: Number(answer.headers.get("Titles-Read")) };
  }

  /** Return what tracks are called: `{number, path, title, artist, album}`, of those that are there. */
  async named(numbers) {
    const asked = numbers.filter((number) => !this.#named.has(number));
    for (let at = 0; at < asked.length; at += MOST_TRACKS) {
      const some = asked.slice(at, at + MOST_TRACKS);
      for (const one of await (await this.#ask(`tracks?numbers=${some}`)).json()) {
        if (one !== null) this.#named.set(one.number, one);
      }
    }
    return numbers.filter((number) => this.#named.has(number)).map((n) => this.#named.get(n));
  }

  /** Return all that is known of a track. */
  async track(number) {
    return (await this.#ask(`track/${number}`)).json();
  }

  /** Return an M3U8 playlist as a blob. */
  async playlist(numbers) {
    return (await this.#ask("playlist", numbers)).blob();
  }

  /** Return where the files of tracks lie, one a line. */
  async paths(numbers) {
    return (await this.#ask("paths", numbers)).text();
  }

  async #ask(place, numbers = null) {
    const headers = this.#token === null ? {} : { Authorization: `Bearer ${this.#token}` };
    const body = numbers === null ? undefined : Uint32Array.from(numbers);
    const method = body === undefined ? "GET" : "POST";
    const answer = await fetch(place, { method, headers, body });
    if (answer.status === 401) throw new TokenNeeded(await answer.text());
    if (!answer.ok) throw new NotDone((await answer.text()).trim());
    return answer;
  }
}
