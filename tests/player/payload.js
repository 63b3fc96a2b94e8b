// Payloads for the tests, encoded as pages/ui/player.py encodes them.

/** @import { Payload } from "../../assets/player/score.js" */

export const PITCHES = 88;

/** @param {ArrayBuffer} buffer */
const base64 = (buffer) => Buffer.from(buffer).toString("base64");

/** @param {number[]} values */
export const floats = (values) => base64(new Float32Array(values).buffer);

/**
 * A payload in which `pitches[t]` sound in frame t.
 *
 * @param {number[][]} pitches MIDI pitches of each frame.
 * @param {Partial<Payload>} [changes]
 * @returns {Payload}
 */
export function payload(pitches, changes = {}) {
  const packed = new Uint8Array(Math.ceil((pitches.length * PITCHES) / 8));
  pitches.forEach((chord, frame) => {
    for (const pitch of chord) {
      const cell = frame * PITCHES + pitch - 21;
      packed[cell >> 3] |= 128 >> (cell & 7);
    }
  });
  return {
    id: "a",
    title: "A song",
    height: 300,
    frames: pitches.length,
    stepsPerQuarter: 1,
    bar: 4,
    upbeat: 0,
    tempo: 120,
    swing: 0.5,
    names: Array.from({ length: PITCHES }, (_, column) => `p${column + 21}`),
    composed: null,
    loop: null,
    rearticulate: false,
    roll: base64(packed.buffer),
    wav: "",
    probabilities: null,
    kl: null,
    path: null,
    ...changes,
  };
}
