import assert from "node:assert/strict";
import { test } from "node:test";

import {
  carryOver,
  drawn,
  lock,
  move,
  nearest,
  neighbour,
  noteKey,
  place,
  remove,
  stretch,
} from "../../assets/voices/notes.js";

/** @import { Draft, Limits, VoiceNote } from "../../assets/voices/notes.js" */

/** @type {Limits} */
const LIMITS = { frames: 32, ranges: [[60, 72], [48, 60]] };

/**
 * @param {number} voice
 * @param {number} pitch
 * @param {number} start
 * @param {number} end
 * @param {boolean} [locked]
 * @returns {VoiceNote}
 */
const note = (voice, pitch, start, end, locked = false) => ({ voice, pitch, start, end, locked });

/** @param {VoiceNote[]} notes */
const short = (notes) =>
  notes.map(({ voice, pitch, start, end, locked }) => `${voice} ${pitch} ${start}-${end}${locked ? "L" : ""}`);

/** @param {VoiceNote[]} notes */
const keys = (...notes) => new Set(notes.map(noteKey));

/**
 * @param {VoiceNote[]} notes
 * @param {number[]} [lockedVoices]
 * @returns {Draft}
 */
const draft = (notes, lockedVoices = []) => ({ notes, lockedVoices });

test("a note cuts and replaces those of its own voice only", () => {
  const before = [note(0, 60, 0, 8), note(0, 62, 8, 12), note(0, 64, 12, 16), note(1, 50, 0, 16)];
  assert.deepEqual(short(place(before, [note(0, 67, 6, 13, true)])), [
    "0 60 0-6",
    "1 50 0-16",
    "0 67 6-13L",
    "0 64 13-16",
  ]);
  assert.deepEqual(short(place([note(0, 60, 0, 8)], [note(0, 67, 2, 4)])), [
    "0 60 0-2",
    "0 67 2-4",
    "0 60 4-8",
  ]);
});

test("a stroke draws whole steps of the grid in either direction, within the piece and the range", () => {
  const of = { voice: 0, pitch: 65 };
  assert.deepEqual(short([drawn(of, 5.5, 5.5, 4, LIMITS)]), ["0 65 4-8L"]);
  assert.deepEqual(short([drawn(of, 5.5, 9, 4, LIMITS)]), ["0 65 4-12L"]);
  assert.deepEqual(short([drawn(of, 5.5, 1, 4, LIMITS)]), ["0 65 0-8L"]);
  assert.deepEqual(short([drawn(of, 31.9, 99, 2, LIMITS)]), ["0 65 30-32L"]);
  assert.deepEqual(short([drawn(of, 0, -5, 1, LIMITS)]), ["0 65 0-1L"]);
  assert.deepEqual(short([drawn({ voice: 1, pitch: 90 }, 1, 1, 1, LIMITS)]), ["1 60 1-2L"]);
});

test("notes move as a group, stop at the edges, and are locked", () => {
  const [a, b, c] = [note(0, 70, 0, 4), note(1, 50, 4, 8), note(0, 65, 8, 12)];
  const up = move([a, b, c], keys(a, b), { steps: 0, semitones: 5 }, LIMITS);
  assert.deepEqual(short(up.notes), ["0 72 0-4L", "1 52 4-8L", "0 65 8-12"]);
  const right = move([a, b, c], keys(a, b), { steps: 9, semitones: 0 }, LIMITS);
  assert.deepEqual(short(right.notes), ["0 65 8-9", "0 70 9-13L", "1 50 13-17L"]);
  assert.deepEqual([...right.keys], ["0:9", "1:13"]);
  const left = move([a, b, c], keys(b), { steps: -9, semitones: 0 }, LIMITS);
  assert.deepEqual([...left.keys], ["1:0"]);
  const still = [a, b, c];
  assert.equal(move(still, keys(a), { steps: -1, semitones: 0 }, LIMITS).notes, still);
});

test("a note out of its range can move back towards it, and no farther away", () => {
  const high = note(0, 80, 0, 4);
  const by = (/** @type {number} */ semitones) =>
    move([high], keys(high), { steps: 0, semitones }, LIMITS).notes[0].pitch;
  assert.deepEqual([by(1), by(-1), by(-30)], [80, 79, 60]);
});

test("an end moves down to one sixteenth and over the next note", () => {
  const [a, b] = [note(0, 60, 0, 4), note(0, 62, 4, 12)];
  assert.deepEqual(short(stretch([a, b], keys(a), -9, LIMITS).notes), ["0 60 0-1L", "0 62 4-12"]);
  assert.deepEqual(short(stretch([a, b], keys(a), 4, LIMITS).notes), ["0 60 0-8L", "0 62 8-12"]);
  assert.deepEqual(short(stretch([a, b], keys(b), 99, LIMITS).notes), ["0 60 0-4", "0 62 4-32L"]);
  assert.deepEqual(short(stretch([a, b], keys(a, b), 2, LIMITS).notes), ["0 60 0-4L", "0 62 4-14L"]);
});

test("notes are removed and locked by key", () => {
  const [a, b] = [note(0, 60, 0, 4), note(1, 50, 0, 4)];
  assert.deepEqual(short(remove([a, b], keys(a))), ["1 50 0-4"]);
  assert.deepEqual(short(lock([a, b], keys(b), true)), ["0 60 0-4", "1 50 0-4L"]);
});

test("the note under a point is that of the chosen voice, or the nearest within reach", () => {
  const notes = [note(0, 60, 0, 4), note(1, 60, 2, 6), note(0, 65, 8, 9)];
  const none = { frames: 0, semitones: 0 };
  assert.equal(nearest(notes, { frame: 3, height: 60.5 }, none, 0), notes[0]);
  assert.equal(nearest(notes, { frame: 3, height: 60.5 }, none, 1), notes[1]);
  assert.equal(nearest(notes, { frame: 5, height: 60.5 }, none, 0), notes[1]);
  assert.equal(nearest(notes, { frame: 8.5, height: 64.5 }, none, 0), null);
  assert.equal(nearest(notes, { frame: 8.5, height: 64.5 }, { frames: 1, semitones: 1 }, 0), notes[2]);
});

test("the neighbours of a place are those of one voice", () => {
  const notes = [note(0, 60, 0, 4), note(1, 50, 4, 8), note(0, 62, 8, 12)];
  assert.equal(neighbour(notes, 0, 0, 1), notes[2]);
  assert.equal(neighbour(notes, 0, 8, -1), notes[0]);
  assert.equal(neighbour(notes, 1, 4, 1), null);
});

test("strokes made meanwhile are carried over to what the server made of the earlier ones", () => {
  const base = draft([note(0, 60, 0, 4, true), note(0, 62, 4, 8), note(1, 50, 0, 4)], [1]);
  const local = draft([note(0, 60, 0, 4), note(1, 50, 0, 4), note(0, 67, 8, 12, true)], [0, 1]);
  const remote = draft(
    [note(0, 60, 0, 4, true), note(1, 55, 0, 4), note(0, 62, 4, 8), note(0, 64, 8, 16)],
    [1],
  );
  const merged = carryOver(base, local, remote);
  assert.deepEqual(short(merged.notes), ["0 60 0-4", "1 55 0-4", "0 67 8-12L", "0 64 12-16"]);
  assert.deepEqual(merged.lockedVoices, [0, 1]);
  assert.deepEqual(carryOver(base, base, remote), remote);
  assert.deepEqual(short(carryOver(base, local, base).notes), short(local.notes));
});
