import assert from "node:assert/strict";
import { test } from "node:test";

import { anchorNear, placeAt, sortAnchors } from "../../assets/voices/needle.js";

/** Two systems of eight sixteenths each, the second below the first; each ends with its bar line. */
const ANCHORS = sortAnchors([
  { step: 8, x: 10, top: 100, bottom: 150 },
  { step: 0, x: 12, top: 0, bottom: 50 },
  { step: 0, x: 10, top: 0, bottom: 50 },
  { step: 4, x: 30, top: 0, bottom: 50 },
  { step: 8, x: 70, top: 0, bottom: 50 },
  { step: 16, x: 50, top: 100, bottom: 150 },
]);

test("anchors are in the order of time, one for each moment and system", () => {
  assert.deepEqual(
    ANCHORS.map(({ step, x }) => [step, x]),
    [[0, 10], [4, 30], [8, 70], [8, 10], [16, 50]],
  );
});

test("the needle moves evenly between anchors and jumps to the next system at its start", () => {
  const at = (/** @type {number} */ step) => {
    const place = placeAt(ANCHORS, step);
    return place && [place.x, place.top];
  };
  assert.deepEqual([0, 2, 4, 6].map(at), [[10, 0], [20, 0], [30, 0], [50, 0]]);
  assert.deepEqual(at(7.75), [67.5, 0]);
  assert.deepEqual([8, 12, 16, 99].map(at), [[10, 100], [30, 100], [50, 100], [50, 100]]);
  assert.equal(placeAt([], 3), null);
});

test("a click finds the anchor before it in the nearest system", () => {
  assert.equal(anchorNear(ANCHORS, 35, 20, 4)?.step, 4);
  assert.equal(anchorNear(ANCHORS, 27, 20, 4)?.step, 4);
  assert.equal(anchorNear(ANCHORS, 25, 20, 4)?.step, 0);
  assert.equal(anchorNear(ANCHORS, 0, 90, 4)?.step, 8);
  assert.equal(anchorNear(ANCHORS, 60, 300, 4)?.step, 16);
  assert.equal(anchorNear([], 1, 1, 4), null);
});
