// @ts-check
/** Wires the parts of the page to each other; none of them knows another. */

import { Clockwork, pageNow } from "./clockwork.js";
import { barLineAfter, secondsOf, stepAt, timeLeft, turnInWords } from "./grid.js";
import { Hands } from "./hands.js";
import { Keys, letters } from "./keys.js";
import { Knobs } from "./knobs.js";
import { Lights } from "./lights.js";
import { Link, socketAddress } from "./link.js";
import { Metronome } from "./metronome.js";
import { MidiIn } from "./midiin.js";
import { MidiOut } from "./midiout.js";
import { LIMITER_SECONDS, Piano } from "./piano.js";
import { Playback, eventsOf, phrasesOf } from "./playback.js";
import { Roll } from "./roll.js";
import { RollModel } from "./rollmodel.js";
import { ScreenPiano } from "./screenpiano.js";
import { Share, lastCall } from "./share.js";
import { NOTE_OFF, isRelease, isStrike } from "./words.js";

/**
 * @typedef {import("./words.js").FromJamd} FromJamd
 * @typedef {{part: string, pitch: number, velocity: number, seconds: number, audio: number, late: boolean,
 *   voice: import("./piano.js").Voice}} Scheduled
 */

const KEPT_FOR_TESTS = 2000;

/** @template {HTMLElement} T @param {string} id @returns {T} */
const find = (id) => /** @type {T} */ (document.getElementById(id));

/** @type {import("./words.js").Hello | null} */
let hello = null;
/** @type {import("./words.js").State | null} */
let state = null;
/** @type {Scheduled[]} */
const scheduled = [];
/** @type {import("./words.js").ToJamd[]} */
const sent = [];

// ---- sound

const audio = new AudioContext({ latencyHint: "interactive" });
const clock = new Clockwork();
clock.audio = audio;
clock.addedLatency = LIMITER_SECONDS;
audio.onstatechange = () => clock.forgetAudio();
const piano = new Piano(audio);
const midiOut = new MidiOut();
const lights = new Lights();

const worker = new Worker(new URL("./render.js", import.meta.url), { type: "module" });
worker.onmessage = ({ data }) => piano.addString(data.pitch, data.samples);

/** A gesture: from now on the page may sound. */
function touched() {
  if (audio.state !== "running") audio.resume().catch(() => {});
}
for (const name of ["pointerdown", "pointerup", "keydown"]) window.addEventListener(name, touched, true);

/** Sound on the page's piano or the chosen synth. @param {"player" | "jamd"} bus @param {number[]} bytes @param {number} page */
function sound(bus, bytes, page) {
  if (midiOut.port) midiOut.send(bytes, page);
  else return piano.play(bus, bytes, page + clock.lead);
  return null;
}

// ---- the link

/** @param {import("./words.js").ToJamd} word */
function tell(word) {
  if (hello?.watch && word.type !== "ping") return;
  if (link.send(word) && sent.push(word) > KEPT_FOR_TESTS) sent.shift();
}

const link = new Link(socketAddress(location), clock, {
  word: received,
  open: () => away(""),
  closed: () => {
    hands.releaseAll(pageNow());
    call.stop();
    quiet();
    if (!find("away").dataset.ended) away("jamd is away. Trying again\u2026");
  },
});

/** @param {string} text */
function away(text, ended = "") {
  const line = find("away");
  line.dataset.ended = ended;
  line.textContent = text;
  line.hidden = !text;
}

/** Nothing of jamd's sounds or is planned any more. */
function quiet() {
  piano.silence("jamd");
  piano.silence("click");
  midiOut.silence();
  lights.clear();
  model.plan([]);
}

/** @param {FromJamd} word */
function received(word) {
  switch (word.type) {
    case "hello":
      if (JSON.stringify(word) !== JSON.stringify(hello)) knobs.build(word); // else the focus stays where it is
      hello = word;
      find("version").textContent = `jamd ${word.version}`;
      if (word.watch) say("You are watching: what you press is heard here alone.");
      else if (!word.can_play) say("jamd listens on its own ports, and to what you play here.");
      break;
    case "state":
      state = word;
      knobs.show(word);
      showTurn();
      break;
    case "note":
      toSound(word);
      break;
    case "heard":
      model.heard(word.part, word.beats, word.bytes);
      welcome();
      break;
    case "plan":
      model.plan(word.notes);
      break;
    case "history":
      model.begin(word);
      welcome();
      break;
    case "span":
      model.span(word.start, word.end, word.turn);
      break;
    case "said":
      say(word.text);
      break;
    case "refused":
      say(`jamd did not take that: ${word.why}`);
      break;
    case "pages":
      find("pages").textContent = word.count > 1 ? `${word.count} pages are open` : "";
      break;
    case "ended":
      quiet();
      away("The session is over. Start jamd again, and this page comes back by itself.", "yes");
      break;
  }
}

