// @ts-check
/** Knobs, actions, presets and models: as jamd says it has them, turned here or there. */

/**
 * @typedef {import("./words.js").KnobWord} KnobWord
 * @typedef {import("./words.js").Value} Value
 * @typedef {{turn: (name: string, value: Value) => void, press: (name: string) => void,
 *   preset: (name: string) => void, model: (name: string) => void}} Told
 * @typedef {{show: (value: Value) => void, focus: () => void}} Control
 */

/** Where a knob is known: what it is called, its unit, how it is rounded. The others are shown as jamd names them. */
const KNOWN = new Map(
  Object.entries({
    tempo: { name: "Tempo", unit: "BPM", step: 1, digits: 0 },
    mode: { name: "Turns", unit: "", step: 0, digits: 0 },
    bars: { name: "Bars a turn", unit: "", step: 0, digits: 0 },
    temperature: { name: "Boldness", unit: "", step: 0.05, digits: 2 },
    echo: { name: "Echo", unit: "", step: 0.05, digits: 2 },
    density: { name: "Density", unit: "\u00d7", step: 0.02, digits: 2 },
    register: { name: "Register", unit: "semitones", step: 1, digits: 0 },
    feel: { name: "Feel", unit: "", step: 0.05, digits: 2 },
  }),
);

/** @type {Record<string, string>} */
const CHOICES = { answer: "Call and answer", duet: "Together", solo: "jamd alone" };

/** @type {Record<string, {name: string, code: string, sign: string}>} */
const ACTIONS = {
  turn: { name: "Give jamd the turn", code: "Enter", sign: "\u21b5" },
  tap: { name: "Tap the tempo", code: "Period", sign: "." },
  loop: { name: "Loop", code: "KeyB", sign: "B" },
  vary: { name: "Vary", code: "KeyN", sign: "N" },
  save: { name: "Keep", code: "KeyM", sign: "M" },
  panic: { name: "Panic", code: "Escape", sign: "Esc" },
  "previous-model": { name: "Model before", code: "BracketLeft", sign: "[" },
  "next-model": { name: "Next model", code: "BracketRight", sign: "]" },
};

const SEND_MS = 33;
const OURS_MS = 400;
/** So long after it was turned here, a knob does not listen to what is on its way. */

/**
 * Where on its slider a value stands, and back: along the ratio, if the knob is logarithmic.
 * @param {KnobWord} knob
 */
export function scaleOf(knob) {
  const step = knob.whole ? 1 : (KNOWN.get(knob.name)?.step ?? (knob.high - knob.low) / 100);
  if (!knob.logarithmic) {
    const same = (/** @type {number} */ value) => value;
    return { low: knob.low, high: knob.high, step, toSlider: same, fromSlider: same };
  }
  const width = Math.log(knob.high / knob.low);
  return {
    low: 0,
    high: 1,
    step: 0.01,
    toSlider: (/** @type {number} */ value) => Math.log(value / knob.low) / width,
    fromSlider: (/** @type {number} */ place) => knob.low * Math.exp(place * width),
  };
}

/** A value with its unit. @param {KnobWord} knob @param {Value} value */
export function inWords(knob, value) {
  if (typeof value === "string") return CHOICES[value] ?? value;
  const known = KNOWN.get(knob.name);
  const number = value.toFixed(knob.choices.length ? 0 : (known?.digits ?? 2));
  const signed = knob.low < 0 && value > 0 ? `+${number}` : number.replace("-", "\u2212");
  if (!known?.unit) return signed;
  return known.unit === "\u00d7" ? `\u00d7 ${signed}` : `${signed} ${known.unit}`;
}

export class Knobs {
  /** @type {Map<string, Control>} */
  #controls = new Map();
  /** @type {Map<string, HTMLButtonElement>} */
  #buttons = new Map();
  /** @type {HTMLSelectElement | null} */
  #preset = null;
  /** @type {HTMLSelectElement | null} */
  #model = null;
  /** @type {Map<string, number>} when each was last turned here */
  #ours = new Map();
  /** @type {Map<string, Value>} */
  #values = new Map();

  /**
   * @param {HTMLElement} knobs where the knobs go
   * @param {HTMLElement} actions
   * @param {Told} told
   */
  constructor(knobs, actions, told) {
    this.knobs = knobs;
    this.actions = actions;
    this.told = told;
  }

