// @ts-check
/** The socket to jamd: opened, opened again, and asked for the time. @import {FromJamd, ToJamd} from "./words.js" */

import { pageNow } from "./clockwork.js";
import { wordOf } from "./words.js";

const FIRST_WAIT_SECONDS = 0.25;
const LONGEST_WAIT_SECONDS = 3;
const QUICK_PINGS = 12;
const QUICK_SECONDS = 0.05;
const PING_SECONDS = 1;
const SILENCE_SECONDS = 4;

/** Where the socket is: beside the page, with the same `?watch` and `?token`. */
export function socketAddress(/** @type {Location} */ location) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/socket${location.search}`;
}

export class Link {
  /** @type {WebSocket | null} */
  #socket = null;
  #wait = FIRST_WAIT_SECONDS;
  #pings = 0;
  #heard = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string} address
   * @param {import("./clockwork.js").Clockwork} clock
   * @param {{word: (word: FromJamd) => void, open: () => void, closed: () => void}} told
   */
  constructor(address, clock, told) {
    this.address = address;
    this.clock = clock;
    this.told = told;
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.address);
    this.#socket = socket;
    socket.onopen = () => {
      this.#wait = FIRST_WAIT_SECONDS;
      this.#pings = 0;
      this.#heard = pageNow();
      this.clock.forgetEngine();
      this.told.open();
      this.#ping();
    };
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = () => this.#lost(socket);
  }

  /** Close this connection; it is opened again by itself. */
  drop() {
    const socket = this.#socket;
    socket?.close();
    if (socket) this.#lost(socket); // a cable that is cut never says so
  }

  /**
   * Whether it went out.
   * @param {ToJamd} word
   */
  send(word) {
    if (!this.isOpen) return false;
    this.#socket?.send(JSON.stringify(word));
    return true;
  }

  /** @param {unknown} data */
  #received(data) {
    const word = wordOf(data);
    if (!word) return;
    this.#heard = pageNow();
    if (word.type === "pong") this.clock.pong(word.page, word.engine, this.#heard);
    else this.told.word(word);
  }

  #ping() {
    if (!this.isOpen) return;
    if (pageNow() - this.#heard > SILENCE_SECONDS && this.#pings > QUICK_PINGS && !document.hidden) {
      this.drop();
      return;
    }
    this.send({ type: "ping", page: pageNow() });
    this.#pings += 1;
    const seconds = this.#pings < QUICK_PINGS ? QUICK_SECONDS : PING_SECONDS;
    this.#timer = setTimeout(() => this.#ping(), seconds * 1000);
  }

  /** @param {WebSocket} socket */
  #lost(socket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    clearTimeout(this.#timer);
    this.told.closed();
    this.#timer = setTimeout(() => this.connect(), this.#wait * 1000);
    this.#wait = Math.min(this.#wait * 1.6, LONGEST_WAIT_SECONDS);
  }
}
