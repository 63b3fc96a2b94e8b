// Notes in voices and what a person does to them. Every function returns new notes.

import { clamp } from "../player/score.js";

/**
 * A note of a voice. A voice sounds one note at a time, so voice and start identify it.
 *
 * @typedef {object} VoiceNote
 * @property {number} voice number of the voice, 0 for the highest.
 * @property {number} pitch MIDI number.
 * @property {number} start first sixteenth.
 * @property {number} end the sixteenth after its last.
 * @property {boolean} locked whether a composition keeps it.
 */

/**
 * Notes in the order of their starts, and the voices that a composition keeps as a whole.
 *
 * @typedef {{notes: VoiceNote[], lockedVoices: number[]}} Draft
 */

/**
 * What a piece can have: its length in sixteenths, and the lowest and highest pitch of each voice.
 *
 * @typedef {{frames: number, ranges: [number, number][]}} Limits
 */

/** @typedef {{notes: VoiceNote[], keys: Set<string>}} Edited notes, and the keys of the changed. */

/** @param {VoiceNote} note */
export const noteKey = (note) => `${note.voice}:${note.start}`;

/** @param {VoiceNote} note */
const identityOf = (note) => `${note.voice}:${note.pitch}:${note.start}:${note.end}`;

/** @param {VoiceNote[]} notes */
const keysOf = (notes) => new Set(notes.map(noteKey));

/** @param {VoiceNote[]} notes */
export const inOrder = (notes) =>
  [...notes].sort((a, b) => a.start - b.start || a.voice - b.voice);

/**
 * The notes with these keys.
 *
 * @param {VoiceNote[]} notes
 * @param {Set<string>} keys
 */
export const chosen = (notes, keys) => notes.filter((note) => keys.has(noteKey(note)));

/**
 * Whether a composition keeps a note.
 *
 * @param {Draft} draft
 * @param {VoiceNote} note
 */
export const isKept = (draft, note) => note.locked || draft.lockedVoices.includes(note.voice);

/**
 * What is left of a note outside the sixteenths from `start` up to `end`.
 *
 * @param {VoiceNote} note
 * @param {number} start
 * @param {number} end
 */
function outside(note, start, end) {
  if (note.end <= start || note.start >= end) return [note];
  const parts = [];
  if (note.start < start) parts.push({ ...note, end: start });
  if (note.end > end) parts.push({ ...note, start: end });
  return parts;
}

/**
 * Add notes; they cut or replace what their voices have there.
 *
 * @param {VoiceNote[]} notes
 * @param {VoiceNote[]} added
 */
export function place(notes, added) {
  let placed = notes;
  for (const note of added) {
    placed = placed.flatMap((other) =>
      other.voice === note.voice ? outside(other, note.start, note.end) : [other],
    );
    placed.push(note);
  }
  return inOrder(placed);
}

/**
 * Remove the notes with these keys.
 *
 * @param {VoiceNote[]} notes
 * @param {Set<string>} keys
 */
export const remove = (notes, keys) => notes.filter((note) => !keys.has(noteKey(note)));

/**
 * Move notes as one group, as far as the piece and the ranges of their voices allow, and lock them.
 *
 * @param {VoiceNote[]} notes
 * @param {Set<string>} keys
 * @param {{steps: number, semitones: number}} by
 * @param {Limits} limits
 * @returns {Edited}
 */
export function move(notes, keys, by, limits) {
  const group = chosen(notes, keys);
  let { steps, semitones } = by;
  for (const { voice, pitch, start, end } of group) {
    const [lowest, highest] = limits.ranges[voice];
    steps = clamp(steps, -start, limits.frames - end);
    // A note that is out of its range already can only move back towards it.
    semitones = clamp(semitones, Math.min(0, lowest - pitch), Math.max(0, highest - pitch));
  }
  if (!steps && !semitones) return { notes, keys };
  const moved = group.map((note) => ({
    ...note,
    pitch: note.pitch + semitones,
    start: note.start + steps,
    end: note.end + steps,
    locked: true,
  }));
  return { notes: place(remove(notes, keys), moved), keys: keysOf(moved) };
}

/**
 * Move the ends of notes, down to one sixteenth, and lock them.
 *
 * @param {VoiceNote[]} notes
 * @param {Set<string>} keys
 * @param {number} steps
 * @param {Limits} limits
 * @returns {Edited}
 */
export function stretch(notes, keys, steps, limits) {
  const stretched = chosen(notes, keys).map((note) => {
    const end = clamp(note.end + steps, note.start + 1, limits.frames);
    return end === note.end ? note : { ...note, end, locked: true };
  });
  return { notes: place(remove(notes, keys), stretched), keys };
}

