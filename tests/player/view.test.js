import assert from "node:assert/strict";
import { test } from "node:test";

import { readScore } from "../../assets/player/score.js";
import { View } from "../../assets/player/view.js";
import { floats, payload } from "./payload.js";

/**
 * @param {number} frames
 * @param {Partial<import("../../assets/player/score.js").Payload>} [changes]
 */
function viewOf(frames, changes) {
  const score = readScore(payload(Array(frames).fill([60]), changes));
  const view = new View(score);
  view.layout(score, 848, 346); // 48 pixels of keyboard, 300 of rows
  return view;
}

test("frames and pitches are where their inverse finds them", () => {
  const view = viewOf(400);
  view.scrollTo(123);
  assert.ok(Math.abs(view.frameAtX(view.x(37.5)) - 37.5) < 1e-9);
  for (const pitch of [view.score.low, 60, view.score.high]) {
    assert.equal(view.pitchAt(view.y(pitch) + 1), pitch);
  }
});

test("zooming keeps the frame at the pointer, within the limits", () => {
  const view = viewOf(4000);
  view.scrollTo(5000);
  const frame = view.frameAtX(400);
  view.zoomBy(2, 400);
  assert.ok(Math.abs(view.frameAtX(400) - frame) < 1e-9);
  view.zoomBy(1e9, 400);
  assert.equal(view.zoom, view.maxZoom);
  view.zoomBy(1e-9, 400);
  assert.equal(view.zoom, view.minZoom);
  assert.equal(view.scroll, 0);
});

test("the whole piece fits, and a reset returns to the initial zoom", () => {
  const view = viewOf(4000);
  const initial = view.zoom;
  view.fit();
  assert.ok(Math.abs(view.contentWidth - view.span) < 1e-9);
  view.reset();
  assert.equal(view.zoom, initial);
});

test("scrolling stops at both ends", () => {
  const view = viewOf(400);
  view.scrollTo(-5);
  assert.equal(view.scroll, 0);
  view.scrollTo(1e9);
  assert.ok(Math.abs(view.x(400) - view.width) < 1e-9);
});

test("zones cover the canvas, with a strip only if there is a kl", () => {
  const view = viewOf(2, { kl: floats([1, 2]) });
  const zones = [10, 30, 300, 340].map((y) => view.zone(100, y));
  assert.deepEqual(zones, ["ruler", "roll", "strip", "overview"]);
  assert.equal(view.zone(10, 100), "keyboard");
  assert.equal(viewOf(2).zone(100, 300), "roll");
  assert.ok(view.stripY(2) < view.stripY(1) && view.stripY(1) < view.stripY(0));
});

test("a region snaps to the finest unit that is wide enough", () => {
  const view = viewOf(4000, { stepsPerQuarter: 4 });
  view.chosenZoom = 8;
  assert.equal(view.snapUnit, 1);
  view.chosenZoom = 2;
  assert.equal(view.snapUnit, 4);
  assert.equal(view.snappedFrame(view.x(9.7)), 8);
  view.chosenZoom = 0.5;
  assert.equal(view.snapUnit, 16);
  assert.equal(view.snappedFrame(1e9), 4000);
});

test("a hidden frame is revealed, and a visible one does not scroll", () => {
  const view = viewOf(4000);
  view.reveal(10);
  assert.equal(view.scroll, 0);
  view.reveal(2000);
  assert.ok(view.x(2000) >= view.gutter && view.x(2000) <= view.width);
  const { scroll } = view;
  view.reveal(2001);
  assert.equal(view.scroll, scroll);
});

test("gliding does not depend on the frame rate", () => {
  const [once, often] = [viewOf(4000), viewOf(4000)];
  once.glide(1000, 0.1);
  for (let step = 0; step < 10; step++) often.glide(1000, 0.01);
  assert.ok(once.scroll > 0 && Math.abs(once.scroll - often.scroll) < 1e-6);
});

test("a short note is still visible, and its corners fit", () => {
  const view = viewOf(4000);
  view.fit();
  const box = view.noteBox({ pitch: 60, start: 10, end: 11 });
  assert.equal(box.width, 1.5);
  assert.ok(box.radius <= box.width / 2 && box.radius <= box.height / 2);
});
