// @ts-check
/**
 * The sound: voices on three buses (the player's, jamd's, the click), a small room, a limiter, a volume.
 * Every instant is of the audio clock.
 */

import { EVERY, HIGHEST, LOWEST, RATE, hertz, renderClick, renderRoom } from "./tone.js";
import { ALL_NOTES_OFF, ALL_SOUND_OFF, CONTROL, PEDAL, isRelease, isStrike } from "./words.js";

/**
 * @typedef {"player" | "jamd" | "click"} Bus
 * @typedef {{bus: Bus, channel: number, pitch: number, velocity: number, start: number, off: number | null,
 *   sustained: boolean, ended: boolean, takenBack: boolean, source: AudioBufferSourceNode,
 *   gain: GainNode}} Voice
 */

export const MOST_VOICES = 32;
/** A DynamicsCompressorNode looks so far ahead. */
export const LIMITER_SECONDS = 0.006;
const STOLEN_SECONDS = 0.008;
const NO_DAMPER = 89;
/** From here up strings have no dampers. */

/** @type {Bus[]} */
const BUSES = ["player", "jamd", "click"];

export class Piano {
  /** @type {Voice[]} */
  voices = [];
  /** @type {Map<number, AudioBuffer>} */
  #strings = new Map();
  /** @type {Record<string, GainNode>} */
  #buses = {};
  /** @type {Record<string, AnalyserNode>} */
  #meters = {};
  /** @type {Set<string>} */
  #pedals = new Set();
  /** Told of each note that is going to sound. @type {(voice: Voice) => void} */
  struck = () => {};
  #volume = 0.8;
  #muted = false;
  #clicks;
  #master;

