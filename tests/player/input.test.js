import assert from "node:assert/strict";
import { test } from "node:test";

import { keyActions, oppositeEnd, regionBetween } from "../../assets/player/input.js";
import { readScore } from "../../assets/player/score.js";
import { View } from "../../assets/player/view.js";
import { payload } from "./payload.js";

const SCORE = readScore(payload(Array(32).fill([60])));

test("a region lies between two boundaries in any order", () => {
  assert.deepEqual(regionBetween(4, 8), [4, 7]);
  assert.deepEqual(regionBetween(8, 4), [4, 7]);
  assert.equal(regionBetween(4, 4), null);
});

test("the end of a region that is near the pointer is dragged, and the other one is fixed", () => {
  const view = new View(SCORE);
  view.layout(SCORE, 848, 346);
  assert.equal(oppositeEnd([4, 7], view, view.x(4) + 2), 8);
  assert.equal(oppositeEnd([4, 7], view, view.x(8) - 2), 4);
  assert.equal(oppositeEnd([4, 7], view, view.x(6)), null);
  assert.equal(oppositeEnd(null, view, view.x(4)), null);
});

/**
 * The calls of a player at `position` when a key is pressed.
 *
 * @param {string} key
 * @param {number} position
 */
function callsOf(key, position) {
  /** @type {unknown[][]} */
  const calls = [];
  const recorder = {
    /** @type {(target: object, name: string | symbol) => unknown} */
    get: (target, name) =>
      Reflect.get(target, name) ?? ((/** @type {unknown[]} */ ...given) => calls.push([name, ...given])),
  };
  const sound = new Proxy({ position }, recorder);
  const player = new Proxy({ score: SCORE, sound }, recorder);
  keyActions(/** @type {any} */ (player))[key]?.();
  return calls;
}

test("arrows move by a frame or a bar, from the boundaries of frames", () => {
  assert.deepEqual(callsOf("ArrowRight", 2.5), [["seek", 3]]);
  assert.deepEqual(callsOf("ArrowLeft", 2.5), [["seek", 2]]);
  assert.deepEqual(callsOf("ArrowLeft", 2), [["seek", 1]]);
  assert.deepEqual(callsOf("ArrowUp", 2), [["seek", 6]]);
  assert.deepEqual(callsOf("ArrowDown", 2), [["seek", -2]]);
  assert.deepEqual(callsOf("End", 2), [["seek", 32]]);
});

test("keys toggle the sound, edit the region and select notes; R and C do nothing", () => {
  assert.deepEqual(callsOf(" ", 0), [["toggle"]]);
  assert.deepEqual(callsOf("[", 0), [["moveRegionEdge", 0]]);
  assert.deepEqual(callsOf("]", 0), [["moveRegionEdge", 1]]);
  assert.deepEqual(callsOf("Escape", 0), [["clearRegion"]]);
  assert.deepEqual(callsOf("Enter", 0), [["selectNext"]]);
  assert.deepEqual([...callsOf("r", 0), ...callsOf("c", 0)], []);
});
