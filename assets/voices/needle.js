// Where a moment of the music is in an engraved score, and which moment a place is.

/**
 * A place of the score at which something begins, in CSS pixels.
 *
 * @typedef {object} Anchor
 * @property {number} step sixteenth, with a fraction.
 * @property {number} x
 * @property {number} top of its system.
 * @property {number} bottom of its system.
 */

/** @typedef {{x: number, top: number, bottom: number}} NeedlePlace */

/**
 * The anchors in the order of time, one for each moment and system: the leftmost.
 *
 * @param {Anchor[]} anchors
 */
export function sortAnchors(anchors) {
  const sorted = [...anchors].sort((a, b) => a.step - b.step || a.top - b.top || a.x - b.x);
  return sorted.filter((anchor, i) => {
    const before = sorted[i - 1];
    return !before || before.step !== anchor.step || before.top !== anchor.top;
  });
}

/**
 * The place of a moment. Between two anchors of a system it moves evenly.
 *
 * @param {Anchor[]} anchors sorted; the end of each system has an anchor.
 * @param {number} step
 * @returns {NeedlePlace | null} null if there is no anchor.
 */
export function placeAt(anchors, step) {
  if (anchors.length === 0) return null;
  // The last anchor that is not later; at a line break this is the start of the next system.
  let [low, high] = [0, anchors.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (anchors[middle].step <= step) low = middle;
    else high = middle;
  }
  const [here, next] = [anchors[low], anchors[low + 1]];
  const { top, bottom } = here;
  if (!next || next.top !== top || step <= here.step) return { x: here.x, top, bottom };
  const part = (step - here.step) / (next.step - here.step);
  return { x: here.x + part * (next.x - here.x), top, bottom };
}

/**
 * The anchor at which a place of the score begins: that of the nearest system, not right of `x`.
 *
 * @param {Anchor[]} anchors sorted.
 * @param {number} x
 * @param {number} y
 * @param {number} reach pixels by which an anchor may be right of `x`.
 */
export function anchorNear(anchors, x, y, reach) {
  /** @type {(anchor: Anchor) => number} */
  const above = ({ top, bottom }) => Math.max(top - y, 0, y - bottom);
  const least = Math.min(...anchors.map(above));
  const line = anchors.filter((anchor) => above(anchor) === least);
  return line.findLast((anchor) => anchor.x <= x + reach) ?? line[0] ?? null;
}
