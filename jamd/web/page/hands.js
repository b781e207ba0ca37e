// @ts-check
/** What is held down, and by whom: every key, pointer and MIDI note is a hand, in one map. Pure. */

/**
 * @typedef {{channel: number, pitch: number}} Held
 * @typedef {(bytes: number[], page: number) => void} Play what a hand does, at this moment of the page's clock
 */

import { CONTROL, NOTE_OFF, NOTE_ON, PEDAL } from "./words.js";

export class Hands {
  /** @type {Map<string, Held>} */
  #hands = new Map();
  /** @type {Map<string, number>} */
  #pedals = new Map();
  #play;

  /** @param {Play} play */
  constructor(play) {
    this.#play = play;
  }

  /**
   * A hand strikes a key. It lets go of what it held; a key that another hand holds is not struck again.
   * @param {string} hand
   * @param {number} pitch
   * @param {number} velocity
   * @param {number} page
   */
  press(hand, pitch, velocity, page, channel = 0) {
    this.release(hand, page);
    if (pitch < 0 || pitch > 127) return;
    const free = !this.#holds(channel, pitch);
    this.#hands.set(hand, { channel, pitch });
    if (free) this.#play([NOTE_ON | channel, pitch, Math.min(Math.max(Math.round(velocity), 1), 127)], page);
  }

  /**
   * A hand lets go. Two hands on one key end it once, when the last goes.
   * @param {string} hand
   * @param {number} page
   */
  release(hand, page) {
    const held = this.#hands.get(hand);
    if (!held) return;
    this.#hands.delete(hand);
    if (!this.#holds(held.channel, held.pitch)) this.#play([NOTE_OFF | held.channel, held.pitch, 64], page);
  }

  /**
   * A foot on the pedal: down while any foot is.
   * @param {string} foot
   * @param {number} value 0 to 127
   * @param {number} page
   */
  pedal(foot, value, page, channel = 0) {
    const key = `${foot} ${channel}`;
    const before = this.#pedalOf(channel);
    if (value > 0) this.#pedals.set(key, value);
    else this.#pedals.delete(key);
    const after = this.#pedalOf(channel);
    if (after !== before) this.#play([CONTROL | channel, PEDAL, after], page);
  }

  /**
   * Everything is let go, or what hands with names that begin so hold.
   * @param {number} page
   */
  releaseAll(page, prefix = "") {
    for (const hand of [...this.#hands.keys()]) if (hand.startsWith(prefix)) this.release(hand, page);
    for (const key of [...this.#pedals.keys()]) {
      const [, foot, channel] = /^(.*) (\d+)$/.exec(key) ?? [];
      if (foot?.startsWith(prefix)) this.pedal(foot, 0, page, Number(channel));
    }
  }

  /** The pitch that this hand holds, or null. @param {string} hand */
  heldBy(hand) {
    return this.#hands.get(hand)?.pitch ?? null;
  }

  /** The pitches that are down. */
  get pitches() {
    return new Set([...this.#hands.values()].map((held) => held.pitch));
  }

  /** The names of the hands that hold something. */
  get names() {
    return [...this.#hands.keys()];
  }

  get pedalIsDown() {
    return this.#pedals.size > 0;
  }

  /** @param {number} channel @param {number} pitch */
  #holds(channel, pitch) {
    return [...this.#hands.values()].some((held) => held.channel === channel && held.pitch === pitch);
  }

  /** @param {number} channel */
  #pedalOf(channel) {
    const values = [...this.#pedals].filter(([key]) => key.endsWith(` ${channel}`)).map(([, value]) => value);
    return Math.max(0, ...values);
  }
}