/** What jamd plays, placed on the audio clock at its instant. @param {import("./words.js").NoteWord} word */
function toSound(word) {
  clock.read();
  const { part, bytes, seconds } = word;
  if (part === "click") clicked();
  if (part === "jamd") lights.told(bytes, seconds);
  if (audio.state !== "running" && !midiOut.port) return; // not yet unlocked: shown, not heard
  if (midiOut.port && part !== "click") {
    midiOut.send(bytes, seconds - clock.offset);
    return;
  }
  const at = clock.knowsEngine ? clock.audioAt(seconds) : audio.currentTime;
  const voice = piano.play(part === "click" ? "click" : part === "jamd" ? "jamd" : "player", bytes, at);
  if (!voice) return;
  const late = voice.start > at;
  const entry = { part, pitch: bytes[1], velocity: bytes[2], seconds, audio: voice.start, late, voice };
  if (scheduled.push(entry) > KEPT_FOR_TESTS) scheduled.shift();
}

// ---- hands

const hands = new Hands((bytes, page) => {
  touched();
  sound("player", bytes, 0);
  tell({ type: "midi", seconds: clock.meantAt(Math.min(page, pageNow())), bytes });
  lightKeys();
  find("pedal").setAttribute("aria-pressed", String(hands.pedalIsDown));
});

/** @param {string} name @param {(name: string) => void} [also] */
const click = (name, also) => find(name).addEventListener("click", () => also?.(name));

const knobs = new Knobs(find("knobs"), find("actions"), {
  turn: (knob, value) => tell({ type: "turn", knob, value }),
  press: (action) => {
    if (action === "panic") panic();
    tell({ type: "press", action });
  },
  preset: (name) => tell({ type: "preset", name }),
  model: (name) => tell({ type: "model", name }),
});

const orders = knobs.orders;
const keys = new Keys(hands, orders, touched);
orders.set("KeyZ", () => keys.shift(-1));
orders.set("KeyX", () => keys.shift(1));
orders.set("KeyC", () => keys.strike(-1));
orders.set("KeyV", () => keys.strike(1));
orders.set("Slash", () => hearACall());
orders.set("Digit0", () => find("mute").click());
click("lower", () => keys.shift(-1));
click("higher", () => keys.shift(1));
click("softer", () => keys.strike(-1));
click("harder", () => keys.strike(1));
click("pedal", () => hands.pedal("button", hands.pedalIsDown ? 0 : 127, pageNow()));
click("hear", () => hearACall());
click("again", () => hearACall());
click("mute", () => {
  piano.muted = !piano.muted;
  find("mute").setAttribute("aria-pressed", String(piano.muted));
});

const screenPiano = new ScreenPiano(find("piano"), hands, touched, () => keys.velocity);
keys.changed = () => {
  find("octave").textContent = `C${keys.base / 12 - 1}`;
  find("velocity").textContent = String(keys.velocity);
  screenPiano.show(keys.base);
  lightKeys();
};
letters().then((letter) => {
  screenPiano.name(letter);
  for (const sign of document.querySelectorAll("kbd[data-code]"))
    sign.textContent = letter(/** @type {HTMLElement} */ (sign).dataset.code ?? "");
});

const midiIn = new MidiIn(hands, (names) => {
  find("keyboards").textContent = names.length ? names.join(", ") : "none is plugged in yet";
  showSynths();
});
find("midi").hidden = !midiIn.isPossible;
click("midi", () =>
  midiIn.open().catch(() => {
    find("keyboards").textContent = "the browser did not allow it";
  }),
);

