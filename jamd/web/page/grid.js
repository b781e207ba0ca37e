// @ts-check
/** Bars and beats in time: pure. @import {State, Turn} from "./words.js" */

export const STEPS_PER_BEAT = 4;

/**
 * Where the music is at this second, in steps; null before it has begun.
 * @param {State | null} state
 * @param {number} engineSeconds
 */
export function stepAt(state, engineSeconds) {
  if (!state || !state.anchor) return null;
  if (!state.running) return state.step;
  const [seconds, step] = state.anchor;
  return step + ((engineSeconds - seconds) * state.tempo * STEPS_PER_BEAT) / 60;
}

/**
 * When this step begins. Only with a grid.
 * @param {State} state
 * @param {number} step
 */
export function secondsOf(state, step) {
  const [seconds, anchor] = state.anchor ?? [0, 0];
  return seconds + ((step - anchor) * 60) / state.tempo / STEPS_PER_BEAT;
}

/** @param {State} state */
export const barSteps = (state) => (state.metre[0] * 4 * STEPS_PER_BEAT) / state.metre[1];

/** @param {State} state */
export const beatSteps = (state) => (4 * STEPS_PER_BEAT) / state.metre[1];

/**
 * The first bar line at or after this step.
 * @param {State} state
 * @param {number} step
 */
export function barLineAfter(state, step) {
  const length = barSteps(state);
  return state.downbeat_step + Math.ceil((step - state.downbeat_step) / length - 1e-9) * length;
}

/**
 * How long the turn still is, in words, and as a share of what `whole` steps are; null if nobody knows.
 * @param {State | null} state
 * @param {number | null} step
 */
export function timeLeft(state, step) {
  if (!state || state.end_step === null || step === null || state.turn === "wait") return null;
  const steps = Math.max(0, state.end_step - step);
  const beats = Math.ceil(steps / beatSteps(state) - 1e-6);
  const bars = Math.floor(beats / state.metre[0]);
  const rest = beats % state.metre[0];
  const words = [];
  if (bars) words.push(`${bars} ${bars === 1 ? "bar" : "bars"}`);
  if (rest || !bars) words.push(`${rest} ${rest === 1 ? "beat" : "beats"}`);
  return { steps, words: words.join(" ") };
}

/**
 * Whose turn it is, in words.
 * @param {Turn} turn
 */
export function turnInWords(turn) {
  return {
    wait: "Ready when you are",
    call: "Your turn",
    answer: "jamd answers",
    duet: "Both play",
    solo: "jamd plays",
  }[turn];
}
