// @ts-check
/**
 * The words between the page and jamd: one JSON object each, over one WebSocket.
 *
 * Seconds are of the engine's clock, beats are quarter notes from the session's beginning, steps sixteenths.
 *
 * @typedef {"jamd" | "player" | "click" | "thru"} Part
 * @typedef {"wait" | "call" | "answer" | "duet" | "solo"} Turn
 * @typedef {number | string} Value
 *
 * From the page:
 * @typedef {{type: "ping", page: number}
 *   | {type: "midi", seconds: number, bytes: number[]}
 *   | {type: "turn", knob: string, value: Value}
 *   | {type: "press", action: string}
 *   | {type: "preset", name: string}
 *   | {type: "model", name: string}} ToJamd
 *
 * To the page:
 * @typedef {{name: string, what: string, kind: "continuous" | "choice", low: number, high: number,
 *   logarithmic: boolean, whole: boolean, choices: Value[]}} KnobWord
 * @typedef {{name: string, what: string}} ActionWord
 * @typedef {{type: "hello", version: string, knobs: KnobWord[], actions: ActionWord[], presets: string[],
 *   models: string[], early: number, watch: boolean, can_play: boolean}} Hello
 * @typedef {{type: "state", turn: Turn, turns: number, tempo: number, metre: [number, number],
 *   anchor: [number, number] | null, downbeat_step: number, step: number | null, end_step: number | null,
 *   running: boolean, source: string, knobs: Record<string, Value>, held: number[], looping: boolean,
 *   preset: string | null, model?: string | null}} State
 * @typedef {{type: "note", part: Part, seconds: number, bytes: number[]}} NoteWord
 * @typedef {{type: "heard", part: "player" | "jamd", beats: number, bytes: number[]}} Heard
 * @typedef {[step: number, steps: number, pitch: number, velocity: number]} PlannedNote
 * @typedef {{type: "plan", notes: PlannedNote[]}} Plan
 * @typedef {[part: string, beats: number, ...bytes: number[]]} HeardBefore
 * @typedef {{type: "history", heard: HeardBefore[], spans: [number, number | null, Turn][]}} History
 * @typedef {{type: "span", start: number, end: number | null, turn: Turn}} SpanWord
 * @typedef {{type: "said", text: string}} Said
 * @typedef {{type: "pages", count: number}} Pages
 * @typedef {{type: "ended"}} Ended
 * @typedef {{type: "refused", why: string}} Refused
 * @typedef {{type: "pong", page: number, engine: number}} Pong
 * @typedef {Hello | State | NoteWord | Heard | Plan | History | SpanWord | Said | Pages | Ended | Refused
 *   | Pong} FromJamd
 *
 * Files:
 * @typedef {[beat: number, beats: number, pitch: number, velocity: number]} FileNote
 * @typedef {{tempo: number, metre: [number, number], notes: FileNote[]}} Call
 * @typedef {{name: string, begun: string, bars: number, seconds: number, notes: number,
 *   favourite: boolean}} SessionLine
 */

export const NOTE_OFF = 0x80;
export const NOTE_ON = 0x90;
export const CONTROL = 0xb0;
export const PEDAL = 64;
export const ALL_SOUND_OFF = 120;
export const ALL_NOTES_OFF = 123;

/**
 * What came over the socket, or null if it is no word.
 * @param {unknown} text
 * @returns {FromJamd | null}
 */
export function wordOf(text) {
  if (typeof text !== "string") return null;
  try {
    const word = JSON.parse(text);
    return word !== null && typeof word === "object" && typeof word.type === "string" ? word : null;
  } catch {
    return null;
  }
}

/**
 * Whether a message strikes a key; a note-on of velocity 0 lets go.
 * @param {number[]} bytes
 */
export const isStrike = (bytes) => (bytes[0] & 0xf0) === NOTE_ON && bytes[2] > 0;

/**
 * Whether a message lets go of a key.
 * @param {number[]} bytes
 */
export const isRelease = (bytes) =>
  (bytes[0] & 0xf0) === NOTE_OFF || ((bytes[0] & 0xf0) === NOTE_ON && bytes[2] === 0);

const NAMES = ["C", "C\u266f", "D", "D\u266f", "E", "F", "F\u266f", "G", "G\u266f", "A", "A\u266f", "B"];

/**
 * 60 is C4.
 * @param {number} pitch
 */
export const noteName = (pitch) => `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

/** @param {number} pitch */
export const isBlack = (pitch) => [1, 3, 6, 8, 10].includes(pitch % 12);