function showSynths() {
  const select = /** @type {HTMLSelectElement} */ (find("synth"));
  const synths = midiIn.access ? MidiOut.names(midiIn.access) : [];
  select.replaceChildren(new Option("this page", ""), ...synths.map(({ id, name }) => new Option(name, id)));
  if (midiOut.port && !synths.some(({ id }) => id === midiOut.port?.id)) midiOut.choose(null, "");
  clock.elsewhere = midiOut.port !== null;
  select.value = midiOut.port?.id ?? "";
  find("synths").hidden = !synths.length;
}
find("synth").addEventListener("change", (event) => {
  hands.releaseAll(pageNow());
  piano.silence("jamd");
  midiOut.choose(midiIn.access, /** @type {HTMLSelectElement} */ (event.target).value);
  clock.elsewhere = midiOut.port !== null;
});

find("volume").addEventListener("input", (event) => {
  piano.volume = Number(/** @type {HTMLInputElement} */ (event.target).value);
  showVolume();
});

const metronome = new Metronome(
  () => state,
  () => clock.engineAt(pageNow()),
  ({ seconds, loud }) => {
    if (audio.state === "running") piano.play("click", [0x99, 37, loud ? 112 : 84], clock.audioAt(seconds));
  },
);
metronome.start();
const clickBox = /** @type {HTMLInputElement} */ (find("click"));
clickBox.addEventListener("change", () => {
  metronome.on = clickBox.checked;
  piano.clicks = clickBox.checked;
  if (!clickBox.checked) piano.silence("click");
});
click("count", () => {
  piano.clicks = true;
  metronome.countIn();
});
orders.set("Comma", () => find("count").click());

/** jamd's own metronome is on: it is heard until one does not want it. */
function clicked() {
  if (!metronome.othersHeard) clickBox.checked = metronome.on = piano.clicks = true;
  metronome.heardOther();
}

function showVolume() {
  find("volume").style.setProperty("--at", `${piano.volume * 100}%`);
  find("volume").setAttribute("aria-valuetext", `${Math.round(piano.volume * 100)} percent`);
}

/** Whatever is held is let go: its key-up may go elsewhere. */
const letGo = () => hands.releaseAll(pageNow());
window.addEventListener("blur", letGo);
window.addEventListener("pagehide", () => {
  letGo();
  call.stop();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return;
  letGo();
  call.stop();
});

function panic() {
  hands.releaseAll(pageNow());
  call.stop();
  listening.stop();
  quiet();
  piano.silence("player");
}

// ---- a call, as if by hand

/** @type {Set<number>} what the call holds */
const callHolds = new Set();
/** @type {import("./words.js").FileNote[][] | null} */
let phrases = null;
let nextPhrase = 0;
let callTempo = 120;

const call = new Playback(
  ({ bytes }, page) => {
    sound("player", bytes, page);
    setTimeout(() => tellOfCall(bytes, page), Math.max(0, page - pageNow()) * 1000);
  },
  () => {
    piano.silence("player");
    midiOut.silence();
    for (const pitch of [...callHolds]) tellOfCall([NOTE_OFF, pitch, 64], pageNow());
  },
);

/** @param {number[]} bytes @param {number} page when it sounds, which no ear has to follow */
function tellOfCall(bytes, page) {
  if (isStrike(bytes) && !call.playing) return; // stopped in between
  if (isRelease(bytes) && !callHolds.delete(bytes[1])) return;
  if (isStrike(bytes)) callHolds.add(bytes[1]);
  tell({ type: "midi", seconds: clock.engineAt(page), bytes });
  lightKeys();
}

/** Play the next phrase of the bundled call, from the next bar line on if there are bars. */
async function hearACall() {
  touched();
  if (call.playing) {
    call.stop();
    return;
  }
  try {
    if (!phrases) {
      const found = await fetch("/call.json");
      if (!found.ok) throw new Error(String(found.status));
      const whole = await found.json();
      phrases = phrasesOf(whole);
      callTempo = whole.tempo;
    }
  } catch {
    say("The call cannot be read now.");
    return;
  }
  const phrase = phrases[nextPhrase++ % phrases.length];
  const now = clock.engineAt(pageNow());
  let begin = now + 0.12;
  const step = stepAt(state, now);
  const running = state?.running && step !== null;
  if (state && running) {
    const line = barLineAfter(state, step + 1);
    begin = secondsOf(state, state.turn === "answer" ? Math.max(state.end_step ?? line, line) : line);
  }
  const button = [find("hear"), find("again")];
  for (const one of button) one.setAttribute("aria-pressed", "true");
  const tempo = state?.tempo ?? callTempo;
  call.start(eventsOf(phrase, tempo, "player"), begin - clock.offset, () => {
    for (const one of button) one.setAttribute("aria-pressed", "false");
  });
}

