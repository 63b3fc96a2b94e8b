import assert from "node:assert/strict";
import { test } from "node:test";

import { Exchange } from "../../assets/voices/exchange.js";
import { History } from "../../assets/voices/history.js";

/** @import { Draft } from "../../assets/voices/notes.js" */

/**
 * A draft of one voice with a locked note at each of these starts.
 *
 * @param {number[]} starts
 * @param {number} [pitch]
 * @returns {Draft}
 */
const melody = (starts, pitch = 60) => ({
  notes: starts.map((start) => ({ voice: 0, pitch, start, end: start + 4, locked: true })),
  lockedVoices: [],
});

/** @param {Draft} draft */
const starts = (draft) => draft.notes.map((note) => note.start);

test("a draft is sent under a new name with all its numbers", () => {
  const exchange = new Exchange("page", melody([]));
  assert.deepEqual(exchange.send(melody([4]), false), ["page-1", [0, 60, 4, 8, 1], [], false]);
  assert.deepEqual(exchange.send(melody([]), true), ["page-2", [], [], true]);
});

test("the same piece again changes nothing, whatever is drawn", () => {
  const exchange = new Exchange("page", melody([0]));
  const local = melody([0, 4]);
  assert.equal(exchange.receive(null, melody([0]), local), local);
  assert.equal(exchange.receive("another-9", melody([0]), local), local);
});

test("the answer to an earlier draft does not undo a later one", () => {
  const exchange = new Exchange("page", melody([]));
  exchange.send(melody([0]), false);
  exchange.send(melody([0, 4]), false);
  const local = melody([0, 4, 8]);
  assert.equal(exchange.receive("page-1", melody([0]), local), local);
  assert.equal(exchange.receive("page-2", melody([0, 4]), local), local);
  // The old piece, which a rerun for another reason brings once more, counts as no answer.
  exchange.send(local, false);
  assert.equal(exchange.receive("page-2", melody([0, 4]), local), local);
});

test("an answer that locks the notes of a locked voice one by one is no change", () => {
  const exchange = new Exchange("page", melody([]));
  const free = melody([0]).notes.map((note) => ({ ...note, locked: false }));
  const local = { notes: free, lockedVoices: [0] };
  exchange.send(local, false);
  assert.equal(exchange.receive("page-1", { ...melody([0]), lockedVoices: [0] }, local), local);
  const freed = exchange.receive("page-1", { notes: free, lockedVoices: [] }, local);
  assert.deepEqual(freed.lockedVoices, []);
});

test("a composition takes along what was drawn while it was made", () => {
  const exchange = new Exchange("page", melody([0]));
  exchange.send(melody([0]), true);
  assert.equal(exchange.composing, "page-1");
  const composed = melody([0, 4, 8, 12]);
  const got = exchange.receive("page-1", composed, melody([0, 20]));
  assert.deepEqual(starts(got), [0, 4, 8, 12, 20]);
  assert.equal(exchange.composing, null);
  assert.deepEqual(starts(exchange.latest), [0, 4, 8, 12], "so what was drawn is sent later");
});

test("a refused composition ends the waiting and keeps the notes", () => {
  const exchange = new Exchange("page", melody([0]));
  const local = melody([0]);
  exchange.send(local, true);
  assert.equal(exchange.receive("page-1", melody([0]), local), local);
  assert.equal(exchange.composing, null);
});

test("another piece of the page is new, with the strokes that the server has not seen", () => {
  const exchange = new Exchange("page", melody([0]));
  assert.deepEqual(starts(exchange.receive(null, melody([4], 65), melody([0]))), [4]);
  assert.deepEqual(starts(exchange.receive(null, melody([8], 66), melody([4, 20], 65))), [8, 20]);
});

test("undo and redo walk through the states, and a new one ends the redo", () => {
  const history = new History("a");
  assert.ok(!history.undo() && !history.redo());
  history.push("b");
  history.push("c");
  assert.ok(history.undo() && history.undo() && !history.undo());
  assert.equal(history.present, "a");
  assert.ok(history.redo());
  assert.equal(history.present, "b");
  history.push("d");
  assert.ok(!history.redo());
  assert.ok(history.undo());
  assert.equal(history.present, "b");
});
