// @ts-check
/**
 * Three clocks: the page's (performance.now), the engine's and the audio's.
 *
 * Page and engine: the offset of the shortest of the last round trips. Audio and page: the audio clock is read
 * in steps of a buffer, so what is read is too early by up to one; the largest difference of the last seconds
 * is the truth.
 */

const ROUND_TRIPS = 24;
const LOOK_BACK_SECONDS = 2;
const LEAST_READS = 24;
const LONGEST_SECONDS = 30;
/** A hidden page reads the audio clock seldom: it looks back further for as many reads. */

/** The page's own clock, in seconds. */
export const pageNow = () => performance.now() / 1000;

export class Clockwork {
  /** @type {{offset: number, trip: number}[]} */
  #trips = [];
  /** @type {{page: number, lead: number}[]} */
  #reads = [];
  #now;
  /** Seconds that the sound itself is late by after its instant on the audio clock, apart from the device. */
  addedLatency = 0;
  /** Whether another than the page sounds, which is late by nothing that is known. */
  elsewhere = false;
  /** @type {{currentTime: number, state: string, baseLatency?: number, outputLatency?: number} | null} */
  audio = null;

  /** @param {() => number} now */
  constructor(now = pageNow) {
    this.#now = now;
  }

  /** A new connection: what was known of the engine's clock is void. */
  forgetEngine() {
    this.#trips = [];
  }

  /** The audio clock stood still. */
  forgetAudio() {
    this.#reads = [];
  }

  /**
   * A ping came back.
   * @param {number} sent of the page's clock
   * @param {number} engine
   * @param {number} received of the page's clock
   */
  pong(sent, engine, received) {
    this.#trips.push({ offset: engine - (sent + received) / 2, trip: received - sent });
    if (this.#trips.length > ROUND_TRIPS) this.#trips.shift();
  }

  get knowsEngine() {
    return this.#trips.length > 0;
  }

  /** The engine's clock less the page's. */
  get offset() {
    let best = this.#trips[0];
    for (const trip of this.#trips) if (trip.trip < best.trip) best = trip;
    return best ? best.offset : 0;
  }

  /** Look at the audio clock: on every frame, and whenever a note comes. */
  read() {
    if (!this.audio || this.audio.state !== "running") return;
    const page = this.#now();
    this.#reads.push({ page, lead: this.audio.currentTime - page });
    const limit = () => (this.#reads.length > LEAST_READS ? LOOK_BACK_SECONDS : LONGEST_SECONDS);
    while (this.#reads.length > 1 && this.#reads[0].page < page - limit()) this.#reads.shift();
  }

  /** The audio clock less the page's. */
  get lead() {
    if (!this.#reads.length) return (this.audio?.currentTime ?? 0) - this.#now();
    return Math.max(...this.#reads.map((read) => read.lead));
  }

  /** How late the ear is, after an instant of the audio clock. */
  get latency() {
    if (this.elsewhere || !this.audio || this.audio.state !== "running") return 0;
    return (this.audio.outputLatency || this.audio.baseLatency || 0) + this.addedLatency;
  }

  /** @param {number} page */
  engineAt(page) {
    return page + this.offset;
  }

  /** @param {number} engine */
  audioAt(engine) {
    return engine - this.offset + this.lead;
  }

  /** The engine's second that is heard now: what the roll shows. */
  heardNow() {
    return this.#now() + this.offset - this.latency;
  }

  /**
   * The engine's second that a hand meant which moved at this moment of the page: it plays to what it hears.
   * @param {number} page
   */
  meantAt(page) {
    return this.engineAt(page) - this.latency;
  }
}
