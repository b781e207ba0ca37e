// @ts-check
/** A synth by WebMIDI, in place of the page's piano: what jamd plays, and what the player plays. */

import { ALL_NOTES_OFF, ALL_SOUND_OFF, CONTROL, PEDAL, isRelease, isStrike } from "./words.js";

/** WebMIDI cannot take back one message of many: it is given each only so long before its instant. */
const AHEAD_SECONDS = 0.01;

export class MidiOut {
  /** @type {MIDIOutput | null} */
  port = null;
  /** @type {Set<number>} */
  #sounding = new Set();
  /** @type {{bytes: number[], page: number, timer: ReturnType<typeof setTimeout>}[]} */
  #waiting = [];

  /** @param {() => number} now the page's clock */
  constructor(now = () => performance.now() / 1000) {
    this.now = now;
  }

  /** @param {MIDIAccess} access */
  static names(access) {
    return [...access.outputs.values()]
      .filter((port) => port.state === "connected")
      .map((port) => ({ id: port.id, name: port.name ?? "synth" }));
  }

  /** Another synth, or none: the one before falls silent. @param {MIDIAccess | null} access @param {string} id */
  choose(access, id) {
    this.silence();
    this.port = access?.outputs.get(id) ?? null;
  }

  /** A message at its instant of the page's clock. @param {number[]} bytes @param {number} page */
  send(bytes, page) {
    if (!this.port) return;
    if (isRelease(bytes) && this.#takeBack(bytes, page)) return;
    const wait = page - this.now() - AHEAD_SECONDS;
    if (wait <= 0) {
      this.#give(bytes, page);
      return;
    }
    const waiting = {
      bytes,
      page,
      timer: setTimeout(() => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        this.#give(bytes, page);
      }, wait * 1000),
    };
    this.#waiting.push(waiting);
  }

  silence() {
    for (const { timer } of this.#waiting) clearTimeout(timer);
    this.#waiting = [];
    const page = this.now();
    for (const key of this.#sounding) this.#give([0x80 | (key >> 7), key & 127, 64], page);
    for (let channel = 0; this.port && channel < 16; channel++)
      for (const number of [PEDAL, ALL_NOTES_OFF, ALL_SOUND_OFF])
        this.#give([CONTROL | channel, number, 0], page);
    this.#sounding.clear();
  }

  /** Whether a strike that waits for its instant is taken back by this. @param {number[]} bytes @param {number} page */
  #takeBack(bytes, page) {
    const strike = this.#waiting.findLast(
      (other) =>
        isStrike(other.bytes) && other.bytes[1] === bytes[1] && (other.bytes[0] & 15) === (bytes[0] & 15),
    );
    if (!strike || page > strike.page) return false;
    clearTimeout(strike.timer);
    this.#waiting = this.#waiting.filter((other) => other !== strike);
    return true;
  }

  /** @param {number[]} bytes @param {number} page */
  #give(bytes, page) {
    const key = ((bytes[0] & 0x0f) << 7) | bytes[1];
    if (isStrike(bytes)) this.#sounding.add(key);
    else if (isRelease(bytes)) this.#sounding.delete(key);
    try {
      this.port?.send(bytes, page * 1000);
    } catch {
      this.port = null; // pulled out
    }
  }
}
