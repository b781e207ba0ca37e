// @ts-check
/** The roll, drawn: both parts over bars and beats, whose turn it is behind them, and a line where it is now. */

import { barSteps, beatSteps } from "./grid.js";
import { isBlack, noteName } from "./words.js";

/**
 * @typedef {import("./words.js").State} State
 * @typedef {{beat: number, state: State | null}} Moment what is heard now
 */

const LEFT = 40;
const TOP = 24;
const BOTTOM = 20;
const LEAST_SEMITONES = 31;
const NOW_AT = 0.64;
const GLIDE = 0.12;
const LEAST_TALL = 7;

/** Beat, beats and height of the notes that are sketched on an empty roll. */
const SKETCH = [
  [0, 1.5, 0],
  [1.5, 1, 2],
  [2.5, 1, 1],
  [3.5, 1.5, 3],
  [5, 1, 5],
  [6, 2, 4],
];

const COLOURS = /** @type {const} */ ([
  "card", "row", "line", "bar", "ink", "faint", "player", "player-soft", "jamd", "jamd-soft",
]); // prettier-ignore

/** @type {Record<string, string>} */
const TURNS = { call: "you", answer: "jamd", duet: "both", solo: "jamd" };

export class Roll {
  /** How far one has scrolled back, in beats. */
  back = 0;
  /** Called when one begins or ends to look back. */
  scrolled = () => {};
  /** @type {Record<string, string>} */
  #colours = {};
  #low = 48;
  #high = 84;
  #still = window.matchMedia("(prefers-reduced-motion: reduce)");
  #perBeat = 40;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./rollmodel.js").RollModel} model
   */
  constructor(canvas, model) {
    this.canvas = canvas;
    this.model = model;
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#readColours());
    this.#readColours();
  }

