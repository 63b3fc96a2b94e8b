// The payload from Python as a draft, a time grid and the chances of notes.

import { decodeBytes, decodeFloats } from "../player/score.js";
import { inOrder } from "./notes.js";

/** @import { Path, Score } from "../player/score.js" */
/** @import { Draft, Limits, VoiceNote } from "./notes.js" */

/**
 * What pages/ui/voices_player.py sends; arrays are encoded in base64.
 *
 * @typedef {object} VoicesPayload
 * @property {string} id changes with the sound.
 * @property {string} title shown above the roll.
 * @property {number} height of the roll in CSS pixels.
 * @property {number} frames number of sixteenths.
 * @property {number} beats beats per bar.
 * @property {number} upbeat beats before the first full bar.
 * @property {number} tempo quarter notes per minute.
 * @property {string[]} names names of the 88 pitches, lowest first.
 * @property {string[]} voices names of the voices, highest first.
 * @property {[number, number][]} ranges lowest and highest pitch of each voice.
 * @property {string} notes (notes, 5) 16-bit integers: voice, pitch, start, end, locked.
 * @property {string | null} chances (notes,) bytes, 255 is 1.
 * @property {number[]} lockedVoices
 * @property {string | null} answered the last draft of the page that is part of this piece.
 * @property {boolean} canCompose
 * @property {string} wav the sound file.
 * @property {boolean} hasScore whether there is a score to ask for.
 * @property {string | null} musicxml the score, once it was asked for.
 * @property {string | null} engraver the gzipped library that draws it, once it was asked for.
 * @property {[string, string, string] | null} path states and standard deviations, each (beats, 2)
 *   32-bit floats, and the caption.
 */

/**
 * A piece in voices, decoded.
 *
 * @typedef {object} Piece
 * @property {Draft} draft
 * @property {Limits} limits
 * @property {Score} score its time grid on sixteenths, without notes.
 * @property {Score} beatScore its time grid on beats, with the latent path.
 * @property {Path | null} path
 * @property {Map<string, number>} chances of unchanged notes, by `chanceKey`.
 */

const STEPS = 4; // sixteenths per beat
const MARGIN_SEMITONES = 1;

/** @param {VoiceNote} note */
export const chanceKey = ({ voice, pitch, start, end }) => `${voice} ${pitch} ${start} ${end}`;

/**
 * Decode a payload.
 *
 * @param {VoicesPayload} data
 * @returns {Piece}
 */
export function readPiece(data) {
  const numbers = new Int16Array(decodeBytes(data.notes).buffer);
  const bytes = data.chances === null ? null : decodeBytes(data.chances);
  /** @type {VoiceNote[]} */
  const notes = [];
  /** @type {Map<string, number>} */
  const chances = new Map();
  for (let i = 0; i < numbers.length; i += 5) {
    const [voice, pitch, start, end, locked] = numbers.subarray(i, i + 5);
    const note = { voice, pitch, start, end, locked: locked === 1 };
    notes.push(note);
    if (bytes) chances.set(chanceKey(note), bytes[i / 5] / 255);
  }
  const pitches = [...data.ranges.flat(), ...notes.map((note) => note.pitch)];
  const path = data.path && {
    loc: decodeFloats(data.path[0]),
    scale: decodeFloats(data.path[1]),
    caption: data.path[2],
  };
  /** @type {Score} */
  const score = {
    frames: data.frames,
    stepsPerQuarter: STEPS,
    framesPerBar: STEPS * data.beats,
    upbeat: STEPS * data.upbeat,
    secondsPerQuarter: 60 / data.tempo,
    swing: 0.5,
    names: data.names,
    composed: null,
    notes: [],
    noteAt: new Int32Array(0),
    low: Math.min(...pitches) - MARGIN_SEMITONES,
    high: Math.max(...pitches) + MARGIN_SEMITONES,
    probabilities: null,
    kl: null,
    klMax: 0,
    path: null,
  };
  return {
    draft: { notes: inOrder(notes), lockedVoices: [...data.lockedVoices] },
    limits: { frames: data.frames, ranges: data.ranges },
    score,
    beatScore: {
      ...score,
      frames: data.frames / STEPS,
      stepsPerQuarter: 1,
      framesPerBar: data.beats,
      upbeat: data.upbeat,
      path,
    },
    path,
    chances,
  };
}
