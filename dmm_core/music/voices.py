"""Music in voices on a grid of sixteenths: the representation on which pieces are measured.

A piece has V voices, each of which sounds at most one note at a time. Its shortest note is a
sixteenth, and four sixteenths are a beat (a quarter note), whatever the meter is.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.pianoroll import GRIDS, HIGHEST, LOWEST, as_roll

__all__ = ["REST", "STEPS", "VoiceNote", "VoicedPiece", "voices_from_roll"]

STEPS = 4
"""Sixteenths of a beat."""

REST = -1
"""The pitch of a voice that is silent."""


class VoiceNote(NamedTuple):
    """A note of a voice.

    Attributes:
        pitch: MIDI number.
        start: first sixteenth, counted from 0.
        end: the sixteenth after its last.
    """

    pitch: int
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class VoicedPiece:
    """A piece in voices, the highest voice first.

    Attributes:
        pitches: (V, S) int16: the MIDI pitch that a voice sounds on a sixteenth, or `REST`. S is a
            multiple of 4.
        onsets: (V, S) bool: whether a note begins on that sixteenth. A pitch that differs from the
            one before it always begins a note.
        fermatas: (S / 4,) bool: whether the beat has a fermata; None where this is not known.

    Raises:
        DataError: if the shapes disagree, a note begins in silence, or a pitch changes without an
            onset.
    """

    pitches: np.ndarray
    onsets: np.ndarray
    fermatas: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check the arrays once."""
        pitches, onsets = self.pitches, self.onsets
        if pitches.ndim != 2 or pitches.shape[1] % STEPS or onsets.shape != pitches.shape:
            raise DataError(
                f"Pitches and onsets are (voices, sixteenths) with whole beats of {STEPS}, not "
                f"{pitches.shape} and {onsets.shape}."
            )
        if self.fermatas is not None and self.fermatas.shape != (self.beats,):
            raise DataError(f"There are {self.beats} beats, but {self.fermatas.shape} fermatas.")
        before = np.pad(pitches, ((0, 0), (1, 0)), constant_values=REST)[:, :-1]
        sounds = pitches != REST
        if (onsets & ~sounds).any() or (sounds & (pitches != before) & ~onsets).any():
            raise DataError("A note begins where its pitch does, and only there.")

    @property
    def beats(self) -> int:
        """Number of beats."""
        return self.pitches.shape[1] // STEPS

    @cached_property
    def on_beats(self) -> np.ndarray:
        """(V, beats): the pitches on the first sixteenth of each beat."""
        return self.pitches[:, ::STEPS]

    @property
    def roll(self) -> np.ndarray:
        """(S, 88) bool: the pitches of the piano that sound on each sixteenth."""
        columns = np.arange(LOWEST, HIGHEST + 1)
        return (self.pitches.T[..., None] == columns).any(1)

    def notes(self, voice: int) -> list[VoiceNote]:
        """The notes of a voice, in order."""
        return self._notes[voice]

    @cached_property
    def _notes(self) -> list[list[VoiceNote]]:
        """The notes of all voices: the measures of a piece ask for them many times."""
        return [self._notes_of(voice) for voice in range(len(self.pitches))]

    def _notes_of(self, voice: int) -> list[VoiceNote]:
        line, starts = self.pitches[voice], np.flatnonzero(self.onsets[voice])
        # A note ends where the next begins, or where the voice falls silent.
        stops = np.flatnonzero(self.onsets[voice] | (line == REST))
        after = np.searchsorted(stops, starts, side="right")
        ends = np.append(stops, len(line))[after]
        return [
            VoiceNote(int(line[start]), int(start), int(end))
            for start, end in zip(starts, ends, strict=True)
        ]

    def excerpt(self, first: int, beats: int) -> "VoicedPiece":
        """The beats from `first` on; a note that began before them begins with them."""
        cut = slice(first * STEPS, (first + beats) * STEPS)
        pitches, onsets = self.pitches[:, cut], self.onsets[:, cut].copy()
        if onsets.shape[1]:
            onsets[:, 0] = pitches[:, 0] != REST
        fermatas = None if self.fermatas is None else self.fermatas[first : first + beats]
        return VoicedPiece(pitches, onsets, fermatas)

    def transposed(self, semitones: int) -> "VoicedPiece":
        """The piece with every pitch moved by `semitones`."""
        moved = np.where(self.pitches == REST, REST, self.pitches + semitones)
        return VoicedPiece(moved.astype(np.int16), self.onsets, self.fermatas)

    def by_beats(self) -> "VoicedPiece":
        """The pitches on the beats, ranked and struck again on every beat.

        This is what a piano-roll with a frame for each quarter note keeps of a piece.
        """
        found = _ranked([np.unique(column[column != REST]) for column in self.on_beats.T], STEPS)
        return VoicedPiece(found.pitches, found.onsets, self.fermatas)


def voices_from_roll(roll: np.ndarray, *, steps_per_quarter: int) -> VoicedPiece:
    """Voices of a piano-roll, by ranking the notes of each frame.

    There are as many voices as the fullest frame has notes, but at least four. In every frame the
    highest note is in the first voice and the lowest in the last; the others fill the voices from
    the second on. On quarters every frame strikes its notes; on finer grids a pitch that stays in
    its voice is held.

    Args:
        roll: (T, 88) boolean, or 0 and 1.
        steps_per_quarter: frames per quarter note: 1, 2 or 4. A last beat that is not complete is
            filled with silence.

    Raises:
        DataError: if it is not a piano-roll, or the grid is another one.
    """
    on = as_roll(roll)
    if steps_per_quarter not in GRIDS:
        raise DataError(f"A quarter note has 1, 2 or 4 frames, not {steps_per_quarter}.")
    frames = [np.flatnonzero(row) + LOWEST for row in on]
    frames += [np.array([], dtype=np.int64)] * (-len(frames) % steps_per_quarter)
    return _ranked(frames, STEPS // steps_per_quarter)


def _ranked(frames: list[np.ndarray], steps: int) -> VoicedPiece:
    """Voices of frames that last `steps` sixteenths, each given by its pitches in rising order."""
    voices = max([4, *map(len, frames)])
    by_frame = np.full((voices, len(frames)), REST, dtype=np.int16)
    for t, pitches in enumerate(frames):
        if len(pitches):
            by_frame[: len(pitches) - 1, t] = pitches[:0:-1]
            by_frame[0 if len(pitches) == 1 else -1, t] = pitches[0]
    pitches = np.repeat(by_frame, steps, axis=1)
    onsets = np.zeros(pitches.shape, dtype=bool)
    onsets[:, ::steps] = by_frame != REST
    if steps < STEPS:
        onsets[:, steps::steps] &= by_frame[:, 1:] != by_frame[:, :-1]
    return VoicedPiece(pitches, onsets)
