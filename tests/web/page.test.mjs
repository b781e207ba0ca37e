/** The page's modules without a browser: `node --test tests/web/page.test.mjs`. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { Clockwork } from "../../jamd/web/page/clockwork.js";
import { barLineAfter, secondsOf, stepAt, timeLeft } from "../../jamd/web/page/grid.js";
import { Hands } from "../../jamd/web/page/hands.js";
import { PLACES } from "../../jamd/web/page/keys.js";
import { inWords, scaleOf } from "../../jamd/web/page/knobs.js";
import { Lights } from "../../jamd/web/page/lights.js";
import { Metronome, clicksOf, countIn } from "../../jamd/web/page/metronome.js";
import { MidiOut } from "../../jamd/web/page/midiout.js";
import { eventsOf, phrasesOf } from "../../jamd/web/page/playback.js";
import { RollModel } from "../../jamd/web/page/rollmodel.js";
import { decodeCall, encodeCall, lastCall, sharedIn } from "../../jamd/web/page/share.js";
import { readMidi } from "../../jamd/web/page/smf.js";
import { RATE, renderClick, renderNote, renderedPitches } from "../../jamd/web/page/tone.js";
import { noteName, wordOf } from "../../jamd/web/page/words.js";

const state = (more = {}) => ({
  type: "state",
  turn: "call",
  turns: 0,
  tempo: 120,
  metre: [4, 4],
  anchor: [100, 0],
  downbeat_step: 0,
  step: 0,
  end_step: null,
  running: true,
  source: "own",
  knobs: {},
  held: [],
  looping: false,
  preset: null,
  ...more,
});

/** Hands, and what they did. */
function hands() {
  const played = [];
  return { hands: new Hands((bytes) => played.push(bytes)), played };
}

test("two hands on one key strike it once and end it when the last goes", () => {
  const { hands: both, played } = hands();
  both.press("key KeyA", 60, 80, 1);
  both.press("pointer 1", 60, 100, 1.1);
  both.release("key KeyA", 1.2);
  assert.deepEqual(played, [[0x90, 60, 80]]);
  both.release("pointer 1", 1.3);
  assert.deepEqual(played, [[0x90, 60, 80], [0x80, 60, 64]]); // prettier-ignore
});

test("a hand that slides to the next key lets go of the one before", () => {
  const { hands: one, played } = hands();
  one.press("pointer 1", 60, 80, 1);
  one.press("pointer 1", 62, 80, 1.1);
  assert.deepEqual(played, [[0x90, 60, 80], [0x80, 60, 64], [0x90, 62, 80]]); // prettier-ignore
  assert.deepEqual([...one.pitches], [62]);
});

test("all is let go, pedals too, or only what one keyboard holds", () => {
  const { hands: all, played } = hands();
  all.press("midi a 3 60", 60, 80, 1, 3);
  all.press("key KeyS", 62, 80, 1);
  all.pedal("midi a pedal", 127, 1, 3);
  played.length = 0;
  all.releaseAll(2, "midi a ");
  assert.deepEqual(played, [[0x83, 60, 64], [0xb3, 64, 0]]); // prettier-ignore
  all.releaseAll(2);
  assert.deepEqual(played.at(-1), [0x80, 62, 64]);
  assert.equal(all.pitches.size, 0);
});

test("a pedal is down while any foot is", () => {
  const { hands: feet, played } = hands();
  feet.pedal("key Space", 127, 1);
  feet.pedal("midi a pedal", 127, 1);
  feet.pedal("key Space", 0, 1);
  assert.deepEqual(played, [[0xb0, 64, 127]]);
  feet.pedal("midi a pedal", 0, 1);
  assert.deepEqual(played.at(-1), [0xb0, 64, 0]);
});

test("no note beyond MIDI's, no velocity of none", () => {
  const { hands: wild, played } = hands();
  wild.press("a", 128, 80, 1);
  wild.press("b", -1, 80, 1);
  wild.press("c", 60, 0.2, 1);
  wild.press("d", 61, 900, 1);
  assert.deepEqual(played, [[0x90, 60, 1], [0x90, 61, 127]]); // prettier-ignore
});