/**
 * Lock or free the notes with these keys.
 *
 * @param {VoiceNote[]} notes
 * @param {Set<string>} keys
 * @param {boolean} locked
 */
export const lock = (notes, keys, locked) =>
  notes.map((note) => (keys.has(noteKey(note)) ? { ...note, locked } : note));

/**
 * The note that a stroke draws: at least one unit of the grid, from where it began to where it is.
 *
 * @param {{voice: number, pitch: number}} of
 * @param {number} from sixteenth at which the stroke began, with a fraction.
 * @param {number} to sixteenth at which it is.
 * @param {number} unit of the grid, in sixteenths.
 * @param {Limits} limits
 * @returns {VoiceNote}
 */
export function drawn({ voice, pitch }, from, to, unit, limits) {
  const last = Math.max(0, limits.frames - 1);
  const anchor = Math.floor(clamp(from, 0, last) / unit) * unit;
  const here = clamp(to, 0, limits.frames);
  const start = Math.min(anchor, Math.floor(here / unit) * unit);
  const end = Math.max(anchor + unit, to >= anchor ? Math.ceil(here / unit) * unit : 0);
  const [lowest, highest] = limits.ranges[voice];
  return {
    voice,
    pitch: clamp(pitch, lowest, highest),
    start,
    end: Math.min(end, limits.frames),
    locked: true,
  };
}

/**
 * The note nearest to a point of the roll, or null if none is within reach.
 *
 * @param {VoiceNote[]} notes
 * @param {{frame: number, height: number}} point a pitch p takes the heights from p up to p + 1.
 * @param {{frames: number, semitones: number}} reach how far outside a note still counts.
 * @param {number} voice whose notes come first where several are equally near.
 */
export function nearest(notes, point, reach, voice) {
  let best = null;
  let least = Infinity;
  for (const note of notes) {
    const beside = Math.max(note.start - point.frame, 0, point.frame - note.end);
    const above = Math.max(note.pitch - point.height, 0, point.height - note.pitch - 1);
    if (beside > reach.frames || above > reach.semitones) continue;
    const inside = beside === 0 && above === 0;
    const distance = beside / (reach.frames || 1) + above / (reach.semitones || 1);
    const rank = (inside ? -1 : distance) - (note.voice === voice ? 0.5 : 0);
    if (rank < least) [best, least] = [note, rank];
  }
  return best;
}

/**
 * The next or the previous note of a voice.
 *
 * @param {VoiceNote[]} notes
 * @param {number} voice
 * @param {number} frame the note that starts there does not count.
 * @param {1 | -1} direction
 */
export function neighbour(notes, voice, frame, direction) {
  const line = notes.filter((note) => note.voice === voice);
  if (direction > 0) return line.find((note) => note.start > frame) ?? null;
  return line.findLast((note) => note.start < frame) ?? null;
}

/**
 * Whether two drafts have the same notes and keep the same ones. A lock of a note says nothing more
 * where its voice is locked.
 *
 * @param {Draft} a
 * @param {Draft} b
 */
export function sameDraft(a, b) {
  return (
    a === b ||
    (a.notes.length === b.notes.length &&
      a.lockedVoices.join() === b.lockedVoices.join() &&
      a.notes.every(
        (note, i) =>
          identityOf(note) === identityOf(b.notes[i]) && isKept(a, note) === isKept(b, b.notes[i]),
      ))
  );
}

/**
 * Carry over to `remote` what was done to `base` since: three drafts are merged.
 *
 * @param {Draft} base what both sides had.
 * @param {Draft} local what the person made of it.
 * @param {Draft} remote what the server made of it.
 * @returns {Draft}
 */
export function carryOver(base, local, remote) {
  const before = new Map(base.notes.map((note) => [identityOf(note), note]));
  const after = new Map(local.notes.map((note) => [identityOf(note), note]));
  // 1. Notes that the person removed go, and locks that the person changed are changed.
  const kept = remote.notes
    .filter((note) => !before.has(identityOf(note)) || after.has(identityOf(note)))
    .map((note) => {
      const [was, is] = [before.get(identityOf(note)), after.get(identityOf(note))];
      return was && is && was.locked !== is.locked ? { ...note, locked: is.locked } : note;
    });
  // 2. Notes that the person added are added.
  const added = local.notes.filter((note) => !before.has(identityOf(note)));
  // 3. Voices that the person locked or freed are locked or freed.
  const voices = [...new Set([...remote.lockedVoices, ...local.lockedVoices])].filter((voice) => {
    const [was, is] = [base.lockedVoices.includes(voice), local.lockedVoices.includes(voice)];
    return was === is ? remote.lockedVoices.includes(voice) : is;
  });
  return { notes: place(kept, added), lockedVoices: voices.sort((a, b) => a - b) };
}
