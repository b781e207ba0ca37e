// @ts-check
/** What the roll shows: who played what on which beat, whose turn it was, and what jamd means to play. Pure. */

import { isRelease, isStrike } from "./words.js";

/**
 * @typedef {{part: string, pitch: number, velocity: number, start: number, end: number | null}} RollNote beats
 * @typedef {{start: number, end: number | null, turn: import("./words.js").Turn}} Band beats
 */

const MOST_NOTES = 12000;
const MOST_BANDS = 600;

export class RollModel {
  /** @type {RollNote[]} */
  notes = [];
  /** @type {Band[]} */
  bands = [];
  /** @type {RollNote[]} */
  planned = [];
  /** How often anything changed. */
  changes = 0;
  /** @type {Map<string, RollNote>} */
  #open = new Map();

  /** All that was shown is forgotten; what was before comes with it. @param {import("./words.js").History} word */
  begin(word) {
    this.changes += 1;
    this.notes = [];
    this.bands = [];
    this.planned = [];
    this.#open.clear();
    for (const [part, beats, ...bytes] of word.heard) this.heard(part, beats, bytes);
    for (const [start, end, turn] of word.spans) this.span(start, end, turn);
  }

  /** @param {string} part @param {number} beats @param {number[]} bytes */
  heard(part, beats, bytes) {
    this.changes += 1;
    const key = `${part} ${bytes[0] & 0x0f} ${bytes[1]}`;
    const open = this.#open.get(key);
    if (isStrike(bytes)) {
      if (open) open.end = beats;
      const note = { part, pitch: bytes[1], velocity: bytes[2], start: beats, end: null };
      this.notes.push(note);
      this.#open.set(key, note);
      if (this.notes.length > MOST_NOTES) this.notes.splice(0, MOST_NOTES / 10);
    } else if (isRelease(bytes) && open) {
      open.end = Math.max(beats, open.start);
      this.#open.delete(key);
    }
  }

  /** The same turn again: now with its end. @param {number} start @param {number | null} end @param {import("./words.js").Turn} turn */
  span(start, end, turn) {
    this.changes += 1;
    const same = this.bands.findLastIndex((band) => band.start === start);
    if (same >= 0) this.bands[same] = { start, end, turn };
    else {
      const last = this.bands.at(-1);
      if (last && last.end === null) last.end = start;
      this.bands.push({ start, end, turn });
      if (this.bands.length > MOST_BANDS) this.bands.shift();
    }
  }

  /** @param {import("./words.js").PlannedNote[]} notes */
  plan(notes) {
    this.changes += 1;
    this.planned = notes.map(([step, steps, pitch, velocity]) => ({
      part: "jamd", pitch, velocity, start: step / 4, end: (step + steps) / 4,
    })); // prettier-ignore
  }

  /** The lowest and highest pitch between these beats, of what is played and planned. @param {number} from @param {number} to */
  range(from, to) {
    let low = 128;
    let high = -1;
    for (const note of [...this.notes.slice(-800), ...this.planned])
      if (note.start < to && (note.end ?? to) > from) {
        low = Math.min(low, note.pitch);
        high = Math.max(high, note.pitch);
      }
    return high < 0 ? null : { low, high };
  }

  /** The beat of the oldest note. */
  get first() {
    return this.notes[0]?.start ?? 0;
  }
}
