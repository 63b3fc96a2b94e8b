import assert from "node:assert/strict";
import { test } from "node:test";

import { PathGeometry } from "../../assets/player/latent.js";

const PATH = {
  loc: new Float32Array([0, 0, 4, 0, 4, 2]),
  scale: new Float32Array([1, 1, 1, 1, 1, 1]),
  caption: "",
};

test("both axes have the same scale, and the path with its band fits", () => {
  const geometry = new PathGeometry(PATH, 644, 844);
  assert.equal(geometry.unit, 100); // 6 units wide with the band, on 600 pixels
  const [a, b, c] = [0, 1, 2].map((frame) => geometry.at(frame));
  assert.equal(b.x - a.x, 400);
  assert.equal(b.y - c.y, 200); // y points up in the plane and down on the canvas
  assert.deepEqual([a.wide, a.high], [100, 100]);
  assert.equal(a.x - a.wide, 22);
});

test("the path is interpolated between frames and ends at the last one", () => {
  const geometry = new PathGeometry(PATH, 644, 844);
  assert.equal(geometry.at(0.25).x, geometry.at(0).x + 100);
  assert.deepEqual(geometry.at(9), geometry.at(2));
});

test("the nearest frame is found if it is near enough", () => {
  const geometry = new PathGeometry(PATH, 644, 844);
  const { x, y } = geometry.at(1);
  assert.equal(geometry.nearest(x + 5, y - 5), 1);
  assert.equal(geometry.nearest(x + 50, y + 50), null);
});

test("a path that does not move has a finite scale", () => {
  const still = { loc: new Float32Array(4), scale: new Float32Array(4), caption: "" };
  assert.ok(Number.isFinite(new PathGeometry(still, 100, 100).at(0).x));
});
