// The drawn future of a series, and where its frames and values are in the plot.

/** @typedef {{step: number, value: number}} Spot a step of the future, from 0, and its value. */
/** @typedef {{low: number, high: number}} Limits the range of values that can be drawn. */

/** @type {(value: number, low: number, high: number) => number} */
const limited = (value, low, high) => Math.min(high, Math.max(low, value));

/** The values drawn so far. They always begin at step 0 and have no gap. */
export class Future {
  /**
   * @param {number} last the last observed value, at step -1.
   * @param {number} horizon number of steps.
   * @param {Limits} limits
   */
  constructor(last, horizon, limits) {
    this.last = last;
    this.horizon = horizon;
    this.limits = limits;
    /** @type {number[]} */
    this.values = [];
  }

  get complete() {
    return this.values.length === this.horizon;
  }

  /**
   * The value at a step; where nothing is drawn yet, the value before it.
   *
   * @param {number} step
   */
  at(step) {
    return this.values[step] ?? this.values.at(-1) ?? this.last;
  }

  /**
   * Draw one value. Steps before it that are not drawn yet are filled with a straight line.
   *
   * @param {Spot} spot
   */
  put({ step, value }) {
    const end = { step: limited(Math.round(step), 0, this.horizon - 1), value };
    const drawn = this.values.length;
    if (end.step > drawn) this.#line({ step: drawn - 1, value: this.at(drawn) }, end);
    this.values[end.step] = this.#rounded(value);
  }

  /**
   * Draw a straight line between two spots, in either direction.
   *
   * @param {Spot} from
   * @param {Spot} to
   */
  stroke(from, to) {
    this.put(from);
    this.#line(from, to);
    this.put(to);
  }

  /**
   * Extend the drawing to a step with its last value.
   *
   * @param {number} step
   */
  extendTo(step) {
    if (step >= this.values.length) this.put({ step, value: this.at(step) });
  }

  clear() {
    this.values = [];
  }

  /**
   * Draw the whole steps between two spots.
   *
   * @param {Spot} from
   * @param {Spot} to
   */
  #line(from, to) {
    const [a, b] = from.step < to.step ? [from, to] : [to, from];
    const last = Math.min(Math.ceil(b.step) - 1, this.horizon - 1);
    for (let step = Math.max(0, Math.floor(a.step) + 1); step <= last; step += 1) {
      const share = (step - a.step) / (b.step - a.step);
      this.values[step] = this.#rounded(a.value + share * (b.value - a.value));
    }
  }

  /** @param {number} value */
  #rounded(value) {
    return Math.round(limited(value, this.limits.low, this.limits.high) * 100) / 100;
  }
}

/** Space around the plot for the labels of its axes, in CSS pixels. */
export const MARGIN = { left: 38, right: 8, top: 8, bottom: 40 };

/** Where frames and values are in a plot, in CSS pixels. */
export class Axes {
  /**
   * @param {number} width of the whole plot.
   * @param {number} height
   * @param {number} frames
   * @param {Limits} limits
   */
  constructor(width, height, frames, limits) {
    this.column = Math.max(1, width - MARGIN.left - MARGIN.right) / frames;
    this.span = Math.max(1, height - MARGIN.top - MARGIN.bottom);
    this.limits = limits;
  }

  /** @param {number} frame counted from 0. */
  x(frame) {
    return MARGIN.left + (frame + 0.5) * this.column;
  }

  /** @param {number} value */
  y(value) {
    const { low, high } = this.limits;
    return MARGIN.top + ((high - value) / (high - low)) * this.span;
  }

  /** @param {number} x */
  frameAt(x) {
    return (x - MARGIN.left) / this.column - 0.5;
  }

  /** @param {number} y */
  valueAt(y) {
    const { low, high } = this.limits;
    return high - ((y - MARGIN.top) / this.span) * (high - low);
  }
}

/**
 * Round numbers between two limits, at most about `most` of them.
 *
 * @param {Limits} limits
 * @param {number} most
 */
export function ticks({ low, high }, most) {
  const least = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

/**
 * The attribute `points` of a line through values.
 *
 * @param {Axes} axes
 * @param {number[]} values
 * @param {number} first frame of the first value.
 */
export function points(axes, values, first) {
  return values.map((value, i) => `${axes.x(first + i)},${axes.y(value)}`).join(" ");
}

/**
 * The attribute `points` of the band of values less and plus `reach`.
 *
 * @param {Axes} axes
 * @param {number[]} values
 * @param {number} first frame of the first value.
 * @param {number} reach
 */
export function band(axes, values, first, reach) {
  const above = points(axes, values.map((value) => value + reach), first);
  const below = points(axes, values.map((value) => value - reach), first);
  return `${above} ${below.split(" ").reverse().join(" ")}`;
}
