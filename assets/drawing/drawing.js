// A component in which a person draws the future of a series by hand.

import { Axes, Future, MARGIN, band, points, ticks } from "./future.js";

/** @import { Spot } from "./future.js" */

/**
 * @typedef {object} Payload what Python sends.
 * @property {string} id of the series; another one clears the drawing.
 * @property {number[]} observed
 * @property {number} horizon
 * @property {number} low the smallest value that can be drawn.
 * @property {number} high
 * @property {number} width the initial standard deviation.
 */
/**
 * @typedef {object} Component what Streamlit passes.
 * @property {Payload} data
 * @property {ShadowRoot | HTMLElement} parentElement
 * @property {(name: string, value: unknown) => void} setTriggerValue
 */
/** @typedef {{id: string, future: Future, width: number, cursor: number}} Draft */

const SVG = "http://www.w3.org/2000/svg";
const FINE = 0.5; // what an arrow key adds to a value, and below what a page key adds
const COARSE = 5;
/** Standard deviations from the mean to the ends of the central 50 and 90 % of a Gaussian. */
const REACH = { inner: 0.674, outer: 1.645 };

/** @type {WeakMap<ShadowRoot | HTMLElement, Drawing>} */
const drawings = new WeakMap();
/** @type {Draft | null} What is drawn outlives the element, which Streamlit may replace. */
let draft = null;

/**
 * The element that matches `selector`.
 *
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} type its class.
 * @returns {T}
 */
function part(root, selector, type) {
  const found = root.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`The drawing has no ${type.name} "${selector}".`);
  return found;
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 */
function shape(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = text;
  return made;
}

class Drawing {
  /** @param {Component} component */
  constructor(component) {
    this.component = component;
    const root = component.parentElement;
    this.plot = part(root, ".plot", HTMLElement);
    this.svg = part(root, "svg", SVGSVGElement);
    this.pad = part(root, ".pad", HTMLElement);
    this.hint = part(root, ".hint", HTMLElement);
    this.width = part(root, ".width", HTMLInputElement);
    this.output = part(root, "output", HTMLOutputElement);
    this.submit = part(root, ".submit", HTMLButtonElement);
    this.draft = this.#draft();
    this.axes = this.#axes();
    this.#listen(root);
    this.observer = new ResizeObserver(() => this.show());
    this.observer.observe(this.plot);
    this.show();
  }

  get data() {
    return this.component.data;
  }

  get future() {
    return this.draft.future;
  }

  /** @param {Component} component */
  update(component) {
    this.component = component;
    this.draft = this.#draft();
    this.show();
  }

  close() {
    this.observer.disconnect();
  }