  /** @param {AudioContext} context */
  constructor(context) {
    this.context = context;
    this.#clicks = [false, true].map((loud) => bufferOf(renderClick(loud)));
    this.#master = context.createGain();
    const limiter = new DynamicsCompressorNode(context, {
      threshold: -9,
      knee: 6,
      ratio: 16,
      attack: 0.002,
      release: 0.16,
    });
    const room = new ConvolverNode(context, { buffer: bufferOf(renderRoom(3), renderRoom(11)) });
    const send = new GainNode(context, { gain: 0.16 });
    for (const name of BUSES) {
      const bus = context.createGain();
      const meter = new AnalyserNode(context, { fftSize: 2048 });
      bus.connect(meter);
      bus.connect(limiter);
      if (name !== "click") bus.connect(send);
      this.#buses[name] = bus;
      this.#meters[name] = meter;
    }
    this.#buses.click.gain.value = 0.5;
    send.connect(room).connect(limiter);
    limiter.connect(this.#master).connect(context.destination);
    this.volume = this.#volume;
  }

  /** @param {number} pitch @param {Float32Array<ArrayBuffer>} samples */
  addString(pitch, samples) {
    this.#strings.set(pitch, bufferOf(samples));
  }

  get strings() {
    return this.#strings.size;
  }

  get volume() {
    return this.#volume;
  }

  /** 0 to 1 as the slider stands; the ear hears by ratios. */
  set volume(position) {
    this.#volume = position;
    this.#setMaster();
  }

  get muted() {
    return this.#muted;
  }

  set muted(muted) {
    this.#muted = muted;
    this.#setMaster();
  }

  /** Whether the metronome is heard. @param {boolean} heard */
  set clicks(heard) {
    this.#buses.click.gain.value = heard ? 0.5 : 0;
  }

  /** How loud a bus is now: root of the mean square of the last 2048 samples. @param {Bus} bus */
  rms(bus) {
    const samples = new Float32Array(2048);
    this.#meters[bus].getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
  }

  /** Where a bus can be listened to. @param {Bus} bus */
  output(bus) {
    return this.#buses[bus];
  }

  /**
   * A MIDI message at its instant, or now if that is over. Returns the voice of a note that begins.
   * @param {Bus} bus
   * @param {number[]} bytes
   * @param {number} at
   */
  play(bus, bytes, at) {
    const channel = bytes[0] & 0x0f;
    if (isStrike(bytes)) return this.#strike(bus, channel, bytes[1], bytes[2], at);
    if (isRelease(bytes)) this.#letGo(bus, channel, bytes[1], at);
    else if ((bytes[0] & 0xf0) === CONTROL) this.#control(bus, channel, bytes[1], bytes[2], at);
    return null;
  }

  /** Nothing of this bus sounds any more, or will. @param {Bus} bus */
  silence(bus) {
    for (const key of this.#pedals) if (key.startsWith(bus)) this.#pedals.delete(key);
    for (const voice of this.voices) if (voice.bus === bus) this.#end(voice, 0, 0.01);
  }

  #setMaster() {
    const gain = this.#muted ? 0 : this.#volume ** 2;
    this.#master.gain.setTargetAtTime(gain, this.context.currentTime, 0.015);
  }

  /**
   * @param {Bus} bus @param {number} channel @param {number} pitch @param {number} velocity
   * @param {number} at
   */
  #strike(bus, channel, pitch, velocity, at) {
    const buffer = bus === "click" ? this.#clicks[velocity >= 100 ? 1 : 0] : this.#stringOf(pitch);
    if (!buffer) return null;
    const start = Math.max(at, this.context.currentTime);
    for (const voice of this.voices)
      if (voice.bus === bus && voice.channel === channel && voice.pitch === pitch && !voice.ended)
        this.#end(voice, start, 0.03); // the same string, struck again
    this.#makeRoom();
    const source = new AudioBufferSourceNode(this.context, { buffer });
    const gain = this.context.createGain();
    if (bus === "click") {
      gain.gain.value = velocity / 127;
      source.connect(gain).connect(this.#buses.click);
    } else {
      this.#string(source, gain, pitch, velocity);
      gain.connect(new StereoPannerNode(this.context, { pan: (pitch - 64) / 110 })).connect(this.#buses[bus]);
    }
    /** @type {Voice} */
    const voice = {
      bus, channel, pitch, velocity, start, off: null,
      sustained: false, ended: false, takenBack: false, source, gain,
    }; // prettier-ignore
    source.onended = () => {
      voice.ended = true;
      gain.disconnect();
      this.voices = this.voices.filter((other) => other !== voice);
    };
    source.start(start);
    this.voices.push(voice);
    this.struck(voice);
    return voice;
  }

  /**
   * How hard it is struck makes it louder and brighter.
   * @param {AudioBufferSourceNode} source @param {GainNode} gain @param {number} pitch
   * @param {number} velocity
   */
  #string(source, gain, pitch, velocity) {
    source.playbackRate.value = 2 ** ((pitch - this.#nearest(pitch)) / 12);
    const force = velocity / 127;
    const frequency = Math.min(hertz(pitch) * (1.3 + 11 * force ** 1.8) + 1500 * force, 18000);
    const felt = new BiquadFilterNode(this.context, { type: "lowpass", frequency, Q: -3 });
    gain.gain.value = 0.03 + 0.42 * force ** 1.7;
    source.connect(felt).connect(gain);
  }

  /** @param {number} pitch */
  #nearest(pitch) {
    const place = LOWEST + EVERY * Math.round((pitch - LOWEST) / EVERY);
    const wanted = Math.min(Math.max(place, LOWEST), HIGHEST);
    if (this.#strings.has(wanted)) return wanted;
    let best = wanted; // while the worker is still at it
    let distance = Infinity;
    for (const there of this.#strings.keys())
      if (Math.abs(there - pitch) < distance) [best, distance] = [there, Math.abs(there - pitch)];
    return best;
  }

  /** @param {number} pitch */
  #stringOf(pitch) {
    return this.#strings.get(this.#nearest(pitch));
  }

  /** @param {Bus} bus @param {number} channel @param {number} pitch @param {number} at */
  #letGo(bus, channel, pitch, at) {
    const voice = this.voices.findLast(
      (other) =>
        other.bus === bus && other.channel === channel && other.pitch === pitch && other.off === null,
    );
    if (!voice) return;
    voice.off = at;
    if (at <= voice.start) this.#takeBack(voice);
    else if (this.#pedals.has(`${bus} ${channel}`)) voice.sustained = true;
    else this.#damp(voice, at);
  }

  /** @param {Voice} voice */
  #takeBack(voice) {
    voice.takenBack = voice.start > this.context.currentTime;
    this.#end(voice, 0, STOLEN_SECONDS);
  }

  /** @param {Voice} voice @param {number} at */
  #damp(voice, at) {
    voice.off = at;
    voice.sustained = false;
    if (voice.bus === "click") return;
    this.#end(voice, at, voice.pitch >= NO_DAMPER ? 0.6 : 0.05 + 0.12 * 2 ** ((40 - voice.pitch) / 16));
  }

  /** @param {Bus} bus @param {number} channel @param {number} number @param {number} value @param {number} at */
  #control(bus, channel, number, value, at) {
    const key = `${bus} ${channel}`;
    const voices = this.voices.filter((voice) => voice.bus === bus && voice.channel === channel);
    if (number === PEDAL && value >= 64) this.#pedals.add(key);
    else if (number === PEDAL) {
      this.#pedals.delete(key);
      for (const voice of voices) if (voice.sustained) this.#damp(voice, Math.max(at, voice.off ?? 0));
    } else if (number === ALL_NOTES_OFF || number === ALL_SOUND_OFF) {
      this.#pedals.delete(key);
      for (const voice of voices)
        if (voice.start >= at) this.#takeBack(voice);
        else if (number === ALL_SOUND_OFF) this.#end(voice, at, STOLEN_SECONDS);
        else if (voice.off === null || voice.sustained) this.#damp(voice, at);
    }
  }

  /**
   * Fade from this instant on, then stop.
   * @param {Voice} voice @param {number} at @param {number} fadeSeconds to a third
   */
  #end(voice, at, fadeSeconds) {
    const now = this.context.currentTime;
    const from = Math.max(at, now);
    voice.off ??= from;
    voice.sustained = false;
    if (voice.start > from) {
      voice.source.stop(); // it has not begun and never will
      voice.gain.gain.value = 0;
      voice.ended = true;
      this.voices = this.voices.filter((other) => other !== voice);
      return;
    }
    voice.gain.gain.setTargetAtTime(0, from, fadeSeconds);
    voice.source.stop(from + 8 * fadeSeconds);
    if (at <= now && fadeSeconds <= 0.03) voice.ended = true;
  }

  /** The quietest and oldest gives way. */
  #makeRoom() {
    const sounding = this.voices.filter((voice) => !voice.ended);
    if (sounding.length < MOST_VOICES) return;
    const order = (/** @type {Voice} */ voice) => (voice.off === null ? 1e9 : 0) + voice.start;
    const oldest = sounding.reduce((a, b) => (order(b) < order(a) ? b : a));
    this.#end(oldest, 0, STOLEN_SECONDS);
    oldest.ended = true;
  }
}

/** @param {Float32Array<ArrayBuffer>[]} channels */
function bufferOf(...channels) {
  const buffer = new AudioBuffer({
    numberOfChannels: channels.length,
    length: channels[0].length,
    sampleRate: RATE,
  });
  channels.forEach((samples, channel) => buffer.copyToChannel(samples, channel));
  return buffer;
}