// ---- what is kept

const listening = new Playback(
  ({ part, bytes }, page) => sound(part, bytes, page),
  () => {
    for (const bus of /** @type {const} */ (["player", "jamd"])) piano.silence(bus);
    midiOut.silence();
  },
);
const model = new RollModel();
const share = new Share(listening, { lastCall: () => state && lastCall(model, state), say, touched });

// ---- what is shown

/** @param {string} text */
function say(text) {
  find("said").textContent = text;
}

function welcome() {
  const empty = !model.notes.length;
  find("welcome").hidden = !empty;
  find("again").hidden = empty;
}

/** In words, and only when they change: a screen reader says each. */
function showTurn() {
  if (!state) return;
  document.body.dataset.turn = state.turn;
  const words = turnInWords(state.turn);
  if (find("turn").textContent !== words) find("turn").textContent = words;
  find("count").hidden = state.running;
}

/** @param {number | null} step */
function showLeft(step) {
  const left = timeLeft(state, step);
  const words = left ? left.words : "";
  if (find("left").textContent !== words) find("left").textContent = words;
  const bar = /** @type {HTMLProgressElement} */ (find("passed"));
  const band = model.bands.at(-1);
  bar.hidden = !left || !band || !state?.end_step;
  if (left && band && state?.end_step) {
    const whole = state.end_step - band.start * 4;
    bar.value = whole > 0 ? Math.min(Math.max(1 - left.steps / whole, 0), 1) : 0;
  }
}

function lightKeys() {
  const player = hands.pitches;
  for (const pitch of callHolds) player.add(pitch);
  for (const pitch of state?.held ?? []) player.add(pitch);
  screenPiano.light(player, lights.at(clock.heardNow()));
}

const roll = new Roll(/** @type {HTMLCanvasElement} */ (find("roll")), model);
roll.scrolled = () => {
  find("now").hidden = roll.back === 0;
};
click("now", () => roll.scroll(-Infinity));

let lastBeat = 0;
const IDLE_FRAMES = 12;
let drawn = "";
let idle = 0;

/** On each frame while anything moves; else now and then, as the window may have another size. */
function drawRoll() {
  const what = `${lastBeat} ${roll.back} ${model.changes}`;
  if (what === drawn && ++idle < IDLE_FRAMES) return;
  [drawn, idle] = [what, 0];
  roll.draw({ beat: lastBeat, state });
}

function frame() {
  clock.read();
  const step = stepAt(state, clock.heardNow());
  if (step !== null) lastBeat = step / 4;
  showLeft(step);
  lightKeys();
  drawRoll();
  share.frame();
  requestAnimationFrame(frame);
}

// ---- go

if (window.matchMedia("(max-width: 560px)").matches) find("controls").removeAttribute("open");
keys.listen();
roll.listen();
share.listen();
keys.changed();
showVolume();
link.connect();
requestAnimationFrame(frame);

/**
 * For tests and measurements alone: what cannot be seen from outside.
 * `scheduled`: notes of jamd's and clicks, with the instant asked for and that of the audio clock.
 * `tap(bus)`: a node that carries a bus, to be listened to by a node of one's own.
 * `onStrike(told)`: tells of each note with its instant on the audio clock, before it sounds.
 */
Object.defineProperty(window, "jamd", {
  value: Object.freeze({
    audio,
    clock,
    hands,
    model,
    scheduled,
    sent,
    get connected() {
      return link.isOpen;
    },
    get hello() {
      return hello;
    },
    get state() {
      return state;
    },
    get strings() {
      return piano.strings;
    },
    get voices() {
      return piano.voices.filter((voice) => !voice.ended).length;
    },
    rms: piano.rms.bind(piano),
    tap: piano.output.bind(piano),
    onStrike: (/** @type {(voice: import("./piano.js").Voice) => void} */ told) => {
      piano.struck = told;
    },
    drop: () => link.drop(),
  }),
});
