// @ts-check
/** What is kept: files one click away, sessions to play again, and a link that carries a call and a seed. */

import { eventsOf, inOrder } from "./playback.js";
import { Roll } from "./roll.js";
import { RollModel } from "./rollmodel.js";
import { readMidi } from "./smf.js";

/**
 * @typedef {import("./words.js").Call} Call
 * @typedef {import("./words.js").FileNote} FileNote
 * @typedef {import("./words.js").SessionLine} SessionLine
 * @typedef {import("./playback.js").Event} Event
 */

const MOST_NOTES = 400;
const MOST_BEATS = 64;

/** A call as it goes into an address. @param {Call} call */
export function encodeCall(call) {
  const short = (/** @type {number} */ value) => Math.round(value * 1000) / 1000;
  const notes = call.notes.map((note) => note.map(short));
  const text = JSON.stringify({ tempo: short(call.tempo), metre: call.metre, notes });
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** The call that an address carries, or null if it is none. @param {string} text @returns {Call | null} */
export function decodeCall(text) {
  try {
    const call = JSON.parse(atob(text.replace(/-/g, "+").replace(/_/g, "/")));
    const whole = (/** @type {unknown} */ value, low = 0, high = 127) =>
      Number.isInteger(value) && Number(value) >= low && Number(value) <= high;
    const beats = (/** @type {unknown} */ value) =>
      typeof value === "number" && value >= 0 && value <= MOST_BEATS;
    const [numerator, denominator] = call.metre;
    const right =
      typeof call.tempo === "number" &&
      call.tempo >= 20 &&
      call.tempo <= 300 &&
      whole(numerator, 1, 32) &&
      [1, 2, 4, 8, 16].includes(denominator) &&
      Array.isArray(call.notes) &&
      call.notes.length > 0 &&
      call.notes.length <= MOST_NOTES &&
      call.notes.every(
        (/** @type {unknown[]} */ note) =>
          note.length === 4 && beats(note[0]) && beats(note[1]) && whole(note[2]) && whole(note[3], 1),
      );
    if (!right) return null;
    return { tempo: call.tempo, metre: [numerator, denominator], notes: call.notes };
  } catch {
    return null;
  }
}

/** The call and the seed in an address's `#call=...&seed=...`, or null. @param {string} hash */
export function sharedIn(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const call = decodeCall(words.get("call") ?? "");
  const seed = Number(words.get("seed") ?? 0);
  return call && Number.isInteger(seed) && seed >= 0 ? { call, seed } : null;
}

/**
 * What the player last played in a turn of theirs, from its bar line on; null if there was none.
 * @param {RollModel} model @param {{tempo: number, metre: [number, number]}} state
 * @returns {Call | null}
 */
export function lastCall(model, state) {
  for (const band of [...model.bands].reverse()) {
    if (band.turn !== "call") continue;
    const end = band.end ?? Infinity;
    /** @type {FileNote[]} */
    const notes = [];
    for (const note of model.notes) {
      if (note.part !== "player" || note.start < band.start - 0.25 || note.start >= end) continue;
      const until = Math.min(note.end ?? note.start + 1, band.start + MOST_BEATS);
      const start = Math.max(0, note.start - band.start);
      if (start < MOST_BEATS)
        notes.push([start, Math.max(0.05, until - note.start), note.pitch, note.velocity]);
    }
    if (notes.length) return { tempo: state.tempo, metre: state.metre, notes: notes.slice(0, MOST_NOTES) };
  }
  return null;
}

/** @template {HTMLElement} T @param {string} id @returns {T} */
const find = (id) => /** @type {T} */ (document.getElementById(id));

export class Share {
  /** @type {Call | null} */
  #call = null;
  #seed = 1;
  /** @type {Event[]} */
  #events = [];
  #model = new RollModel();
  #roll = new Roll(find("shared-roll"), this.#model);
  #beats = 16;
  #asked = 0;
  /** @type {HTMLButtonElement | null} which session is played */
  #playing = null;

  /**
   * @param {import("./playback.js").Playback} playback
   * @param {{lastCall: () => Call | null, say: (text: string) => void, touched: () => void}} page
   */
  constructor(playback, page) {
    this.playback = playback;
    this.page = page;
  }

  listen() {
    find("kept").addEventListener("toggle", () => this.#list());
    find("share").addEventListener("click", () => {
      const call = this.page.lastCall();
      if (call) this.open(call, 1 + Math.floor(Math.random() * 9999));
      else this.page.say("Play a call first: then there is something to share.");
    });
    find("shared-play").addEventListener("click", () => this.#listenOrStop());
    find("shared-other").addEventListener("click", () => {
      if (this.#call) this.open(this.#call, (this.#seed % 9999) + 1);
    });
    find("shared-close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.playback.stop());
    find("shared-copy").addEventListener("click", () => this.#copy());
    const shared = sharedIn(location.hash);
    if (shared) this.open(shared.call, shared.seed);
    window.addEventListener("hashchange", () => {
      const other = sharedIn(location.hash);
      if (other) this.open(other.call, other.seed);
    });
  }

  /** Show a call with the answer of this seed. @param {Call} call @param {number} seed */
  async open(call, seed) {
    this.playback.stop();
    this.#call = call;
    this.#seed = seed;
    const asked = ++this.#asked;
    const code = encodeCall(call);
    const link = new URL(location.href);
    link.search = "";
    link.hash = `call=${code}&seed=${seed}`;
    find("shared-link").setAttribute("value", link.href);
    this.#show(call, []);
    this.#say("jamd is thinking of its answer\u2026");
    this.#ready(false);
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#draw();
    try {
      const found = await fetch(`/answer.json?call=${code}&seed=${seed}`);
      if (!found.ok) throw new Error(String(found.status));
      const answer = await found.json();
      if (asked !== this.#asked) return;
      this.#show(call, answer.notes);
      this.#say(`Answer ${seed}. Whoever opens the link hears the same one.`);
    } catch {
      if (asked !== this.#asked) return;
      this.#say("The answer could not be had; here is the call.");
    }
    this.#ready(true);
    find("shared-play").focus();
    this.#draw();
  }

  /** Draw the line of a playback that runs: on each frame. */
  frame() {
    if (this.#dialog.open && this.playback.playing) this.#draw();
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (find("shared"));
  }

  /** @param {boolean} ready */
  #ready(ready) {
    for (const id of ["shared-play", "shared-other"]) find(id).toggleAttribute("disabled", !ready);
  }

  /** @param {string} text */
  #say(text) {
    find("shared-text").textContent = text;
  }

  /** @param {Call} call @param {FileNote[]} answer beats from the call's beginning */
  #show(call, answer) {
    const model = this.#model;
    model.begin({ type: "history", heard: [], spans: [] });
    for (const [part, notes] of /** @type {const} */ ([
      ["player", call.notes],
      ["jamd", answer],
    ]))
      for (const [start, beats, pitch, velocity] of notes)
        model.notes.push({ part, pitch, velocity, start, end: start + beats });
    const bar = (call.metre[0] * 4) / call.metre[1];
    const last = Math.max(...model.notes.map((note) => note.end ?? 0), bar);
    this.#beats = Math.ceil(last / bar - 1e-6) * bar;
    const turn = answer.length ? Math.floor((answer[0][0] + 0.1) / bar) * bar : this.#beats;
    model.span(0, turn, "call");
    if (answer.length) model.span(turn, this.#beats, "answer");
    this.#events = inOrder([
      ...eventsOf(call.notes, call.tempo, "player"),
      ...eventsOf(answer, call.tempo, "jamd"),
    ]);
  }

  #draw() {
    if (!this.#call) return;
    const beat = this.playback.playing ? (this.playback.position * this.#call.tempo) / 60 : 0;
    this.#roll.drawWhole(this.#beats, beat, this.#call.metre);
  }

  #listenOrStop() {
    this.page.touched();
    const button = find("shared-play");
    if (this.playback.playing) {
      this.playback.stop();
      return;
    }
    this.playback.start(this.#events, performance.now() / 1000 + 0.15, () => {
      button.textContent = "Listen";
      this.#draw();
    });
    button.textContent = "Stop";
  }

  async #copy() {
    const link = /** @type {HTMLInputElement} */ (find("shared-link"));
    link.select();
    try {
      await navigator.clipboard.writeText(link.value);
      this.#say("Copied.");
    } catch {
      this.#say("The link is marked: copy it with Ctrl+C.");
    }
  }

  async #list() {
    if (!(/** @type {HTMLDetailsElement} */ (find("kept")).open)) return;
    const list = find("sessions");
    try {
      const found = await fetch("/sessions.json");
      if (!found.ok) throw new Error(String(found.status));
      /** @type {SessionLine[]} */
      const sessions = await found.json();
      list.replaceChildren(...sessions.map((session) => this.#row(session)));
      if (!sessions.length) list.append(text("li", "what", "Nothing yet: play something."));
    } catch {
      list.replaceChildren(text("li", "what", "The sessions cannot be read now."));
    }
  }

  /** @param {SessionLine} session */
  #row(session) {
    const row = document.createElement("li");
    const path = `/sessions/${encodeURIComponent(session.name)}.mid`;
    const name = `${session.favourite ? "\u2605 " : ""}${session.begun.slice(0, 16).replace("T", " ")}`;
    const minutes = `${Math.floor(session.seconds / 60)}:${String(Math.floor(session.seconds % 60)).padStart(2, "0")}`;
    const play = document.createElement("button");
    play.type = "button";
    play.textContent = "Play";
    play.setAttribute("aria-label", `Play ${name}`);
    play.addEventListener("click", () => this.#playSession(path, play));
    const file = document.createElement("a");
    file.href = path;
    file.download = `${session.name}.mid`;
    file.textContent = "Download";
    file.setAttribute("aria-label", `Download ${name}`);
    const what = `${session.bars} bars, ${minutes}, ${session.notes} notes`;
    row.append(text("span", "when", name), text("span", "what", what), play, file);
    return row;
  }

  /** @param {string} path @param {HTMLButtonElement} button */
  async #playSession(path, button) {
    this.page.touched();
    const stop = this.#playing === button;
    this.playback.stop();
    if (stop) return;
    try {
      const found = await fetch(path);
      if (!found.ok) throw new Error(String(found.status));
      const { events } = readMidi(await found.arrayBuffer());
      const first = events[0]?.seconds ?? 0; // whoever listens does not wait through the rest before it
      const played = events.map(({ seconds, track, bytes }) => ({
        seconds: seconds - first,
        part: /** @type {"jamd" | "player"} */ (track.startsWith("jamd") ? "jamd" : "player"),
        bytes,
      }));
      this.playback.start(inOrder(played), performance.now() / 1000 + 0.15, () => {
        button.textContent = "Play";
        this.#playing = null;
      });
      button.textContent = "Stop";
      this.#playing = button;
    } catch {
      this.page.say("This session cannot be played.");
    }
  }
}

/** @param {string} tag @param {string} name @param {string} content */
function text(tag, name, content) {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = content;
  return element;
}
