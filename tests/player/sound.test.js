import assert from "node:assert/strict";
import { test } from "node:test";

import { readScore } from "../../assets/player/score.js";
import { Sound } from "../../assets/player/sound.js";
import { payload } from "./payload.js";

/** An audio element as far as `Sound` uses it; its clock is moved by the tests. */
class FakeAudio {
  paused = true;
  currentTime = 0;
  src = "";
  /** @type {Error | null} */
  failure = null;
  async play() {
    if (this.failure) throw this.failure;
    this.paused = false;
  }
  pause() {
    this.paused = true;
  }
  load() {}
  removeAttribute() {
    this.src = "";
  }
}

/** A sound of 16 frames of half a second each. */
function soundOf() {
  const audio = new FakeAudio();
  /** @type {string[]} */
  const errors = [];
  const element = /** @type {HTMLAudioElement} */ (/** @type {unknown} */ (audio));
  const score = readScore(payload(Array(16).fill([60])));
  const sound = new Sound(element, score, () => {}, (message) => errors.push(message));
  return { audio, errors, sound };
}

test("the position is counted in frames, and is whole at the start of a frame", () => {
  const { audio, sound } = soundOf();
  sound.position = 3;
  assert.equal(audio.currentTime, 1.5);
  audio.currentTime = 1.4999995; // as a clock of microseconds rounds it
  assert.equal(sound.position, 3);
  audio.currentTime = 1.25;
  assert.equal(sound.position, 2.5);
  sound.position = 99;
  assert.equal(sound.position, 16);
});

test("a loop starts again at its end, and only while the sound plays", async () => {
  const { sound } = soundOf();
  sound.setLoop(true, [4, 7]);
  sound.position = 8;
  sound.wrap();
  assert.equal(sound.position, 8);
  await sound.play();
  assert.equal(sound.position, 4); // The position was outside the region.
  sound.position = 7.9;
  sound.wrap();
  assert.equal(sound.position, 7.9);
  sound.position = 8;
  sound.wrap();
  assert.equal(sound.position, 4);
  sound.stop();
  assert.equal(sound.playing, false);
  sound.setLoop(false, null);
  sound.stop();
  assert.equal(sound.position, 0);
});

test("a sound that has ended starts from the beginning", async () => {
  const { sound } = soundOf();
  sound.position = 16;
  await sound.play();
  assert.equal(sound.position, 0);
});

test("only one sound plays at a time", async () => {
  const [one, two] = [soundOf(), soundOf()];
  await one.sound.play();
  await two.sound.play();
  assert.deepEqual([one.sound.playing, two.sound.playing], [false, true]);
  one.sound.toggle();
  assert.deepEqual([one.sound.playing, two.sound.playing], [true, false]);
});

test("a refused start is reported, and an interrupted one is not", async () => {
  const { audio, errors, sound } = soundOf();
  audio.failure = new DOMException("", "AbortError");
  await sound.play();
  assert.deepEqual(errors, []);
  audio.failure = new DOMException("", "NotAllowedError");
  await sound.play();
  assert.deepEqual(errors, ["The browser did not start the sound."]);
});

test("a new sound has no loop and frees the memory of the old one", () => {
  const { audio, sound } = soundOf();
  sound.load(new Uint8Array(4), sound.score);
  const { src } = audio;
  assert.match(src, /^blob:/);
  sound.setLoop(true, [1, 2]);
  sound.load(new Uint8Array(4), sound.score);
  assert.deepEqual([sound.looping, sound.start, sound.end], [false, 0, 16]);
  assert.notEqual(audio.src, src);
  sound.release();
  assert.equal(audio.src, "");
});

test("another sound of the same frames goes on at the same frame", async () => {
  const { audio, sound } = soundOf();
  sound.setLoop(true, [4, 7]);
  sound.position = 5;
  await sound.play();
  sound.replace(new Uint8Array(), { ...sound.score, secondsPerQuarter: 0.25 });
  assert.equal(audio.currentTime, 1.25);
  assert.deepEqual([sound.position, sound.playing, sound.looping, sound.start], [5, true, true, 4]);
});
