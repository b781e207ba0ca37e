// @ts-check
/** Which keys jamd holds at a second, from notes that are told a little early. Pure. */

import { ALL_NOTES_OFF, ALL_SOUND_OFF, CONTROL, isRelease, isStrike } from "./words.js";

export class Lights {
  /** @type {Map<number, {on: number, off: number}[]>} */
  #keys = new Map();

  /** @param {number[]} bytes @param {number} seconds */
  told(bytes, seconds) {
    const key = ((bytes[0] & 0x0f) << 7) | bytes[1];
    if (isStrike(bytes)) {
      const notes = this.#keys.get(key) ?? [];
      notes.push({ on: seconds, off: Infinity });
      this.#keys.set(key, notes.slice(-4));
    } else if (isRelease(bytes)) {
      const last = this.#keys.get(key)?.at(-1);
      if (last) last.off = Math.min(last.off, seconds);
    } else if ((bytes[0] & 0xf0) === CONTROL && (bytes[1] === ALL_NOTES_OFF || bytes[1] === ALL_SOUND_OFF)) {
      for (const notes of this.#keys.values())
        for (const note of notes) note.off = Math.min(note.off, seconds);
    }
  }

  clear() {
    this.#keys.clear();
  }

  /** The pitches that are held. @param {number} seconds */
  at(seconds) {
    const held = new Set();
    for (const [key, notes] of this.#keys)
      if (notes.some((note) => note.on <= seconds && seconds < note.off)) held.add(key & 127);
    return held;
  }
}
