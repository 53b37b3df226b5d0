/** What the owner of a session can change while it runs, in a dialog of the page. */

const SVG = "http://www.w3.org/2000/svg";
const BORDER = 4; // modules of white around a QR code, as ISO/IEC 18004 asks for

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** Draw a QR code, dark on white whatever the colours around it; rows of 1 and 0. */
export function drawCode(svg, rows) {
  const size = rows.length + 2 * BORDER;
  const dark = rows.flatMap((row, y) =>
    [...row].map((bit, x) => (bit === "1" ? `M${x + BORDER} ${y + BORDER}h1v1h-1z` : "")),
  );
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.replaceChildren(
    element("rect", { width: size, height: size, fill: "#fff" }),
    element("path", { d: dark.join(""), fill: "#000", "shape-rendering": "crispEdges" }),
  );
}

export class Controls {
  #parts;
  #change;
  #settings = null;

  /**
   * @param {object} parts the elements `open`, `dialog`, `speed`, `smoothing`, `delay`, `opens`,
   *   `code`, `link`, `allow` and `message`
   * @param {(change: object) => boolean} change asks for what is to be otherwise
   */
  constructor(parts, change) {
    this.#parts = parts;
    this.#change = change;
    parts.open.addEventListener("click", () => {
      this.#say("");
      parts.dialog.showModal();
    });
    const number = ({ value }) => (value === "" ? null : Number(value));
    const fields = { speed: parts.speed, smoothing_s: parts.smoothing, delay_s: parts.delay };
    for (const [name, field] of Object.entries(fields)) {
      field.addEventListener("change", () => {
        if (field.checkValidity()) this.#ask({ [name]: number(field) });
        else field.reportValidity();
      });
    }
    parts.allow.addEventListener("click", () => {
      this.#ask({ phones: this.#settings.phones === null });
    });
  }

  /** Show how settings stand; null where this page may not, or cannot now, change them. */
  show(settings) {
    const before = this.#settings;
    this.#settings = settings;
    const { open, dialog, speed, smoothing, delay, opens, code, link, allow } = this.#parts;
    open.hidden = settings === null;
    if (settings === null) {
      if (dialog.open) dialog.close();
      return;
    }
    speed.disabled = settings.speed === null;
    this.#choose(settings.speed ?? 1);
    smoothing.value = settings.smoothing_s;
    delay.value = settings.delay_s;
    const { phones } = settings;
    opens.textContent = settings.opens;
    opens.hidden = allow.hidden = settings.opens === "";
    allow.textContent = phones === null ? "Let phones watch" : "End it, and cut phones off";
    code.toggleAttribute("hidden", phones === null);
    link.hidden = phones === null;
    link.textContent = phones?.link ?? "";
    if (phones !== null) drawCode(code, phones.code);
    if (before?.phones === null && phones !== null) code.scrollIntoView({ block: "nearest" });
    if (before !== null) this.#say("Changed.");
  }

  /** Say why something was not changed, and show what it is. */
  refuse(reason) {
    if (this.#settings !== null) this.show(this.#settings);
    this.#say(`Not changed: ${reason}`);
  }

  #choose(value) {
    const { speed } = this.#parts;
    const found = [...speed.options].some((option) => Number(option.value) === value);
    if (!found) speed.add(new Option(`${value} \u00d7`, String(value)));
    speed.value = [...speed.options].find((option) => Number(option.value) === value).value;
  }

  #ask(change) {
    if (!this.#change(change)) this.#say("Not changed: there is no connection.");
  }

  #say(words) {
    this.#parts.message.textContent = words;
  }
}
