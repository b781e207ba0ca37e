// @ts-check
/** The metronome: clicks on the grid's beats, or a bar of them before the first note. */

import { barSteps, beatSteps, secondsOf, stepAt } from "./grid.js";

/**
 * @typedef {import("./words.js").State} State
 * @typedef {{seconds: number, loud: boolean}} Click
 */

const AHEAD_SECONDS = 0.15;
const EVERY_MS = 40;
/** Whoever clicked so lately needs no help. */
const OTHERS_SECONDS = 4;
const FIRST_SECONDS = 0.2;

/**
 * The beats from one second to another, without the second; the first of a bar is loud.
 * @param {State} state @param {number} from @param {number} to
 * @returns {Click[]}
 */
export function clicksOf(state, from, to) {
  const first = stepAt(state, from);
  if (!state.running || first === null) return [];
  const beat = beatSteps(state);
  const bar = barSteps(state);
  const clicks = [];
  for (let count = Math.floor((first - state.downbeat_step) / beat); ; count++) {
    const step = state.downbeat_step + count * beat;
    const seconds = secondsOf(state, step);
    if (seconds >= to) return clicks;
    if (seconds < from) continue;
    clicks.push({ seconds, loud: (((count * beat) % bar) + bar) % bar < 1e-6 });
  }
}

/**
 * A bar of clicks from this second on, for whoever is about to begin.
 * @param {{tempo: number, metre: [number, number]}} state @param {number} from
 * @returns {Click[]}
 */
export function countIn(state, from) {
  const [beats, unit] = state.metre;
  const length = (60 / state.tempo) * (4 / unit);
  return Array.from({ length: beats }, (_, beat) => ({ seconds: from + beat * length, loud: beat === 0 }));
}

export class Metronome {
  on = false;
  #until = 0;
  #others = -Infinity;

  /**
   * @param {() => State | null} state
   * @param {() => number} now the engine's clock
   * @param {(click: Click) => void} sound
   */
  constructor(state, now, sound) {
    this.state = state;
    this.now = now;
    this.sound = sound;
  }

  start() {
    setInterval(() => this.go(), EVERY_MS);
  }

  /** jamd itself clicks. */
  heardOther() {
    this.#others = this.now();
  }

  /** Whether it ever did. */
  get othersHeard() {
    return this.#others > -Infinity;
  }

  /** Sound what is due soon and was not yet. */
  go() {
    const now = this.now();
    const from = Math.max(this.#until, now);
    const to = now + AHEAD_SECONDS;
    this.#until = Math.max(to, this.#until > now + 1 ? 0 : this.#until); // another session has another clock
    const state = this.state();
    if (!this.on || !state || now - this.#others < OTHERS_SECONDS) return;
    for (const click of clicksOf(state, from, to)) this.sound(click);
  }

  /** A bar of clicks, now. Only while nothing goes on. */
  countIn() {
    const state = this.state();
    if (!state || state.running) return;
    for (const click of countIn(state, this.now() + FIRST_SECONDS)) this.sound(click);
  }
}