  /** Wheel, drag and arrows look back. */
  listen() {
    const canvas = this.canvas;
    canvas.addEventListener(
      "wheel",
      (event) => {
        const pixels = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0;
        if (!pixels) return;
        event.preventDefault();
        this.scroll(-pixels / this.#perBeat);
      },
      { passive: false },
    );
    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId) && event.movementX)
        this.scroll(event.movementX / this.#perBeat);
    });
    canvas.addEventListener("keydown", (event) => {
      const beats = { ArrowLeft: 4, ArrowRight: -4, PageUp: 16, PageDown: -16 }[event.code];
      if (beats) this.scroll(beats);
      else if (event.code === "End") this.scroll(-Infinity);
      else if (event.code === "Home") this.scroll(Infinity);
      else return;
      event.preventDefault();
    });
  }

  /** @param {number} beats back, or forth if less than none */
  scroll(beats) {
    const oldest = Math.max(0, this.#now - this.model.first);
    const before = this.back;
    this.back = Math.min(Math.max(this.back + beats, 0), oldest);
    if (before > 0 !== this.back > 0) this.scrolled();
  }

  #now = 0;

  /** @param {Moment} moment */
  draw(moment) {
    const { canvas, pen } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return;
    const dense = Math.min(window.devicePixelRatio || 1, 2);
    if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
      canvas.width = Math.round(width * dense);
      canvas.height = Math.round(height * dense);
    }
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    this.#now = moment.beat;
    this.#perBeat = Math.min(Math.max((width - LEFT) / 32, 22), 58);
    const beats = (width - LEFT) / this.#perBeat;
    const from = this.#begin(moment, beats) - this.back;
    this.#paint(width, height, from, from + beats, moment);
  }

  /**
   * A whole piece at once, for a card. @param {number} beats @param {number} beat where the line is
   * @param {[number, number]} metre
   */
  drawWhole(beats, beat, metre) {
    const { canvas, pen } = this;
    const { clientWidth: width, clientHeight: height } = canvas;
    const dense = Math.min(window.devicePixelRatio || 1, 2);
    canvas.width = Math.round(width * dense);
    canvas.height = Math.round(height * dense);
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    this.#perBeat = (width - LEFT) / beats;
    const state = /** @type {State} */ (/** @type {unknown} */ ({ metre, downbeat_step: 0 }));
    this.#low = this.#high = -1; // aim at once
    this.#paint(width, height, 0, beats, { beat, state });
  }

  /** The first beat in view: it glides, or with reduced motion stands for some bars. @param {Moment} moment @param {number} beats */
  #begin(moment, beats) {
    if (!this.#still.matches) return moment.beat - NOW_AT * beats;
    const bar = moment.state ? barSteps(moment.state) / 4 : 4;
    const origin = moment.state ? (moment.state.downbeat_step / 4) % bar : 0;
    const page = Math.max(1, Math.floor(beats / bar - 0.5)) * bar;
    return origin + Math.floor((moment.beat - origin) / page) * page - 0.25;
  }

  /** @param {number} width @param {number} height @param {number} from @param {number} to @param {Moment} moment */
  #paint(width, height, from, to, moment) {
    const { pen } = this;
    const colour = this.#colours;
    this.#aim(from, to);
    const row = (height - TOP - BOTTOM) / (this.#high - this.#low + 1);
    const x = (/** @type {number} */ beat) => LEFT + (beat - from) * this.#perBeat;
    const y = (/** @type {number} */ pitch) => TOP + (this.#high - pitch) * row;
    pen.fillStyle = colour.card;
    pen.fillRect(0, 0, width, height);
    if (!this.model.notes.length) {
      this.#sketch(width, height);
      return;
    }
    this.#rows(width, y, row);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, 0, width - LEFT, height);
    pen.clip();
    this.#bands(x, from, to, height, moment);
    this.#lines(x, from, to, height, moment.state);
    for (const note of this.model.planned)
      if (note.start < to && (note.end ?? to) > from) this.#planned(note, x, y, row);
    for (const note of this.model.notes)
      if (note.start < to && (note.end ?? moment.beat) > from) this.#note(note, x, y, row, moment.beat);
    this.#line(x(moment.beat), height);
    pen.restore();
    this.#names(y, row);
  }

  /** Before the first note, beside the welcome: what is going to be seen. @param {number} width @param {number} height */
  #sketch(width, height) {
    if (width < 900) return;
    const { pen } = this;
    const colour = this.#colours;
    const unit = Math.min(width * 0.026, 42);
    const step = height / 15;
    SKETCH.forEach(([beat, beats, degree], i) => {
      const x = width * 0.055 + beat * unit;
      const y = height * 0.64 - degree * step;
      pen.globalAlpha = 0.2 + 0.06 * i;
      pen.fillStyle = colour.player;
      this.#box(x, y, beats * unit - 4, 11);
      pen.fill();
      pen.globalAlpha = 0.75 - 0.07 * i;
      pen.strokeStyle = colour.jamd;
      pen.fillStyle = colour["jamd-soft"];
      pen.setLineDash(i < 2 ? [] : [4, 4]);
      this.#box(x + width * 0.665, y - step, beats * unit - 4, 11);
      pen.fill();
      pen.lineWidth = 1.25;
      pen.stroke();
    });
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  /** The lowest and highest pitch in view: grown at once, shrunk gently. @param {number} from @param {number} to */
  #aim(from, to) {
    const range = this.model.range(from, to) ?? { low: 54, high: 78 };
    const spare = Math.max(0, LEAST_SEMITONES - (range.high - range.low + 5)) / 2;
    const low = range.low - 2 - Math.floor(spare);
    const high = range.high + 2 + Math.ceil(spare);
    const share = this.#still.matches || this.#high < 0 ? 1 : GLIDE;
    this.#low += (low - this.#low) * (low < this.#low || low - this.#low > 5 ? share : 0);
    this.#high += (high - this.#high) * (high > this.#high || this.#high - high > 5 ? share : 0);
  }

  /** @param {number} width @param {(pitch: number) => number} y @param {number} row */
  #rows(width, y, row) {
    const { pen } = this;
    for (let pitch = Math.floor(this.#low); pitch <= Math.ceil(this.#high); pitch++) {
      pen.fillStyle = this.#colours.row;
      if (isBlack(pitch)) pen.fillRect(LEFT, y(pitch), width, row);
      pen.fillStyle = this.#colours.line;
      if (pitch % 12 === 0) pen.fillRect(LEFT, Math.round(y(pitch) + row), width, 1);
    }
  }

  /** @param {(beat: number) => number} x @param {number} from @param {number} to @param {number} height @param {Moment} moment */
  #bands(x, from, to, height, { beat: now, state }) {
    const { pen } = this;
    for (const { start, end, turn } of this.model.bands) {
      const known = state?.turn === turn && state.end_step ? state.end_step / 4 : 0; // how long it still is
      const until = end ?? Math.max(now, start, known);
      if (turn === "wait" || start >= to || until <= from) continue;
      const part = turn === "call" ? "player" : turn === "duet" ? "bar" : "jamd";
      const left = Math.max(x(start), LEFT);
      const width = Math.min(x(until), x(to)) - left;
      pen.globalAlpha = 0.07;
      pen.fillStyle = this.#colours[part];
      pen.fillRect(left, TOP, width, height - TOP - BOTTOM);
      pen.globalAlpha = 1;
      pen.fillRect(left + 1, 4, Math.max(width - 2, 1), 3);
      pen.font = "600 11px system-ui, sans-serif";
      pen.textBaseline = "middle";
      pen.textAlign = "left";
      if (width > 34) pen.fillText(TURNS[turn], left + 4, 16);
    }
  }

  /** @param {(beat: number) => number} x @param {number} from @param {number} to @param {number} height @param {State | null} state */
  #lines(x, from, to, height, state) {
    if (!state) return;
    const { pen } = this;
    const bar = barSteps(state) / 4;
    const beat = beatSteps(state) / 4;
    const origin = (state.downbeat_step / 4) % bar;
    const first = Math.ceil((from - origin) / beat);
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    for (let count = first; origin + count * beat < to; count++) {
      const at = origin + count * beat;
      const place = Math.round(x(at));
      const whole = Math.abs(at - origin - Math.round((at - origin) / bar) * bar) < 1e-6;
      pen.fillStyle = whole ? this.#colours.bar : this.#colours.line;
      pen.fillRect(place, TOP, 1, height - TOP - BOTTOM + (whole ? 6 : 0));
      if (!whole || at < 0) continue;
      pen.fillStyle = this.#colours.faint;
      pen.fillText(String(Math.round((at - origin) / bar) + 1), place + 4, height - 9);
    }
  }

  /** @param {import("./rollmodel.js").RollNote} note @param {(beat: number) => number} x @param {(pitch: number) => number} y @param {number} row */
  #planned(note, x, y, row) {
    const { pen } = this;
    const left = x(note.start);
    const width = Math.max(x(note.end ?? note.start) - left - 2, 4);
    pen.strokeStyle = this.#colours.jamd;
    pen.fillStyle = this.#colours["jamd-soft"];
    pen.lineWidth = 1.25;
    pen.globalAlpha = 0.85;
    const tall = Math.max(row - 1, LEAST_TALL);
    this.#box(left + 0.5, y(note.pitch) + (row - tall) / 2, width, tall);
    pen.fill();
    pen.setLineDash([3, 3]);
    pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  /** The player's are plain, jamd's have a line along them. @param {import("./rollmodel.js").RollNote} note @param {(beat: number) => number} x @param {(pitch: number) => number} y @param {number} row @param {number} now */
  #note(note, x, y, row, now) {
    const { pen } = this;
    const sounds = note.end === null;
    const left = x(note.start);
    const width = Math.max(x(note.end ?? Math.max(now, note.start)) - left - 1, 4);
    const tall = Math.max(row - 1, LEAST_TALL);
    const top = y(note.pitch) + (row - tall) / 2;
    pen.fillStyle = this.#colours[note.part === "player" ? "player" : "jamd"];
    pen.globalAlpha = sounds ? 1 : 0.45 + 0.5 * (note.velocity / 127);
    this.#box(left, top, width, tall);
    pen.fill();
    if (note.part !== "player" && width > 6 && tall > 4) {
      pen.fillStyle = this.#colours.card;
      pen.globalAlpha = 0.85;
      const line = Math.max(1, tall * 0.18);
      pen.fillRect(left + 3, top + (tall - line) / 2, width - 6, line);
    }
    pen.globalAlpha = 1;
    if (!sounds) return;
    pen.strokeStyle = this.#colours.ink;
    pen.lineWidth = 1.5;
    pen.stroke();
  }

  /** @param {number} left @param {number} top @param {number} width @param {number} height */
  #box(left, top, width, height) {
    this.pen.beginPath();
    this.pen.roundRect(left, top, width, height, Math.min(height / 2, 4));
  }

  /** @param {number} x @param {number} height */
  #line(x, height) {
    const { pen } = this;
    pen.fillStyle = this.#colours.ink;
    pen.fillRect(x - 0.75, TOP - 4, 1.5, height - TOP - BOTTOM + 8);
    pen.beginPath();
    pen.moveTo(x - 5, TOP - 8);
    pen.lineTo(x + 5, TOP - 8);
    pen.lineTo(x, TOP - 1);
    pen.fill();
  }

  /** @param {(pitch: number) => number} y @param {number} row */
  #names(y, row) {
    const { pen } = this;
    pen.fillStyle = this.#colours.faint;
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (let pitch = Math.ceil(this.#low / 12) * 12; pitch <= this.#high; pitch += 12)
      pen.fillText(noteName(pitch), LEFT - 8, y(pitch) + row / 2);
  }

  /** A canvas does not know the colours of the style sheet. */
  #readColours() {
    const probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
    for (const name of COLOURS) {
      probe.style.color = `var(--${name})`;
      this.#colours[name] = getComputedStyle(probe).color;
    }
    probe.remove();
  }
}
