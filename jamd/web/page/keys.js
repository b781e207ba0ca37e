// @ts-check
/** The computer's keyboard as a piano, by the place of a key and not its letter: two rows, as in a DAW. */

/** White keys from A, black ones in the row above; semitones above the octave's C. */
export const PLACES = new Map(
  Object.entries({
    KeyA: 0, KeyW: 1, KeyS: 2, KeyE: 3, KeyD: 4, KeyF: 5, KeyT: 6, KeyG: 7, KeyY: 8, KeyH: 9, KeyU: 10,
    KeyJ: 11, KeyK: 12, KeyO: 13, KeyL: 14, KeyP: 15, Semicolon: 16, Quote: 17,
  }), // prettier-ignore
);

const LOWEST_C = 24;
const HIGHEST_C = 96;
const VELOCITY_STEP = 12;

/** What one types into: text, not knobs. @param {EventTarget | null} target */
function isWriting(target) {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("textarea, input:not([type=range], [type=checkbox])"))
  );
}

/** What Space and Enter press. @param {EventTarget | null} target */
const isPressable = (target) =>
  target instanceof HTMLElement &&
  target.closest("button, a, select, summary, input[type=checkbox]") !== null;

export class Keys {
  /** The C that the key A plays. */
  base = 60;
  velocity = 88;
  /** Called when the octave or the velocity was changed. */
  changed = () => {};

  /**
   * @param {import("./hands.js").Hands} hands
   * @param {Map<string, () => void>} orders what other keys do
   * @param {() => void} touched before anything else: a gesture
   */
  constructor(hands, orders, touched) {
    this.hands = hands;
    this.orders = orders;
    this.touched = touched;
  }

  listen() {
    window.addEventListener("keydown", (event) => this.#down(event));
    window.addEventListener("keyup", (event) => this.#up(event));
  }

  /** @param {number} octaves */
  shift(octaves) {
    this.base = Math.min(Math.max(this.base + 12 * octaves, LOWEST_C), HIGHEST_C);
    this.changed();
  }

  /** @param {number} steps */
  strike(steps) {
    this.velocity = Math.min(Math.max(this.velocity + VELOCITY_STEP * steps, 16), 124);
    this.changed();
  }

  /** @param {KeyboardEvent} event */
  #down(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const place = PLACES.get(event.code);
    if (place !== undefined) {
      event.preventDefault();
      if (event.repeat) return;
      this.touched();
      this.hands.press(`key ${event.code}`, this.base + place, this.velocity, event.timeStamp / 1000);
      return;
    }
    const pressable = isPressable(event.target);
    if (event.code === "Space" && !pressable) {
      event.preventDefault();
      if (!event.repeat) this.hands.pedal("key Space", 127, event.timeStamp / 1000);
      return;
    }
    if (event.code === "Enter" && pressable) return;
    const order = this.orders.get(event.code);
    if (!order || event.repeat || event.shiftKey) return;
    event.preventDefault();
    this.touched();
    order();
  }

  /** @param {KeyboardEvent} event */
  #up(event) {
    if (event.code === "Space") this.hands.pedal("key Space", 0, event.timeStamp / 1000);
    this.hands.release(`key ${event.code}`, event.timeStamp / 1000);
  }
}

/**
 * The letters that stand on the keys here, where the browser tells; else as on a keyboard of the US.
 * @returns {Promise<(code: string) => string>}
 */
export async function letters() {
  const signs = { Semicolon: ";", Quote: "'" };
  const plain = (/** @type {string} */ code) =>
    signs[/** @type {"Quote"} */ (code)] ?? code.replace(/^Key/, "");
  try {
    const map = await /** @type {any} */ (navigator).keyboard?.getLayoutMap();
    if (!map) return plain;
    return (code) => (map.get(code) ?? plain(code)).toUpperCase();
  } catch {
    return plain;
  }
}
