// @ts-check
/** Music of a file, played by the page: a call, an answer, a session. Given to whoever sounds it a little early. */

import { pageNow } from "./clockwork.js";
import { NOTE_OFF, NOTE_ON } from "./words.js";

/**
 * @typedef {{seconds: number, part: "player" | "jamd", bytes: number[]}} Event since the beginning
 */

const AHEAD_SECONDS = 0.15;
const EVERY_MS = 40;

export class Playback {
  #next = 0;
  #begin = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** @type {Event[]} */
  #events = [];
  /** @type {() => void} */
  #ended = () => {};

  /**
   * @param {(event: Event, page: number) => void} sound at this second of the page's clock
   * @param {() => void} cut it was stopped before its end: what it holds is to be let go
   */
  constructor(sound, cut) {
    this.sound = sound;
    this.cut = cut;
  }

  get playing() {
    return this.#timer !== undefined;
  }

  /** Seconds since the beginning. */
  get position() {
    return pageNow() - this.#begin;
  }

  /**
   * Play these, in order of time, from this second of the page's clock on.
   * @param {Event[]} events @param {number} page @param {() => void} ended
   */
  start(events, page, ended = () => {}) {
    this.stop();
    this.#events = events;
    this.#begin = page;
    this.#next = 0;
    this.#ended = ended;
    this.#timer = setInterval(() => this.#go(), EVERY_MS);
    this.#go();
  }

  stop() {
    if (!this.playing) return;
    this.#finish();
    this.cut();
  }

  #finish() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#ended();
  }

  #go() {
    const until = this.position + AHEAD_SECONDS;
    while (this.#next < this.#events.length && this.#events[this.#next].seconds <= until) {
      const event = this.#events[this.#next++];
      this.sound(event, this.#begin + event.seconds);
    }
    const last = this.#events.at(-1)?.seconds ?? 0;
    if (this.#next >= this.#events.length && this.position > last) this.#finish();
  }
}

/**
 * Notes in beats as messages in seconds.
 * @param {import("./words.js").FileNote[]} notes @param {number} tempo @param {"player" | "jamd"} part
 * @returns {Event[]}
 */
export function eventsOf(notes, tempo, part, fromBeat = 0) {
  const seconds = (/** @type {number} */ beat) => ((beat - fromBeat) * 60) / tempo;
  /** @type {Event[]} */
  const events = [];
  for (const [beat, beats, pitch, velocity] of notes) {
    events.push({ seconds: seconds(beat), part, bytes: [NOTE_ON, pitch, velocity] });
    events.push({ seconds: seconds(beat + beats), part, bytes: [NOTE_OFF, pitch, 64] });
  }
  return inOrder(events);
}

/** By time, and at one instant what ends first. @param {Event[]} events */
export function inOrder(events) {
  const rank = (/** @type {Event} */ event) => ((event.bytes[0] & 0xf0) === NOTE_ON ? 1 : 0);
  return events.sort((a, b) => a.seconds - b.seconds || rank(a) - rank(b));
}

/**
 * A long call in phrases, parted where at least a bar is silent; each begins on its bar line.
 * @param {import("./words.js").Call} call
 * @returns {import("./words.js").FileNote[][]}
 */
export function phrasesOf(call) {
  const bar = (call.metre[0] * 4) / call.metre[1];
  /** @type {import("./words.js").FileNote[][]} */
  const phrases = [];
  let end = -Infinity;
  let from = 0;
  for (const [beat, beats, pitch, velocity] of [...call.notes].sort((a, b) => a[0] - b[0])) {
    if (beat - end >= bar) {
      phrases.push([]);
      from = Math.floor((beat + 0.25) / bar) * bar;
    }
    phrases[phrases.length - 1].push([beat - from, beats, pitch, velocity]);
    end = Math.max(end, beat + beats);
  }
  return phrases;
}
