// The payload from Python as plain arrays, and conversions between frames, seconds and text.

/**
 * What pages/ui/player.py sends; arrays are encoded in base64.
 *
 * @typedef {object} Payload
 * @property {string} id changes with the sound or the time grid.
 * @property {string} title shown above the roll.
 * @property {number} height of the roll in CSS pixels.
 * @property {number} frames number of frames.
 * @property {number} stepsPerQuarter frames per quarter note.
 * @property {number} bar quarter notes per bar.
 * @property {number} upbeat quarter notes before the first full bar.
 * @property {number} tempo quarter notes per minute.
 * @property {number} swing position of the middle of a quarter note, 0.5 for straight rhythm.
 * @property {string[]} names names of the 88 pitches, lowest first.
 * @property {Range | null} composed first and last composed frame.
 * @property {Range | null} loop first and last frame of the initial loop region.
 * @property {boolean} rearticulate whether a note is struck again in every frame.
 * @property {string} roll (frames, 88) bits.
 * @property {string} wav the sound file.
 * @property {string | null} probabilities (frames, 88) bytes, 255 is 1.
 * @property {string | null} kl (frames,) 32-bit floats, in nats.
 * @property {[string, string, string] | null} path states and standard deviations, each (frames, 2)
 *   32-bit floats, and the caption.
 */

/** @typedef {[number, number]} Range first and last frame, both included. */

/**
 * A note; `end` is the frame after its last.
 *
 * @typedef {{pitch: number, start: number, end: number}} Note
 */

/**
 * A latent path: (frames, 2) states or their means, and standard deviations, row by row.
 *
 * @typedef {{loc: Float32Array, scale: Float32Array, caption: string}} Path
 */

/**
 * The payload, decoded.
 *
 * @typedef {object} Score
 * @property {number} frames number of frames.
 * @property {number} stepsPerQuarter frames per quarter note.
 * @property {number} framesPerBar frames per bar.
 * @property {number} upbeat frames before the first full bar.
 * @property {number} secondsPerQuarter seconds per quarter note.
 * @property {number} swing position of the middle of a quarter note.
 * @property {string[]} names names of the 88 pitches, lowest first.
 * @property {Range | null} composed first and last composed frame.
 * @property {Note[]} notes in the order of their starts.
 * @property {Int32Array} noteAt (frames, 88) index of the note in each cell, or -1.
 * @property {number} low lowest pitch that is shown.
 * @property {number} high highest pitch that is shown.
 * @property {Uint8Array | null} probabilities (frames, 88), 255 is 1.
 * @property {Float32Array | null} kl (frames,) in nats.
 * @property {number} klMax largest value of kl, or 0 without kl.
 * @property {Path | null} path the latent path.
 */

/** MIDI number of the first column of a roll (A0). */
export const LOWEST = 21;
/** Number of columns of a roll. */
export const PITCHES = 88;

const MIN_SHOWN_SEMITONES = 24;

/**
 * `value`, limited to the range from `least` to `most`.
 *
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
export const clamp = (value, least, most) => Math.max(least, Math.min(value, most));

/**
 * The bytes that `base64` encodes.
 *
 * @param {string} base64
 */
