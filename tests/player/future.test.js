import assert from "node:assert/strict";
import { test } from "node:test";

import { Axes, Future, band, points, ticks } from "../../assets/drawing/future.js";

const LIMITS = { low: -20, high: 20 };

test("a spot far ahead is reached by a straight line from the last observed value", () => {
  const future = new Future(2, 5, LIMITS);
  future.put({ step: 3.2, value: 10 });
  assert.deepEqual(future.values, [4, 6, 8, 10]);
  assert.equal(future.complete, false);
  future.put({ step: 99, value: 99 });
  assert.deepEqual(future.values, [4, 6, 8, 10, 20]); // the last step, within the limits
  assert.equal(future.complete, true);
});

test("a fast stroke leaves no step out, in either direction", () => {
  const future = new Future(0, 6, LIMITS);
  future.stroke({ step: -0.4, value: 0 }, { step: 4.6, value: 5 });
  assert.deepEqual(future.values, [0.4, 1.4, 2.4, 3.4, 4.4, 5]);
  future.stroke({ step: 5, value: 0 }, { step: 1, value: 8 });
  assert.deepEqual(future.values, [0.4, 8, 6, 4, 2, 0]);
  future.clear();
  future.stroke({ step: 3, value: 6 }, { step: 2, value: 4 });
  assert.equal(future.values.length, 4);
  assert.deepEqual(future.values.slice(2), [4, 6]);
});

test("the drawing is extended with its last value", () => {
  const future = new Future(1.5, 4, LIMITS);
  assert.equal(future.at(2), 1.5);
  future.extendTo(1);
  future.put({ step: 1, value: future.at(1) + 0.5 });
  future.extendTo(3);
  future.extendTo(0);
  assert.deepEqual(future.values, [1.5, 2, 2, 2]);
});

test("places in the plot are found by their inverse", () => {
  const axes = new Axes(546, 348, 25, LIMITS);
  assert.equal(axes.column, 20);
  assert.equal(axes.frameAt(axes.x(17.25)), 17.25);
  assert.ok(Math.abs(axes.valueAt(axes.y(-3.5)) + 3.5) < 1e-9);
  assert.ok(axes.y(1) < axes.y(0));
});

test("a line and its band have the points of their values", () => {
  const axes = new Axes(546, 348, 25, LIMITS); // 20 pixels a frame, 7.5 a unit
  assert.equal(points(axes, [0, 2], 3), "108,158 128,143");
  assert.equal(band(axes, [0, 2], 3, 2), "108,143 128,128 128,158 108,173");
  assert.equal(band(axes, [], 3, 2), " ");
});

test("ticks are round and inside", () => {
  assert.deepEqual(ticks({ low: -23, high: 31 }, 7), [-20, -10, 0, 10, 20, 30]);
  assert.deepEqual(ticks({ low: 0, high: 1 }, 2), [0, 0.5, 1]);
});
