// @ts-check
/** MIDI keyboards by WebMIDI: asked for on a click, plugged in and out at will. */

import { CONTROL, PEDAL, isRelease, isStrike } from "./words.js";

export class MidiIn {
  /** @type {MIDIAccess | null} */
  access = null;

  /**
   * @param {import("./hands.js").Hands} hands
   * @param {(names: string[]) => void} changed which keyboards there are
   */
  constructor(hands, changed) {
    this.hands = hands;
    this.changed = changed;
  }

  get isPossible() {
    return typeof navigator.requestMIDIAccess === "function";
  }

  /** Only on a click: the browser asks. */
  async open() {
    this.access ??= await navigator.requestMIDIAccess();
    this.access.onstatechange = () => this.#look();
    this.#look();
    return this.access;
  }

  #look() {
    const names = [];
    for (const input of this.access?.inputs.values() ?? []) {
      if (input.state === "connected") {
        names.push(input.name ?? "keyboard");
        input.onmidimessage = (event) => this.#received(input.id, event);
      } else {
        this.hands.releaseAll(performance.now() / 1000, `midi ${input.id} `); // pulled out in mid-note
      }
    }
    this.changed(names);
  }

  /** @param {string} id @param {MIDIMessageEvent} event */
  #received(id, event) {
    const bytes = [...(event.data ?? [])];
    if (bytes.length !== 3) return;
    const channel = bytes[0] & 0x0f;
    const hand = `midi ${id} ${channel} ${bytes[1]}`;
    const page = event.timeStamp / 1000;
    if (isStrike(bytes)) this.hands.press(hand, bytes[1], bytes[2], page, channel);
    else if (isRelease(bytes)) this.hands.release(hand, page);
    else if ((bytes[0] & 0xf0) === CONTROL && bytes[1] === PEDAL)
      this.hands.pedal(`midi ${id} pedal`, bytes[2], page, channel);
    else if ((bytes[0] & 0xf0) === CONTROL && bytes[1] >= 120) this.hands.releaseAll(page, `midi ${id} `);
  }
}