  #draft() {
    const { id, observed, horizon, low, high, width } = this.data;
    if (draft?.id !== id) {
      const future = new Future(observed[observed.length - 1], horizon, { low, high });
      draft = { id, future, width, cursor: 0 };
    }
    return draft;
  }

  #axes() {
    const { clientWidth, clientHeight } = this.plot;
    const { observed, horizon, low, high } = this.data;
    return new Axes(clientWidth, clientHeight, observed.length + horizon, { low, high });
  }

  /** @param {ShadowRoot | HTMLElement} root */
  #listen(root) {
    const { pad, width } = this;
    /** @type {Spot | null} Where the stroke is, while a pointer is down. */
    let pen = null;
    /** @type {(event: PointerEvent) => Spot} */
    const spot = (event) => {
      const box = this.plot.getBoundingClientRect();
      const frame = this.axes.frameAt(event.clientX - box.left);
      return {
        step: frame - this.data.observed.length,
        value: this.axes.valueAt(event.clientY - box.top),
      };
    };
    pad.onpointerdown = (event) => {
      if (event.button !== 0) return;
      pad.setPointerCapture(event.pointerId);
      pen = spot(event);
      this.future.put(pen);
      this.#moveCursor(pen.step);
    };
    pad.onpointermove = (event) => {
      if (!pen) return;
      const next = spot(event);
      this.future.stroke(pen, next);
      pen = next;
      this.#moveCursor(pen.step);
    };
    pad.onpointerup = pad.onpointercancel = () => {
      pen = null;
    };
    pad.onkeydown = (event) => this.#press(event);
    width.oninput = () => {
      this.draft.width = Number(width.value);
      this.show();
    };
    part(root, ".clear", HTMLButtonElement).onclick = () => {
      this.future.clear();
      this.#moveCursor(0);
    };
    this.submit.onclick = () => {
      if (!this.future.complete) return;
      const { id, width: deviation } = this.draft;
      this.component.setTriggerValue("forecast", [id, deviation, ...this.future.values]);
    };
    // The shortcuts of the page, such as the arrows of presenter mode, are not meant in here.
    part(root, ".drawing", HTMLElement).onkeydown = (event) => event.stopPropagation();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { cursor } = this.draft;
    /** @type {Record<string, number>} */
    const raised = { ArrowUp: FINE, ArrowDown: -FINE, PageUp: COARSE, PageDown: -COARSE };
    /** @type {Record<string, number>} */
    const moved = {
      ArrowLeft: cursor - 1,
      ArrowRight: cursor + 1,
      Home: 0,
      End: this.data.horizon - 1,
    };
    if (event.key in raised) {
      this.future.put({ step: cursor, value: this.future.at(cursor) + raised[event.key] });
      this.show();
    } else if (event.key in moved) {
      const step = Math.min(this.data.horizon - 1, Math.max(0, moved[event.key]));
      this.future.extendTo(step);
      this.#moveCursor(step);
    } else return;
    event.preventDefault();
  }

  /** @param {number} step */
  #moveCursor(step) {
    this.draft.cursor = Math.min(this.data.horizon - 1, Math.max(0, Math.round(step)));
    this.show();
  }

  /** Draw everything anew. */
  show() {
    this.axes = this.#axes();
    this.#showGrid();
    this.#showSeries();
    this.#showControls();
  }

  #showGrid() {
    const { observed, horizon, low, high } = this.data;
    const { clientWidth: width, clientHeight: height } = this.plot;
    const [bottom, right] = [height - MARGIN.bottom, width - MARGIN.right];
    const lines = [];
    for (const value of ticks({ low, high }, 7)) {
      const y = this.axes.y(value);
      lines.push(shape("line", { x1: MARGIN.left, x2: right, y1: y, y2: y }));
      lines.push(
        shape("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, String(value)),
      );
    }
    for (let frame = 5; frame <= observed.length + horizon; frame += 5) {
      const x = this.axes.x(frame - 1);
      lines.push(shape("text", { x, y: bottom + 16, "text-anchor": "middle" }, String(frame)));
    }
    const middle = (MARGIN.left + right) / 2;
    lines.push(shape("text", { x: middle, y: height - 6, "text-anchor": "middle" }, "Frame"));
    part(this.svg, ".grid", SVGGElement).replaceChildren(...lines);
    const start = this.axes.x(observed.length - 0.5);
    Object.assign(this.pad.style, {
      left: `${start}px`,
      width: `${right - start}px`,
      top: `${MARGIN.top}px`,
      height: `${bottom - MARGIN.top}px`,
    });
    Object.assign(this.hint.style, { left: `${(start + right) / 2}px`, top: `${MARGIN.top + 8}px` });
  }

  #showSeries() {
    const { observed } = this.data;
    const { axes, svg } = this;
    const { values } = this.future;
    const first = observed.length;
    // The drawn line begins at the last observed value; its bands do not.
    part(svg, ".observed", SVGPolylineElement).setAttribute("points", points(axes, observed, 0));
    const line = values.length ? points(axes, [observed[first - 1], ...values], first - 1) : "";
    part(svg, ".drawn", SVGPolylineElement).setAttribute("points", line);
    for (const [name, reach] of Object.entries(REACH)) {
      const edge = this.draft.width ? band(axes, values, first, reach * this.draft.width) : "";
      part(svg, `.${name}`, SVGPolygonElement).setAttribute("points", edge);
    }
    /** @type {(value: number, i: number) => SVGElement} */
    const dot = (value, i) =>
      shape("circle", {
        class: i < first ? "seen" : "guess",
        cx: axes.x(i),
        cy: axes.y(value),
        r: i < first ? 2.5 : 3.5,
      });
    part(svg, ".dots", SVGGElement).replaceChildren(...[...observed, ...values].map(dot));
    const x = axes.x(first + this.draft.cursor);
    const cursor = part(svg, ".cursor", SVGLineElement);
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, String(x));
    cursor.setAttribute("y1", String(MARGIN.top));
    cursor.setAttribute("y2", String(this.plot.clientHeight - MARGIN.bottom));
    part(svg, "title", SVGTitleElement).textContent =
      `The observed values of frames 1 to ${first}: ` +
      observed.map((value) => value.toFixed(1)).join(", ");
  }

  #showControls() {
    const { pad, data, future } = this;
    const { cursor, width } = this.draft;
    const frame = data.observed.length + cursor + 1;
    const value = future.at(cursor);
    const drawn = cursor < future.values.length;
    pad.ariaValueMin = String(data.low);
    pad.ariaValueMax = String(data.high);
    pad.ariaValueNow = String(value);
    pad.ariaValueText = `Frame ${frame}: ${drawn ? value.toFixed(1) : "not drawn yet"}`;
    this.hint.hidden = future.values.length > 0;
    this.width.value = String(width);
    this.output.value = width.toFixed(2);
    const missing = data.horizon - future.values.length;
    this.submit.disabled = missing > 0;
    this.submit.title = missing ? `Frames left to draw: ${missing}` : "";
  }
}

/**
 * Show or update the drawing. Streamlit calls this on every rerun.
 *
 * @param {Component} component
 */
export default function mount(component) {
  const { parentElement } = component;
  const known = drawings.get(parentElement);
  const drawing = known ?? new Drawing(component);
  if (known) known.update(component);
  else drawings.set(parentElement, drawing);
  return () => {
    drawing.close();
    drawings.delete(parentElement);
  };
}