export function decodeBytes(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * The 32-bit floats that `base64` encodes.
 *
 * @param {string} base64
 */
export const decodeFloats = (base64) => new Float32Array(decodeBytes(base64).buffer);

/**
 * Decode a payload.
 *
 * @param {Payload} data
 * @returns {Score}
 */
export function readScore(data) {
  const { notes, noteAt } = readNotes(decodeBytes(data.roll), data.frames, data.rearticulate);
  const kl = data.kl ? decodeFloats(data.kl) : null;
  return {
    frames: data.frames,
    stepsPerQuarter: data.stepsPerQuarter,
    framesPerBar: data.stepsPerQuarter * data.bar,
    upbeat: data.stepsPerQuarter * data.upbeat,
    secondsPerQuarter: 60 / data.tempo,
    swing: data.swing,
    names: data.names,
    composed: data.composed,
    notes,
    noteAt,
    ...pitchRange(notes),
    probabilities: data.probabilities ? decodeBytes(data.probabilities) : null,
    kl,
    klMax: kl ? kl.reduce((most, value) => Math.max(most, value), 1e-6) : 0,
    path: data.path && {
      loc: decodeFloats(data.path[0]),
      scale: decodeFloats(data.path[1]),
      caption: data.path[2],
    },
  };
}

/**
 * The notes of a roll of packed bits, and for each cell the index of its note.
 *
 * @param {Uint8Array} packed
 * @param {number} frames
 * @param {boolean} rearticulate
 */
function readNotes(packed, frames, rearticulate) {
  const noteAt = new Int32Array(frames * PITCHES).fill(-1);
  /** @type {Note[]} */
  const notes = [];
  for (let cell = 0; cell < noteAt.length; cell++) {
    // The first cell of a byte is its highest bit.
    if (!(packed[cell >> 3] & (128 >> (cell & 7)))) continue;
    const frame = Math.floor(cell / PITCHES);
    const before = frame > 0 ? noteAt[cell - PITCHES] : -1;
    if (before >= 0 && !rearticulate) {
      // The same pitch in the previous frame: extend its note.
      notes[before].end = frame + 1;
      noteAt[cell] = before;
    } else {
      noteAt[cell] = notes.length;
      notes.push({ pitch: LOWEST + (cell % PITCHES), start: frame, end: frame + 1 });
    }
  }
  return { notes, noteAt };
}

/**
 * The frame, with a fraction, that sounds at `seconds`.
 *
 * With swing, the middle of a quarter note is delayed: both halves are mapped linearly.
 *
 * @param {Score} score
 * @param {number} seconds
 */
export function frameAt(score, seconds) {
  const quarters = seconds / score.secondsPerQuarter;
  const whole = Math.floor(quarters);
  const part = quarters - whole;
  const { swing } = score;
  const straight = part < swing ? part / (2 * swing) : 1 - (1 - part) / (2 * (1 - swing));
  return (whole + straight) * score.stepsPerQuarter;
}

/**
 * The time in seconds at which a frame sounds; the inverse of `frameAt`.
 *
 * @param {Score} score
 * @param {number} frame
 */
export function secondsAt(score, frame) {
  const quarters = frame / score.stepsPerQuarter;
  const whole = Math.floor(quarters);
  const part = quarters - whole;
  const { swing } = score;
  const swung = part < 0.5 ? 2 * swing * part : 1 - 2 * (1 - swing) * (1 - part);
  return (whole + swung) * score.secondsPerQuarter;
}

/**
 * The pitches to show: all notes with a margin, at least two octaves, within the keyboard.
 *
 * @param {Note[]} notes
 */
export function pitchRange(notes) {
  let low = notes.reduce((least, note) => Math.min(least, note.pitch), 127) - 3;
  let high = notes.reduce((most, note) => Math.max(most, note.pitch), 0) + 3;
  if (notes.length === 0) [low, high] = [48, 72];
  const missing = Math.max(0, MIN_SHOWN_SEMITONES - (high - low));
  low = Math.max(LOWEST, low - Math.ceil(missing / 2));
  high = Math.min(LOWEST + PITCHES - 1, high + Math.ceil(missing / 2));
  return { low, high };
}

/**
 * The notes that sound in `frame`, lowest first.
 *
 * @param {Score} score
 * @param {number} frame
 */
export function notesAt(score, frame) {
  /** @type {Note[]} */
  const found = [];
  if (frame < 0 || frame >= score.frames) return found;
  for (let column = 0; column < PITCHES; column++) {
    const index = score.noteAt[frame * PITCHES + column];
    if (index >= 0) found.push(score.notes[index]);
  }
  return found;
}

/** @param {number} pitch */
export const isBlackKey = (pitch) => [1, 3, 6, 8, 10].includes(pitch % 12);

/**
 * The name of a pitch in the key of the music, such as "E♭4".
 *
 * @param {Score} score
 * @param {number} pitch
 */
export const pitchName = (score, pitch) => score.names[pitch - LOWEST];

/**
 * Bar and beat of a frame, both counted from 1, such as "3:2". An upbeat is in bar 0.
 *
 * @param {Score} score
 * @param {number} frame
 */
export function barBeat(score, frame) {
  const whole = clamp(Math.floor(frame), 0, score.frames - 1) - score.upbeat;
  const bar = Math.floor(whole / score.framesPerBar);
  const beat = Math.floor((whole - bar * score.framesPerBar) / score.stepsPerQuarter);
  return `${bar + 1}:${beat + 1}`;
}

/**
 * Minutes, seconds and tenths of a second, such as "0:05.3".
 *
 * @param {number} seconds
 */
export function clockText(seconds) {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  const rest = String(Math.floor(tenths / 10) % 60).padStart(2, "0");
  return `${Math.floor(tenths / 600)}:${rest}.${tenths % 10}`;
}

/**
 * A cell of the roll in words, such as "E♭4 at 3:2, probability 0.75".
 *
 * @param {Score} score
 * @param {number} frame
 * @param {number} pitch
 */
export function describeCell(score, frame, pitch) {
  const byte = score.probabilities?.[frame * PITCHES + pitch - LOWEST];
  const probability = byte === undefined ? "" : `, probability ${(byte / 255).toFixed(2)}`;
  return `${pitchName(score, pitch)} at ${barBeat(score, frame)}${probability}`;
}