  /** What the keys do. */
  get orders() {
    /** @type {Map<string, () => void>} */
    const orders = new Map();
    for (const [name, { code }] of Object.entries(ACTIONS))
      orders.set(code, () => this.#buttons.get(name)?.click());
    for (let place = 1; place <= 9; place++)
      orders.set(`Digit${place}`, () => [...this.#controls.values()][place - 1]?.focus());
    return orders;
  }

  /** What there is. @param {import("./words.js").Hello} hello */
  build(hello) {
    this.knobs.replaceChildren();
    this.actions.replaceChildren();
    this.#controls.clear();
    this.#buttons.clear();
    const order = [...KNOWN.keys()];
    const place = (/** @type {KnobWord} */ knob) => (order.indexOf(knob.name) + 100) % 100;
    const knobs = hello.knobs
      .filter((knob) => knob.kind !== "choice" || (knob.choices.length && knob.name !== "preset"))
      .sort((a, b) => place(a) - place(b)); // presets are picked below
    knobs.forEach((knob, index) => {
      const control = knob.kind === "choice" ? this.#choice(knob, index + 1) : this.#slider(knob, index + 1);
      this.#controls.set(knob.name, control);
    });
    this.#preset = this.#pick("Preset", hello.presets, this.told.preset);
    this.#model = this.#pick("Model", hello.models, this.told.model);
    const there = new Map(hello.actions.map((action) => [action.name, action]));
    for (const name of new Set([...Object.keys(ACTIONS), ...there.keys()])) {
      const action = there.get(name);
      if (action) this.#button(name, action.what);
    }
    for (const control of [this.knobs, this.actions])
      for (const element of control.querySelectorAll("input, select, button"))
        /** @type {HTMLInputElement} */ (element).disabled = Boolean(hello.watch);
  }

  /** How it stands. @param {import("./words.js").State} state */
  show(state) {
    for (const [name, value] of Object.entries(state.knobs)) {
      this.#values.set(name, value);
      const wait = (this.#ours.get(name) ?? -Infinity) + OURS_MS - performance.now();
      if (wait > 0) setTimeout(() => this.#settle(name), wait);
      else this.#controls.get(name)?.show(value);
    }
    const loop = this.#buttons.get("loop");
    loop?.setAttribute("aria-pressed", String(state.looping));
    if (this.#preset) this.#preset.value = state.preset ?? "";
    if (this.#model) this.#model.value = state.model ?? "";
  }

  /** It was turned here a while ago: what jamd made of it counts. @param {string} name */
  #settle(name) {
    const value = this.#values.get(name);
    if (value === undefined || performance.now() - (this.#ours.get(name) ?? -Infinity) < OURS_MS - 5) return;
    this.#controls.get(name)?.show(value);
  }

  /** @param {KnobWord} knob @param {number} digit */
  #frame(knob, digit) {
    const label = document.createElement("label");
    label.className = "knob";
    label.dataset.knob = knob.name;
    label.title = `${knob.what} (key ${digit})`;
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = KNOWN.get(knob.name)?.name ?? knob.name;
    label.append(name);
    this.knobs.append(label);
    return label;
  }

  /** @param {KnobWord} knob @param {number} digit @returns {Control} */
  #slider(knob, digit) {
    const label = this.#frame(knob, digit);
    const scale = scaleOf(knob);
    const input = document.createElement("input");
    input.type = "range";
    input.min = String(scale.low);
    input.max = String(scale.high);
    input.step = String(scale.step);
    input.setAttribute("aria-label", KNOWN.get(knob.name)?.name ?? knob.name);
    input.setAttribute("aria-description", knob.what);
    input.setAttribute("aria-keyshortcuts", String(digit));
    const output = document.createElement("output");
    output.setAttribute("aria-hidden", "true");
    label.append(output, input);
    const show = (/** @type {Value} */ value) => {
      input.value = String(scale.toSlider(Number(value)));
      say(value);
    };
    const say = (/** @type {Value} */ value) => {
      output.textContent = inWords(knob, value);
      input.setAttribute("aria-valuetext", inWords(knob, value));
      input.style.setProperty(
        "--at",
        `${((Number(input.value) - scale.low) / (scale.high - scale.low)) * 100}%`,
      );
    };
    const send = this.#gently(knob.name);
    input.addEventListener("input", () => {
      const value = Math.min(Math.max(scale.fromSlider(Number(input.value)), knob.low), knob.high);
      say(value);
      send(value);
    });
    return { show, focus: () => input.focus() };
  }

  /** @param {KnobWord} knob @param {number} digit @returns {Control} */
  #choice(knob, digit) {
    const label = this.#frame(knob, digit);
    const select = document.createElement("select");
    select.setAttribute("aria-label", KNOWN.get(knob.name)?.name ?? knob.name);
    select.setAttribute("aria-description", knob.what);
    select.setAttribute("aria-keyshortcuts", String(digit));
    for (const choice of knob.choices) select.append(new Option(inWords(knob, choice), String(choice)));
    label.append(select);
    const send = this.#gently(knob.name);
    select.addEventListener("change", () => send(knob.choices[select.selectedIndex]));
    const show = (/** @type {Value} */ value) => {
      if (![...select.options].some((option) => option.value === String(value)))
        select.append(new Option(inWords(knob, value), String(value))); // 3 bars, from the command line
      select.value = String(value);
    };
    return { show, focus: () => select.focus() };
  }

  /** @param {string} name @param {string[]} choices @param {(name: string) => void} chosen */
  #pick(name, choices, chosen) {
    if (!choices.length) return null;
    const label = document.createElement("label");
    label.className = "knob";
    const title = document.createElement("span");
    title.className = "name";
    title.textContent = name;
    const select = document.createElement("select");
    select.setAttribute("aria-label", name);
    select.append(new Option("\u2013", ""), ...choices.map((choice) => new Option(choice, choice)));
    select.options[0].disabled = true;
    select.addEventListener("change", () => select.value && chosen(select.value));
    label.append(title, select);
    this.knobs.append(label);
    return select;
  }

  /** @param {string} name @param {string} what */
  #button(name, what) {
    const known = ACTIONS[name];
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.action = name;
    button.title = what;
    button.textContent = known?.name ?? name;
    if (known) {
      const sign = document.createElement("kbd");
      sign.textContent = known.sign;
      sign.setAttribute("aria-hidden", "true");
      button.append(sign);
      button.setAttribute("aria-keyshortcuts", known.code.replace(/^Key/, ""));
    }
    if (name === "loop") button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => this.told.press(name));
    this.actions.append(button);
    this.#buttons.set(name, button);
  }

  /** At most 30 turns a second are told, and always the last. @param {string} name */
  #gently(name) {
    let last = -Infinity;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let later;
    return (/** @type {Value} */ value) => {
      this.#ours.set(name, performance.now());
      clearTimeout(later);
      const tell = () => {
        last = performance.now();
        this.told.turn(name, value);
      };
      const wait = last + SEND_MS - performance.now();
      if (wait <= 0) tell();
      else later = setTimeout(tell, wait);
    };
  }
}