test("the computer's keys are an octave and a half, as in a DAW", () => {
  assert.deepEqual(
    [..."ASDFGHJKL"].map((letter) => PLACES.get(`Key${letter}`)),
    [0, 2, 4, 5, 7, 9, 11, 12, 14],
  );
  assert.deepEqual(
    [..."WETYUOP"].map((letter) => PLACES.get(`Key${letter}`)),
    [1, 3, 6, 8, 10, 13, 15],
  );
  assert.deepEqual([PLACES.get("Semicolon"), PLACES.get("Quote")], [16, 17]);
});

test("the engine's clock is that of the shortest round trip", () => {
  const clock = new Clockwork(() => 0);
  clock.pong(1, 501.5, 1.9); // 0.9 s of it: 500.05
  clock.pong(2, 502.001, 2.002);
  clock.pong(3, 503.3, 3.2);
  assert.ok(Math.abs(clock.offset - 500) < 1e-9);
  assert.ok(Math.abs(clock.engineAt(7) - 507) < 1e-9);
});

test("the audio clock is read in steps: the largest of the last two seconds is the truth", () => {
  let now = 0;
  const audio = { currentTime: 0, state: "running", baseLatency: 0.01, outputLatency: 0.032 };
  const clock = new Clockwork(() => now);
  clock.audio = audio;
  for (let i = 0; i < 400; i++) {
    now = 10 + i * 0.0061;
    audio.currentTime = Math.floor((now - 4) / 0.01) * 0.01; // a buffer of 10 ms
    clock.read();
  }
  assert.ok(Math.abs(clock.lead - -4) < 0.0005, String(clock.lead));
  clock.pong(0, 1000, 0);
  assert.ok(Math.abs(clock.audioAt(1012) - 8) < 0.0005);
  assert.ok(Math.abs(clock.meantAt(12) - (1012 - 0.032)) < 1e-9, "less what the ear is late by");
  for (now = 30; now < 33; now += 0.0061) {
    audio.currentTime = now - 4.2; // it slipped: after two seconds that is believed
    clock.read();
  }
  assert.ok(Math.abs(clock.lead - -4.2) < 0.0005);
});

test("a clock that stands adds no latency", () => {
  const clock = new Clockwork(() => 5);
  clock.audio = { currentTime: 0, state: "suspended", baseLatency: 0.01, outputLatency: 0.03 };
  assert.equal(clock.latency, 0);
  clock.audio.state = "running";
  clock.audio.outputLatency = 0;
  assert.equal(clock.latency, 0.01);
});

test("where the music is, from the anchor alone", () => {
  assert.equal(stepAt(state(), 101), 8);
  assert.equal(stepAt(state({ tempo: 60, anchor: [100, 16] }), 101), 20);
  assert.equal(stepAt(state({ anchor: null, step: null }), 101), null);
  assert.equal(stepAt(state({ running: false, step: 7 }), 999), 7);
  assert.equal(secondsOf(state(), 16), 102);
  assert.equal(barLineAfter(state(), 16), 16);
  assert.equal(barLineAfter(state({ downbeat_step: 4 }), 17), 20);
  assert.equal(barLineAfter(state({ metre: [3, 4] }), 13), 24);
  assert.equal(barLineAfter(state({ metre: [7, 8] }), 1), 14);
});

test("how long a turn still is, in bars and beats", () => {
  const words = (end, step, metre = [4, 4]) => timeLeft(state({ end_step: end, metre }), step)?.words;
  assert.equal(words(32, 0), "2 bars");
  assert.equal(words(32, 0.5), "2 bars");
  assert.equal(words(32, 4), "1 bar 3 beats");
  assert.equal(words(32, 28), "1 beat");
  assert.equal(words(32, 40), "0 beats");
  assert.equal(words(24, 0, [6, 8]), "2 bars");
  assert.equal(words(null, 4), undefined);
});

