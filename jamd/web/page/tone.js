// @ts-check
/**
 * How a string sounds: additive synthesis, pure. Stiff strings, struck at an eighth of their length by felt,
 * two of them to a note and slightly apart, so that it decays fast at first and then sings.
 */

export const RATE = 44100;
export const LOWEST = 21;
export const HIGHEST = 108;
export const EVERY = 3;
/** One note in three is rendered; the others are resampled. */

const HIGHEST_PARTIAL_HZ = 9000;
const MOST_PARTIALS = 36;
const FAST_SHARE = 0.68;
const APART_CENTS = 0.7;
const SILENT = 2e-4;

/** @param {number} pitch */
export const hertz = (pitch) => 440 * 2 ** ((pitch - 69) / 12);

/** The pitches that are rendered, those that are played most first. */
export function renderedPitches() {
  const pitches = [];
  for (let pitch = LOWEST; pitch <= HIGHEST; pitch += EVERY) pitches.push(pitch);
  return pitches.sort((a, b) => Math.abs(a - 60) - Math.abs(b - 60));
}

/**
 * Noise that is the same each time.
 * @param {number} seed
 */
export function noise(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/**
 * Add a decaying sine, by turning a point round a circle.
 * @param {Float32Array} out
 * @param {number} frequency
 * @param {number} amplitude
 * @param {number} decaySeconds to a third
 */
function addSine(out, frequency, amplitude, decaySeconds) {
  const angle = (2 * Math.PI * frequency) / RATE;
  const shrink = Math.exp(-1 / (decaySeconds * RATE));
  const real = Math.cos(angle) * shrink;
  const imaginary = Math.sin(angle) * shrink;
  const heard = decaySeconds * Math.log(Math.max(Math.abs(amplitude) / SILENT, 1));
  const length = Math.min(out.length, Math.ceil(heard * RATE));
  let x = amplitude;
  let y = 0;
  for (let i = 0; i < length; i++) {
    out[i] += y;
    const turned = x * real - y * imaginary;
    y = x * imaginary + y * real;
    x = turned;
  }
}

/**
 * The samples of this note, struck hard.
 * @param {number} pitch
 * @returns {Float32Array<ArrayBuffer>}
 */
export function renderNote(pitch) {
  const seconds = Math.min(6, 7.5 * 2 ** (-(pitch - LOWEST) / 40));
  const out = new Float32Array(Math.round(seconds * RATE));
  const fundamental = hertz(pitch);
  const stiffness = 2.4e-4 * 2 ** ((pitch - 60) / 9.5) + 1.2e-4 * 2 ** ((30 - pitch) / 8);
  const dull = 0.1 * 2 ** ((pitch - LOWEST) / 19);
  const sings = 8 * 2 ** (-(pitch - LOWEST) / 17);
  const drift = noise(pitch);
  for (let n = 1; n <= MOST_PARTIALS; n++) {
    const frequency = n * fundamental * Math.sqrt(1 + stiffness * n * n);
    if (frequency > HIGHEST_PARTIAL_HZ) break;
    const board = frequency ** 2 / (frequency ** 2 + 75 ** 2);
    const struck = Math.max(Math.abs(Math.sin((Math.PI * n) / 8)), 0.04) * Math.exp(-dull * (n - 1));
    const amplitude = struck * board * (1 + 0.25 * drift());
    if (amplitude < 6e-4) continue;
    const slow = sings / (1 + 0.13 * (n - 1)) / (1 + frequency / 7000);
    const fast = slow * 0.24;
    addSine(out, frequency, amplitude * FAST_SHARE, fast);
    addSine(out, frequency * 2 ** (APART_CENTS / 1200), amplitude * (1 - FAST_SHARE), slow);
  }
  addHammer(out, pitch);
  return shaped(out, 0.0012 + 0.0025 * 2 ** (-(pitch - LOWEST) / 30));
}

/**
 * The knock of felt and wood.
 * @param {Float32Array} out
 * @param {number} pitch
 */
function addHammer(out, pitch) {
  const random = noise(pitch * 7919);
  const length = Math.round(0.09 * RATE);
  const follow = 1 - Math.exp((-2 * Math.PI * (180 + 12 * Math.max(0, pitch - 40))) / RATE);
  let low = 0;
  let lower = 0;
  for (let i = 0; i < length; i++) {
    low += follow * (random() - low);
    lower += follow * (low - lower);
    out[i] += 0.9 * lower * Math.exp(-i / (0.018 * RATE));
  }
}

/**
 * Begun within a few milliseconds, ended gently, as loud as the others.
 * @param {Float32Array<ArrayBuffer>} out
 * @param {number} attackSeconds
 */
function shaped(out, attackSeconds) {
  const attack = Math.round(attackSeconds * RATE);
  for (let i = 0; i < attack; i++) out[i] *= 0.5 - 0.5 * Math.cos((Math.PI * i) / attack);
  const fade = Math.round(out.length * 0.12);
  for (let i = 0; i < fade; i++) out[out.length - 1 - i] *= i / fade;
  let peak = 0;
  for (const value of out) peak = Math.max(peak, Math.abs(value));
  for (let i = 0; i < out.length; i++) out[i] *= 0.8 / peak;
  return out;
}

/**
 * A tick of the metronome: wood, not a beep.
 * @param {boolean} loud
 * @returns {Float32Array<ArrayBuffer>}
 */
export function renderClick(loud) {
  const out = new Float32Array(Math.round(0.09 * RATE));
  const base = loud ? 1760 : 1320;
  for (const [ratio, amplitude, decay] of [
    [1, 0.6, 0.014],
    [1.51, 0.3, 0.009],
    [2.87, 0.15, 0.004],
  ])
    addSine(out, base * ratio, amplitude, decay);
  for (let i = 0; i < 40; i++) out[i] *= i / 40;
  return out;
}

/**
 * One ear of a small room.
 * @param {number} seed
 * @returns {Float32Array<ArrayBuffer>}
 */
export function renderRoom(seed) {
  const random = noise(seed);
  const out = new Float32Array(Math.round(0.9 * RATE));
  let low = 0;
  for (let i = 0; i < out.length; i++) {
    low += 0.32 * (random() - low);
    out[i] = low * Math.exp(-i / (0.19 * RATE)) * Math.min(1, i / (0.006 * RATE));
  }
  return out;
}
