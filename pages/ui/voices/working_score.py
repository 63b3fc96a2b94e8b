"""The score that a person works on: notes in voices, which of them are kept, and its address.

A score is a plain value. The address of the page contains it as text, so a link restores it, and
everything that the page shows follows from it.
"""

import base64
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from dmm_core.data.voices import covariates_of, form_of
from dmm_core.errors import DataError
from dmm_core.music.meter import Meter
from dmm_core.music.symbols import HIGHEST_OF, LOWEST_OF, VOICES, decode_symbols
from dmm_core.music.voices import REST, STEPS, VoicedPiece

__all__ = [
    "MAX_BEATS",
    "ScoreNote",
    "WorkingScore",
    "empty_score",
    "score_from_text",
    "score_of_symbols",
]

MAX_BEATS = 256
"""Beats of the longest score; its sound still fits into a message to the page."""

_VERSION = 1
_MAX_TEXT = 12_000
_MAX_BYTES = 32_000
_LOCKED = 0x80


class ScoreNote(NamedTuple):
    """A note of a voice.

    Attributes:
        voice: its voice, 0 for the highest.
        pitch: MIDI number.
        start: first sixteenth, counted from 0.
        end: the sixteenth after its last.
        locked: whether it is kept when the rest is composed.
    """

    voice: int
    pitch: int
    start: int
    end: int
    locked: bool = False