test("the metronome clicks on the grid's beats, loud on the first", () => {
  const beats = (more, from, to) =>
    clicksOf(state(more), from, to).map(({ seconds, loud }) => [seconds, loud]);
  assert.deepEqual(beats({}, 100, 102.1), [[100, true], [100.5, false], [101, false], [101.5, false], [102, true]]); // prettier-ignore
  assert.deepEqual(beats({ metre: [3, 4], downbeat_step: 4 }, 100.1, 102.2), [[100.5, true], [101, false], [101.5, false], [102, true]]); // prettier-ignore
  assert.deepEqual(beats({ metre: [6, 8] }, 100, 100.6), [[100, true], [100.25, false], [100.5, false]]); // prettier-ignore
  assert.deepEqual(beats({ running: false }, 100, 110), []);
});

test("each beat is clicked once, and not where jamd clicks itself", () => {
  let now = 100;
  const heard = [];
  const metronome = new Metronome(() => state(), () => now, ({ seconds }) => heard.push(seconds)); // prettier-ignore
  metronome.on = true;
  for (; now < 102; now += 0.037) metronome.go();
  assert.deepEqual(heard, [100, 100.5, 101, 101.5, 102]);
  metronome.heardOther();
  for (; now < 104; now += 0.037) metronome.go();
  assert.equal(heard.length, 5);
  now = 7; // another session, whose clock began later
  metronome.go();
  metronome.go();
});

test("a bar is counted in at the tempo that is set", () => {
  const clicks = countIn({ tempo: 60, metre: [3, 4] }, 5);
  assert.deepEqual(clicks, [{ seconds: 5, loud: true }, { seconds: 6, loud: false }, { seconds: 7, loud: false }]); // prettier-ignore
});

test("the roll pairs strikes with their ends, open ones sound on", () => {
  const roll = new RollModel();
  roll.heard("player", 0, [0x90, 60, 80]);
  roll.heard("jamd", 0.5, [0x90, 60, 70]);
  roll.heard("player", 1, [0x90, 60, 0]);
  roll.heard("player", 2, [0x90, 60, 90]);
  roll.heard("player", 3, [0x90, 60, 91]); // struck again without an end
  assert.deepEqual(
    roll.notes.map(({ part, start, end }) => [part, start, end]),
    [["player", 0, 1], ["jamd", 0.5, null], ["player", 2, 3], ["player", 3, null]], // prettier-ignore
  );
});

test("history replaces what was shown, a turn gets its end, a plan its successor", () => {
  const roll = new RollModel();
  roll.heard("player", 0, [0x90, 60, 80]);
  roll.begin({ heard: [["jamd", 4, 0x90, 50, 60], ["jamd", 5, 0x80, 50, 64]], spans: [[0, 4, "call"], [4, null, "answer"]] }); // prettier-ignore
  assert.equal(roll.notes.length, 1);
  roll.span(4, 8, "answer");
  roll.span(8, null, "call");
  assert.deepEqual(roll.bands.map(({ end }) => end), [4, 8, null]); // prettier-ignore
  roll.plan([[32, 4, 60, 80]]);
  assert.deepEqual(roll.planned[0].start, 8);
  roll.plan([]);
  assert.equal(roll.planned.length, 0);
});

test("the roll keeps its bounds", () => {
  const roll = new RollModel();
  for (let i = 0; i < 15000; i++) {
    roll.heard("player", i, [0x90, 60, 80]);
    roll.span(i, i + 1, "call");
  }
  assert.ok(roll.notes.length <= 12000 && roll.bands.length <= 600);
});

test("jamd's keys light at their instants, not when they are told", () => {
  const lights = new Lights();
  lights.told([0x90, 60, 80], 10);
  lights.told([0x80, 60, 64], 11);
  assert.deepEqual(
    [9.99, 10, 10.9, 11].map((at) => lights.at(at).has(60)),
    [false, true, true, false],
  );
  lights.told([0x90, 62, 80], 20);
  lights.told([0x80, 62, 64], 20); // taken back
  assert.equal(lights.at(20).size, 0);
});

