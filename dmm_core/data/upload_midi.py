"""The bytes of an untrusted MIDI file as a piano-roll, and what had to be changed on the way."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dmm_core.data.upload_report import UploadOptions
from dmm_core.errors import UploadError
from dmm_core.music.key import Key, estimate_key
from dmm_core.music.midi import MidiScore, read_midi
from dmm_core.music.pianoroll import GRIDS, HIGHEST, LOWEST, Note, roll_from_notes

__all__ = ["ParsedMidi", "parse_midi"]

_ON_GRID = 1e-6  # frames


class ParsedMidi(NamedTuple):
    """A file's music on the grid.

    Attributes:
        roll: (T, 88) boolean piano-roll.
        notes: number of notes in it.
        changes: what differs from the file, in plain sentences.
    """

    roll: np.ndarray
    notes: int
    changes: tuple[str, ...]


def parse_midi(data: bytes, options: UploadOptions) -> ParsedMidi:
    """Put the notes of a MIDI file on the grid that `options` ask for.

    Raises:
        UploadError: in one plain sentence, if the file is refused.
    """
    score = read_midi(data)
    changes = []
    if score.drums:
        changes.append(f"Left out {_count(score.drums, 'drum note')}.")
    if score.unreleased:
        changes.append(f"Left out {_count(score.unreleased, 'note')} without an end.")
    notes: Sequence[Note] = score.notes
    key = (score.key or _estimated_key(notes)) if options.transpose else None
    if key and key.shift:
        notes = [note._replace(pitch=note.pitch + key.shift) for note in notes]
        changes.append(_transposition(score, key))
    inside = [note for note in notes if LOWEST <= note.pitch <= HIGHEST]
    if outside := len(notes) - len(inside):
        changes.append(f"Left out {_count(outside, 'note')} outside the piano's range.")
    if not inside:
        raise UploadError("The MIDI file holds no notes that a piano can play.")
    steps = np.array([note.start for note in inside]) * options.steps_per_quarter
    if moved := int((np.abs(steps - np.rint(steps)) > _ON_GRID).sum()):
        grid = GRIDS[options.steps_per_quarter]
        changes.append(f"Moved {_count(moved, 'onset')} to the nearest {grid} note.")
    roll = roll_from_notes(inside, tempo=60, steps_per_quarter=options.steps_per_quarter)
    return ParsedMidi(roll, len(inside), tuple(changes))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _estimated_key(notes: Sequence[Note]) -> Key | None:
    weights = np.zeros(12)
    for note in notes:
        weights[note.pitch % 12] += note.end - note.start
    return estimate_key(weights)


def _transposition(score: MidiScore, key: Key) -> str:
    goal = "A minor" if key.minor else "C major"
    source = "by the key signature" if score.key else "by its notes"
    direction = "up" if key.shift > 0 else "down"
    return f"Moved {direction} {_count(abs(key.shift), 'semitone')}, {key} to {goal} ({source})."
