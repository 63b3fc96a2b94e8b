import assert from "node:assert/strict";
import { test } from "node:test";

import {
  barBeat,
  clockText,
  describeCell,
  frameAt,
  notesAt,
  pitchRange,
  readScore,
  secondsAt,
} from "../../assets/player/score.js";
import { PITCHES, floats, payload } from "./payload.js";

test("equal neighbours are one note, or one note per frame if they are struck again", () => {
  const chords = [[60, 64], [60], [], [60]];
  assert.deepEqual(readScore(payload(chords)).notes, [
    { pitch: 60, start: 0, end: 2 },
    { pitch: 64, start: 0, end: 1 },
    { pitch: 60, start: 3, end: 4 },
  ]);
  const struck = readScore(payload(chords, { rearticulate: true }));
  assert.deepEqual(
    struck.notes.filter((note) => note.pitch === 60).map((note) => note.start),
    [0, 1, 3],
  );
});

test("the lowest and the highest key are read", () => {
  const { notes, low, high } = readScore(payload([[21, 108]]));
  assert.deepEqual(notes.map((note) => note.pitch), [21, 108]);
  assert.deepEqual([low, high], [21, 108]);
});

test("every cell knows its note", () => {
  const score = readScore(payload([[60], [60, 67]]));
  assert.deepEqual(notesAt(score, 1).map((note) => note.pitch), [60, 67]);
  assert.deepEqual(notesAt(score, 2), []);
  assert.deepEqual(notesAt(score, -1), []);
});

test("probabilities, kl and path are decoded", () => {
  const bytes = new Uint8Array(PITCHES).fill(51);
  const score = readScore(
    payload([[60]], {
      probabilities: Buffer.from(bytes).toString("base64"),
      kl: floats([2.5]),
      path: [floats([1, 2]), floats([3, 4]), "A plane."],
    }),
  );
  assert.equal(describeCell(score, 0, 60), "p60 at 1:1, probability 0.20");
  assert.deepEqual([...(score.kl ?? [])], [2.5]);
  assert.equal(score.klMax, 2.5);
  assert.deepEqual([...(score.path?.scale ?? [])], [3, 4]);
  assert.equal(describeCell(readScore(payload([[60]])), 0, 60), "p60 at 1:1");
});

for (const swing of [0.5, 2 / 3, 0.75]) {
  test(`frames and seconds are inverse to each other with a swing of ${swing}`, () => {
    const score = readScore(payload(Array(16).fill([60]), { stepsPerQuarter: 4, swing }));
    for (let frame = 0; frame <= 16; frame += 0.25) {
      assert.ok(Math.abs(frameAt(score, secondsAt(score, frame)) - frame) < 1e-9);
    }
    // The middle of the second quarter note, which lasts half a second.
    assert.ok(Math.abs(secondsAt(score, 6) - (0.5 + 0.5 * swing)) < 1e-9);
  });
}

test("at least two octaves are shown, within the keyboard", () => {
  assert.deepEqual(pitchRange([]), { low: 48, high: 72 });
  assert.deepEqual(pitchRange([{ pitch: 60, start: 0, end: 1 }]), { low: 48, high: 72 });
  assert.equal(pitchRange([{ pitch: 22, start: 0, end: 1 }]).low, 21);
  assert.equal(pitchRange([{ pitch: 107, start: 0, end: 1 }]).high, 108);
});

test("bars and beats are counted from one, and the end belongs to the last frame", () => {
  const score = readScore(payload(Array(40).fill([]), { stepsPerQuarter: 2 }));
  assert.deepEqual([0, 2, 8, 39.5, 40].map((frame) => barBeat(score, frame)), [
    "1:1",
    "1:2",
    "2:1",
    "5:4",
    "5:4",
  ]);
});

test("bars follow the meter, and an upbeat is in bar 0", () => {
  const score = readScore(payload(Array(40).fill([]), { stepsPerQuarter: 4, bar: 3, upbeat: 1 }));
  assert.deepEqual([0, 4, 12, 16].map((frame) => barBeat(score, frame)), [
    "0:3",
    "1:1",
    "1:3",
    "2:1",
  ]);
});

test("times have minutes, seconds and tenths", () => {
  assert.deepEqual([0, 5.3, 59.99, 60, 754.25].map(clockText), [
    "0:00.0",
    "0:05.3",
    "0:59.9",
    "1:00.0",
    "12:34.2",
  ]);
});