test("a synth is given a note shortly before its instant, and never one that is taken back", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  const sent = [];
  const out = new MidiOut(() => now);
  out.port = { send: (bytes, time) => sent.push([...bytes, time]) };
  const pass = (seconds) => {
    now += seconds;
    context.mock.timers.tick(seconds * 1000);
  };
  out.send([0x90, 60, 80], 0.03);
  out.send([0x90, 62, 80], 0.03);
  out.send([0x80, 62, 64], 0.03);
  assert.deepEqual(sent, []);
  pass(0.025);
  assert.deepEqual(sent, [[0x90, 60, 80, 30]]);
  pass(1);
  assert.equal(sent.length, 1);
  out.silence();
  assert.deepEqual(sent[1].slice(0, 2), [0x80, 60]);
  assert.equal(sent.length, 2 + 48);
});

test("knobs stand where they should, along the ratio where that is what counts", () => {
  const density = { name: "density", low: 0.25, high: 4, logarithmic: true, whole: false, choices: [] };
  const scale = scaleOf(density);
  assert.ok(Math.abs(scale.toSlider(1) - 0.5) < 1e-9);
  assert.ok(Math.abs(scale.fromSlider(1) - 4) < 1e-9);
  const register = { name: "register", low: -24, high: 24, logarithmic: false, whole: true, choices: [] };
  assert.equal(scaleOf(register).step, 1);
  assert.equal(inWords(register, 7), "+7 semitones");
  assert.equal(inWords(register, -7), "\u22127 semitones");
  assert.equal(inWords(density, 1.5), "\u00d7 1.50");
  assert.equal(inWords({ name: "mode", choices: ["duet"] }, "duet"), "Together");
  assert.equal(inWords({ name: "new-knob", low: 0, high: 1, choices: [] }, 0.5), "0.50");
});

test("a call goes into an address and comes out as it was; damage is no call", () => {
  const call = { tempo: 112, metre: [3, 4], notes: [[0, 1.5, 60, 90], [1.25, 0.333, 127, 1]] }; // prettier-ignore
  assert.deepEqual(decodeCall(encodeCall(call)), call);
  assert.match(encodeCall(call), /^[\w-]+$/);
  assert.deepEqual(sharedIn(`#call=${encodeCall(call)}&seed=7`), { call, seed: 7 });
  const broken = [
    { ...call, tempo: 1e9 },
    { ...call, tempo: "120" },
    { ...call, metre: [4, 3] },
    { ...call, metre: [0, 4] },
    { ...call, notes: [] },
    { ...call, notes: [[0, 1, 300, 90]] },
    { ...call, notes: [[0, 1, 60, 0]] },
    { ...call, notes: [[-1, 1, 60, 90]] },
    { ...call, notes: [[0, 1, 60]] },
    { ...call, notes: Array(500).fill([0, 1, 60, 90]) },
  ];
  for (const one of broken) assert.equal(decodeCall(btoa(JSON.stringify(one))), null, JSON.stringify(one));
  for (const text of ["", "%%%", "bnVsbA", btoa("[]")]) assert.equal(decodeCall(text), null);
  assert.equal(sharedIn(`#call=${encodeCall(call)}&seed=-1`), null);
});

test("the last call is what the player played in their last turn", () => {
  const roll = new RollModel();
  roll.heard("player", 1, [0x90, 50, 80]);
  roll.heard("player", 2, [0x80, 50, 64]);
  roll.span(0, 8, "call");
  roll.heard("jamd", 9, [0x90, 55, 80]);
  roll.span(8, 16, "answer");
  roll.heard("player", 15.9, [0x90, 60, 90]); // before its bar line
  roll.heard("player", 17, [0x80, 60, 64]);
  roll.span(16, null, "call");
  const call = lastCall(roll, state());
  assert.deepEqual(call.notes.map(([start, beats, pitch]) => [start, Math.round(beats * 10) / 10, pitch]), [[0, 1.1, 60]]); // prettier-ignore
  assert.equal(lastCall(new RollModel(), state()), null);
});

