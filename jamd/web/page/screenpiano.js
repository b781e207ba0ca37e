// @ts-check
/** The piano on the screen: as many octaves as fit, played by mouse, by fingers, and key by key. */

import { PLACES } from "./keys.js";
import { isBlack, noteName } from "./words.js";

const LEAST_WHITE_PIXELS = 32;
const WISHED_WHITE_PIXELS = 46;
const LOWEST = 21;
const HIGHEST = 108;

export class ScreenPiano {
  /** @type {Map<number, HTMLElement>} */
  #keys = new Map();
  #first = 48;
  #last = 83;
  #base = 60;
  #letter = (/** @type {string} */ code) => code.replace("Key", "");

  /**
   * @param {HTMLElement} element
   * @param {import("./hands.js").Hands} hands
   * @param {() => void} touched
   * @param {() => number} velocity of keys that are pressed by Enter
   */
  constructor(element, hands, touched, velocity) {
    this.element = element;
    this.hands = hands;
    this.touched = touched;
    this.velocity = velocity;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"]))
      element.addEventListener(name, (event) => this.#up(event));
    for (const name of ["contextmenu", "dragstart", "selectstart"])
      element.addEventListener(name, (event) => event.preventDefault()); // each would take the pointer away
    element.addEventListener("keydown", (event) => this.#keyDown(event));
    element.addEventListener("keyup", (event) => this.#keyUp(event));
    new ResizeObserver(() => this.#fit()).observe(element);
  }

  /** The C of the key A: the piano shows it. @param {number} base */
  show(base) {
    this.#base = base;
    this.#fit(true);
  }

  /** @param {(code: string) => string} letter */
  name(letter) {
    this.#letter = letter;
    this.#fit(true);
  }

  /** What is held and what sounds. @param {Set<number>} player @param {Set<number>} jamd */
  light(player, jamd) {
    for (const [pitch, key] of this.#keys) {
      key.classList.toggle("player", player.has(pitch));
      key.classList.toggle("jamd", jamd.has(pitch));
    }
  }

  /** @param {boolean} again whether or not the width is another */
  #fit(again = false) {
    const width = this.element.clientWidth;
    if (!width) return;
    const whites = Math.max(10, Math.min(36, Math.floor(width / WISHED_WHITE_PIXELS)));
    const wanted = width / whites < LEAST_WHITE_PIXELS ? 10 : whites;
    // the row of keys that is typed lies in the middle, and begins at the left where there is no more
    const spare = wanted <= 14 ? 0 : Math.floor((wanted - 11) / 2 / 7);
    let first = this.#base - 12 * spare;
    first = Math.max(LOWEST + 3, Math.min(first, HIGHEST - Math.ceil((wanted * 12) / 7)));
    if (isBlack(first)) first -= 1;
    let last = first;
    for (let count = 1; count < wanted; count++) last += isBlack(last + 1) ? 2 : 1;
    last = Math.min(last, HIGHEST);
    if (!again && first === this.#first && last === this.#last && this.#keys.size) return;
    [this.#first, this.#last] = [first, last];
    this.#draw();
  }

  #draw() {
    const focused = this.#pitchOf(document.activeElement);
    this.#keys.clear();
    this.element.replaceChildren();
    const codes = new Map([...PLACES].map(([code, place]) => [this.#base + place, code]));
    let whites = 0;
    for (let pitch = this.#first; pitch <= this.#last; pitch++) if (!isBlack(pitch)) whites++;
    let left = 0;
    for (let pitch = this.#first; pitch <= this.#last; pitch++) {
      const key = document.createElement("button");
      key.type = "button";
      key.className = isBlack(pitch) ? "key black" : "key white";
      key.dataset.pitch = String(pitch);
      key.setAttribute("aria-label", noteName(pitch).replace("\u266f", " sharp "));
      key.tabIndex = -1;
      const width = 100 / whites;
      if (isBlack(pitch)) {
        key.style.left = `${left - width * 0.3}%`;
        key.style.width = `${width * 0.6}%`;
      } else {
        key.style.left = `${left}%`;
        key.style.width = `${width}%`;
        left += width;
      }
      const code = codes.get(pitch);
      key.append(label("letter", code ? this.#letter(code) : ""));
      if (pitch % 12 === 0) key.append(label("octave", noteName(pitch)));
      this.element.append(key);
      this.#keys.set(pitch, key);
    }
    const entry = this.#keys.get(focused ?? -1) ?? this.#keys.get(this.#base) ?? this.#keys.get(this.#first);
    if (entry) entry.tabIndex = 0;
    if (focused !== null) entry?.focus();
  }

  /** @param {Element | null | undefined} element */
  #pitchOf(element) {
    const key = element?.closest?.(".key");
    return key instanceof HTMLElement && this.element.contains(key) ? Number(key.dataset.pitch) : null;
  }

  /** The key under this point and how hard it is struck there: harder towards its end. @param {PointerEvent} event */
  #under(event) {
    const element = document.elementFromPoint(event.clientX, event.clientY);
    const pitch = this.#pitchOf(element);
    if (pitch === null) return null;
    const box = /** @type {HTMLElement} */ (this.#keys.get(pitch)).getBoundingClientRect();
    const depth = (event.clientY - box.top) / box.height;
    return { pitch, velocity: 45 + 70 * Math.min(Math.max(depth, 0), 1) };
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0) return;
    this.touched();
    const under = this.#under(event);
    if (!under) return;
    this.element.setPointerCapture(event.pointerId);
    this.hands.press(`pointer ${event.pointerId}`, under.pitch, under.velocity, event.timeStamp / 1000);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const hand = `pointer ${event.pointerId}`;
    if (!this.element.hasPointerCapture(event.pointerId)) return;
    const under = this.#under(event);
    const held = this.hands.heldBy(hand);
    if (!under) this.hands.release(hand, event.timeStamp / 1000);
    else if (held !== under.pitch)
      this.hands.press(hand, under.pitch, under.velocity, event.timeStamp / 1000);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    this.hands.release(`pointer ${event.pointerId}`, event.timeStamp / 1000);
  }

  /** Arrows go from key to key; Enter and Space press. @param {KeyboardEvent} event */
  #keyDown(event) {
    const pitch = this.#pitchOf(event.target instanceof Element ? event.target : null);
    if (pitch === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -12, ArrowUp: 12 }[event.code];
    if (step !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      const next = this.#keys.get(Math.min(Math.max(pitch + step, this.#first), this.#last));
      for (const key of this.#keys.values()) key.tabIndex = key === next ? 0 : -1;
      next?.focus();
    } else if ((event.code === "Enter" || event.code === "Space") && !event.repeat) {
      event.preventDefault();
      this.touched();
      this.hands.press(`focus ${event.code}`, pitch, this.velocity(), event.timeStamp / 1000);
    }
  }

  /** @param {KeyboardEvent} event */
  #keyUp(event) {
    this.hands.release(`focus ${event.code}`, event.timeStamp / 1000);
  }
}

/** @param {string} name @param {string} text */
function label(name, text) {
  const span = document.createElement("span");
  span.className = name;
  span.textContent = text;
  span.setAttribute("aria-hidden", "true");
  return span;
}
