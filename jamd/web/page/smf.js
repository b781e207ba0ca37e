// @ts-check
/** A Standard MIDI File, read for playing: note messages and pedals with their seconds and track names. Pure. */

/** @typedef {{seconds: number, beats: number, track: string, bytes: number[]}} FileEvent */

/**
 * @param {ArrayBuffer} file
 * @returns {{events: FileEvent[], seconds: number}}
 */
export function readMidi(file) {
  const data = new DataView(file);
  if (data.byteLength < 14 || data.getUint32(0) !== 0x4d546864) throw new Error("not a MIDI file");
  const division = data.getUint16(12);
  if (!division || division & 0x8000) throw new Error("a MIDI file in frames is not played here");
  /** @type {{tick: number, track: string, bytes: number[]}[]} */
  const found = [];
  /** @type {{tick: number, tempo: number}[]} */
  const tempos = [];
  let at = 8 + data.getUint32(4);
  let last = 0;
  while (at + 8 <= data.byteLength) {
    const end = Math.min(at + 8 + data.getUint32(at + 4), data.byteLength);
    if (data.getUint32(at) === 0x4d54726b) last = Math.max(last, readTrack(data, at + 8, end, found, tempos));
    at = end;
  }
  found.sort((a, b) => a.tick - b.tick);
  tempos.sort((a, b) => a.tick - b.tick);
  const secondsAt = timeline(tempos, division);
  const events = found.map(({ tick, track, bytes }) => ({
    seconds: secondsAt(tick), beats: tick / division, track, bytes,
  })); // prettier-ignore
  return { events, seconds: secondsAt(last) };
}

/**
 * @param {DataView} data @param {number} at @param {number} end
 * @param {{tick: number, track: string, bytes: number[]}[]} found
 * @param {{tick: number, tempo: number}[]} tempos
 */
function readTrack(data, at, end, found, tempos) {
  let tick = 0;
  let status = 0;
  let name = "";
  const byte = () => (at < end ? data.getUint8(at++) : 0);
  const length = () => {
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const next = byte();
      value = value * 128 + (next & 0x7f);
      if (!(next & 0x80)) break;
    }
    return value;
  };
  const first = found.length;
  while (at < end) {
    tick += length();
    if (data.getUint8(Math.min(at, end - 1)) & 0x80) status = byte();
    if (status === 0xff) {
      const kind = byte();
      const size = length();
      if (kind === 0x51 && size === 3) {
        tempos.push({ tick, tempo: (data.getUint8(at) << 16) | data.getUint16(at + 1) });
      } else if (kind === 0x03 && !name) {
        name = String.fromCharCode(...new Uint8Array(data.buffer, at, Math.min(size, end - at)));
      }
      at += size;
    } else if (status >= 0xf0) {
      at += length();
    } else {
      const two = (status & 0xf0) !== 0xc0 && (status & 0xf0) !== 0xd0;
      const bytes = two ? [status, byte(), byte()] : [status, byte()];
      const kind = status & 0xf0;
      if (kind === 0x80 || kind === 0x90 || (kind === 0xb0 && bytes[1] === 64))
        found.push({ tick, track: name, bytes });
    }
  }
  for (let i = first; i < found.length; i++) found[i].track ||= name;
  return tick;
}

/** @param {{tick: number, tempo: number}[]} tempos @param {number} division */
function timeline(tempos, division) {
  return (/** @type {number} */ tick) => {
    let seconds = 0;
    let from = 0;
    let tempo = 500000;
    for (const change of tempos) {
      if (change.tick >= tick) break;
      seconds += ((change.tick - from) * tempo) / division / 1e6;
      [from, tempo] = [change.tick, change.tempo];
    }
    return seconds + ((tick - from) * tempo) / division / 1e6;
  };
}