test("a long call is played in phrases, each from its bar line", () => {
  const notes = [[0, 1, 60, 80], [7, 1, 62, 80], [16.01, 1, 64, 80], [17, 2, 65, 80]]; // prettier-ignore
  const phrases = phrasesOf({ tempo: 120, metre: [4, 4], notes });
  assert.deepEqual(
    phrases.map((phrase) => phrase.map(([beat]) => Math.round(beat * 100) / 100)),
    [[0], [3], [0.01, 1]], // a rest of a bar or more begins another
  );
});

test("what ends at an instant comes before what begins there", () => {
  const events = eventsOf([[0, 1, 60, 80], [1, 1, 60, 80]], 60, "player"); // prettier-ignore
  assert.deepEqual(events.map(({ seconds, bytes }) => [seconds, bytes[0]]), [[0, 0x90], [1, 0x80], [1, 0x90], [2, 0x80]]); // prettier-ignore
});

test("the bundled call is read: tempo, tracks, pedal", async () => {
  const file = await readFile(new URL("../../jamd/call.mid", import.meta.url));
  const { events, seconds } = readMidi(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
  assert.deepEqual(events[0], { seconds: 0, beats: 0, track: "player", bytes: [0x90, 74, 91] });
  assert.ok(events.some(({ bytes }) => bytes[0] === 0xb0 && bytes[1] === 64));
  const open = new Set();
  for (const { bytes } of events) {
    if (bytes[0] === 0x90) open.add(bytes[1]);
    else if (bytes[0] === 0x80) open.delete(bytes[1]);
  }
  assert.equal(open.size, 0);
  const last = events.at(-1);
  assert.ok(Math.abs(seconds - (last.beats * 60) / 112) < 0.01);
});

test("damaged files are refused or read as far as they go", () => {
  assert.throws(() => readMidi(new ArrayBuffer(3)));
  assert.throws(() => readMidi(new TextEncoder().encode("no MIDI at all, but text").buffer));
  const cut = [
    0x4d, 0x54, 0x68, 0x64, 0, 0, 0, 6, 0, 1, 0, 1, 1, 0xe0, 0x4d, 0x54, 0x72, 0x6b, 0, 0, 0, 99, 0, 0x90, 60,
  ];
  assert.ok(readMidi(new Uint8Array(cut).buffer).events.length <= 1);
});

/** The loudest of these samples. */
const peak = (samples) => samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

test("every string is in tune, as loud as the others, begins and ends without a click", () => {
  for (const pitch of [21, 60, 72, 108]) {
    const samples = renderNote(pitch);
    assert.ok(Math.abs(peak(samples) - 0.8) < 1e-3);
    assert.ok(samples.every(Number.isFinite));
    assert.ok(peak(samples.slice(0, 8)) < 0.05 && peak(samples.slice(-8)) < 1e-3);
    assert.ok(peak(samples.slice(-RATE / 10)) < 0.12, "it dies away");
  }
  const samples = renderNote(69).slice(4000, 4000 + RATE / 2);
  const level = (hertz) => {
    let real = 0;
    let imaginary = 0;
    samples.forEach((value, i) => {
      real += value * Math.cos((2 * Math.PI * hertz * i) / RATE);
      imaginary += value * Math.sin((2 * Math.PI * hertz * i) / RATE);
    });
    return Math.hypot(real, imaginary);
  };
  const tuned = level(440.2);
  for (const other of [415.3, 435, 445, 466.2]) assert.ok(tuned > 3 * level(other));
});

test("the middle is rendered first, and all of the piano is", () => {
  const pitches = renderedPitches();
  assert.equal(pitches[0], 60);
  assert.deepEqual([Math.min(...pitches), Math.max(...pitches), pitches.length], [21, 108, 30]);
  assert.ok(peak(renderClick(true)) > 0.1);
});

test("what is no word is none", () => {
  for (const text of ["", "nonsense", "null", "[]", "3", '{"type":3}', undefined])
    assert.equal(wordOf(text), null);
  assert.equal(wordOf('{"type":"ended"}').type, "ended");
  assert.equal(noteName(60), "C4");
  assert.equal(noteName(61), "C\u266f4");
});