@dataclass(frozen=True)
class WorkingScore:
    """Notes in four voices on a grid of sixteenths.

    Attributes:
        meter: of the piece.
        beats: its length, 1 to `MAX_BEATS`.
        notes: in order of voice and time; the notes of a voice do not overlap.
        locked_voices: voices that are kept as they are, with their rests.
        fermatas: beats with a fermata, in rising order. The model ends a phrase there.

    Raises:
        DataError: if a note or a number is out of bounds.
    """

    meter: Meter
    beats: int
    notes: tuple[ScoreNote, ...] = ()
    locked_voices: frozenset[int] = field(default_factory=frozenset)
    fermatas: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check the values."""
        if not 1 <= self.beats <= MAX_BEATS:
            raise DataError(f"A score has 1 to {MAX_BEATS} beats, not {self.beats}.")
        if list(self.notes) != sorted(self.notes, key=_place):
            raise DataError("The notes of a score are in order of voice and time.")
        last: dict[int, int] = {}
        for note in self.notes:
            _check_note(note, self.beats)
            if note.start < last.get(note.voice, 0):
                raise DataError(f"Two notes of the {VOICES[note.voice]} overlap.")
            last[note.voice] = note.end
        if not self.locked_voices <= set(range(len(VOICES))):
            raise DataError(f"The voices are 0 to {len(VOICES) - 1}.")
        if not set(self.fermatas) <= set(range(self.beats)):
            raise DataError(f"A fermata is on a beat from 0 to {self.beats - 1}.")

    @property
    def keeps_anything(self) -> bool:
        """Whether some notes or voices are kept when the rest is composed."""
        return bool(self.locked_voices) or any(note.locked for note in self.notes)

    @property
    def keeps_everything(self) -> bool:
        """Whether there is nothing to compose."""
        return bool(self.kept.all())

    @cached_property
    def piece(self) -> VoicedPiece:
        """The notes as a piece."""
        pitches = np.full((len(VOICES), self.beats * STEPS), REST, dtype=np.int16)
        onsets = np.zeros(pitches.shape, dtype=bool)
        for note in self.notes:
            pitches[note.voice, note.start : note.end] = note.pitch
            onsets[note.voice, note.start] = True
        fermatas = np.zeros(self.beats, dtype=bool)
        fermatas[list(self.fermatas)] = True
        return VoicedPiece(pitches, onsets, fermatas)

    @cached_property
    def kept(self) -> np.ndarray:
        """(4, S) bool: the sixteenths of locked notes and of locked voices."""
        kept = np.zeros((len(VOICES), self.beats * STEPS), dtype=bool)
        kept[sorted(self.locked_voices)] = True
        for note in self.notes:
            if note.locked:
                kept[note.voice, note.start : note.end] = True
        return kept

    @property
    def covariates(self) -> np.ndarray:
        """(beats, 16) float32, what the model is told: `dmm_core.data.voices.COVARIATES`."""
        fermatas = self.piece.fermatas
        assert fermatas is not None, "a score knows its fermatas"
        return covariates_of(
            fermatas, self.meter.positions(self.beats), self.meter.lengths(self.beats)
        )

    def with_piece(self, piece: VoicedPiece) -> "WorkingScore":
        """This score with the notes of `piece`. A note that was kept stays locked."""
        locked = {(note.voice, note.start, note.end) for note in self.notes if note.locked}
        notes = tuple(
            ScoreNote(voice, *note, locked=(voice, note.start, note.end) in locked)
            for voice in range(len(piece.pitches))
            for note in piece.notes(voice)
        )
        return replace(self, notes=notes)

    def with_notes(
        self, notes: Iterable[ScoreNote], locked_voices: frozenset[int]
    ) -> "WorkingScore":
        """This score with other notes and other locked voices.

        Raises:
            DataError: if a note is out of bounds, or notes of a voice overlap.
        """
        return replace(self, notes=tuple(sorted(notes, key=_place)), locked_voices=locked_voices)

    def with_form(self, meter: Meter, beats: int) -> "WorkingScore":
        """This score with another meter and length, and the phrases of `empty_score`.

        Notes keep their places. Those after the end are cut off.

        Raises:
            DataError: if the length is out of bounds.
        """
        end = beats * STEPS
        notes = tuple(n._replace(end=min(n.end, end)) for n in self.notes if n.start < end)
        return replace(empty_score(meter, beats), notes=notes, locked_voices=self.locked_voices)

    def to_text(self) -> str:
        """The score as text for an address; `score_from_text` reads it."""
        locked = sum(1 << voice for voice in self.locked_voices)
        data = bytearray((_VERSION, self.meter.beats, self.meter.upbeat, self.beats - 1, locked))
        data += bytes((len(self.fermatas), *self.fermatas))
        for voice in range(len(VOICES)):
            notes = [note for note in self.notes if note.voice == voice]
            data += _number(len(notes))
            end = 0
            for note in notes:
                data += _number(note.start - end) + _number(note.end - note.start)
                data.append(note.pitch | _LOCKED * note.locked)
                end = note.end
        return base64.urlsafe_b64encode(zlib.compress(bytes(data), 9)).decode().rstrip("=")


def empty_score(meter: Meter, beats: int) -> WorkingScore:
    """A score without notes, whose phrases have two bars, or one bar of more than four beats.

    With an upbeat, every phrase begins with one. The last beat has a fermata.

    Args:
        meter: of the piece.
        beats: its length, 1 to `MAX_BEATS`.

    Raises:
        DataError: if the length is out of bounds.
    """
    period = meter.beats * (2 if meter.beats <= 4 else 1)
    return WorkingScore(meter, beats, fermatas=(*range(period - 1, beats - 1, period), beats - 1))


def score_of_symbols(symbols: np.ndarray, covariates: np.ndarray) -> WorkingScore:
    """The score of a sequence of `jsb-m21-voices`, at most `MAX_BEATS` long, without locks.

    Args:
        symbols: (beats, 16) frames.
        covariates: (beats, 16), of the same frames.
    """
    form = form_of(covariates[:MAX_BEATS])
    fermatas = tuple(int(beat) for beat in np.flatnonzero(form.fermatas))
    score = WorkingScore(form.meter, len(symbols[:MAX_BEATS]), fermatas=fermatas)
    return score.with_piece(decode_symbols(symbols[:MAX_BEATS], form.fermatas))


def score_from_text(text: str) -> WorkingScore:
    """The score that `WorkingScore.to_text` wrote.

    Raises:
        DataError: if it is not such a text, or the score in it is not valid.
    """
    try:
        return _unpacked(text)
    except (ValueError, zlib.error, StopIteration, DataError) as error:
        raise DataError(
            "The score in this link is damaged. Copy the link again, or start a new score."
        ) from error


def _unpacked(text: str) -> WorkingScore:
    if len(text) > _MAX_TEXT:
        raise ValueError("the text is too long")
    packed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    unpacking = zlib.decompressobj()
    data = iter(unpacking.decompress(packed, _MAX_BYTES))
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("it does not end, or something follows")
    # A list and no generator, in which StopIteration would become a RuntimeError.
    version, beats_of_bar, upbeat, last_beat, locked, count = [next(data) for _ in range(6)]
    if version != _VERSION:
        raise ValueError("it is of another version")
    fermatas = tuple([next(data) for _ in range(count)])
    notes = []
    for voice in range(len(VOICES)):
        end = 0
        for _ in range(_read_number(data)):
            start = end + _read_number(data)
            end = start + _read_number(data)
            pitch = next(data)
            notes.append(ScoreNote(voice, pitch % _LOCKED, start, end, pitch >= _LOCKED))
    if next(data, None) is not None:
        raise ValueError("it goes on after its end")
    return WorkingScore(
        Meter(beats_of_bar, upbeat),
        last_beat + 1,
        tuple(notes),
        frozenset(voice for voice in range(8) if locked >> voice & 1),
        fermatas,
    )


def _place(note: ScoreNote) -> tuple[int, int]:
    return note.voice, note.start


def _check_note(note: ScoreNote, beats: int) -> None:
    if not 0 <= note.voice < len(VOICES):
        raise DataError(f"The voices are 0 to {len(VOICES) - 1}, not {note.voice}.")
    low, high = int(LOWEST_OF[note.voice]), int(HIGHEST_OF[note.voice])
    if not low <= note.pitch <= high:
        raise DataError(
            f"The {VOICES[note.voice]} has the MIDI pitches {low} to {high}, not {note.pitch}."
        )
    if not 0 <= note.start < note.end <= beats * STEPS:
        raise DataError(
            f"A note lies within the {beats * STEPS} sixteenths of the score, not from "
            f"{note.start} to {note.end}."
        )


def _number(value: int) -> bytes:
    """A number from 0 to 16,383 in one or two bytes."""
    return bytes((value,)) if value < _LOCKED else bytes((_LOCKED | value >> 7, value & 0x7F))


def _read_number(data: Iterator[int]) -> int:
    first = next(data)
    return first if first < _LOCKED else (first - _LOCKED) << 7 | next(data)
