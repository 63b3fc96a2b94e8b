"""The performance of a piano-roll: tempo, instrument, swing, struck or tied notes."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.errors import ConfigError
from dmm_core.music.audio import render_wav
from dmm_core.music.midi import midi_from_notes
from dmm_core.music.pianoroll import Note, notes_from_roll
from dmm_core.music.score_write import musicxml_from_notes
from dmm_core.music.swing import STRAIGHT, SWINGS, apply_swing

__all__ = [
    "INSTRUMENTS",
    "OCTAVES",
    "TEMPOS",
    "Instrument",
    "Performance",
    "check_playing",
    "midi",
    "score",
    "sound",
]

TEMPOS = (50, 240)
"""Slowest and fastest tempo in quarter notes per minute."""

OCTAVES = (-2, -1, 0, 1, 2)
"""Octaves by which music can be transposed."""


class Instrument(NamedTuple):
    """An instrument's title and its General MIDI program, counted from 0."""

    title: str
    program: int


INSTRUMENTS = {
    "piano": Instrument("Grand piano", 0),
    "electric-piano": Instrument("Electric piano", 4),
    "harpsichord": Instrument("Harpsichord", 6),
    "music-box": Instrument("Music box", 10),
    "vibraphone": Instrument("Vibraphone", 11),
    "marimba": Instrument("Marimba", 12),
    "organ": Instrument("Church organ", 19),
    "guitar": Instrument("Nylon guitar", 24),
    "strings": Instrument("String ensemble", 48),
    "choir": Instrument("Choir", 52),
    "brass": Instrument("Brass section", 61),
    "flute": Instrument("Flute", 73),
}
"""All instruments by their name in the address."""


def check_playing(tempo: int, instrument: str) -> None:
    """Check a tempo in quarter notes per minute, and the name of an instrument.

    Raises:
        ConfigError: if one of them is not offered.
    """
    if not TEMPOS[0] <= tempo <= TEMPOS[1]:
        raise ConfigError(
            f"The tempo must be {TEMPOS[0]} to {TEMPOS[1]} quarter notes per minute, not {tempo}."
        )
    if instrument not in INSTRUMENTS:
        raise ConfigError(
            f"There is no instrument {instrument!r:.40}; the instruments are "
            f"{', '.join(INSTRUMENTS)}."
        )


@dataclass(frozen=True)
class Performance:
    """How a piano-roll is played.

    Attributes:
        steps_per_quarter: frames per quarter note.
        tempo: quarter notes per minute.
        rearticulate: whether a note is struck again in every frame. If False, equal neighbours are
            tied.
        instrument: a name in `INSTRUMENTS`.
        swing: position of the middle of a quarter note, as in `dmm_core.music.swing`.

    Raises:
        ConfigError: if a value is out of bounds.
    """

    steps_per_quarter: int
    tempo: int = 90
    rearticulate: bool = True
    instrument: str = "piano"
    swing: float = STRAIGHT

    def __post_init__(self) -> None:
        """Validate the values."""
        check_playing(self.tempo, self.instrument)
        if not SWINGS[0] <= self.swing <= SWINGS[1]:
            raise ConfigError(
                f"The swing must be {SWINGS[0]:g} to {SWINGS[1]:g}, not {self.swing:g}."
            )

    def notes(self, roll: np.ndarray) -> list[Note]:
        """The notes of a roll (T, 88) as they are played, with swing."""
        return apply_swing(self.written(roll), tempo=self.tempo, swing=self.swing)

    def written(self, roll: np.ndarray) -> list[Note]:
        """The notes of a roll (T, 88) as they are written in a score, without swing."""
        return notes_from_roll(
            roll,
            tempo=self.tempo,
            steps_per_quarter=self.steps_per_quarter,
            rearticulate=self.rearticulate,
        )

    @property
    def program(self) -> int:
        """General MIDI program of the instrument."""
        return INSTRUMENTS[self.instrument].program


@st.cache_data(max_entries=24, show_spinner=False)
def sound(roll: np.ndarray, performance: Performance) -> bytes:
    """The WAV file of a roll (T, 88)."""
    return render_wav(performance.notes(roll), program=performance.program)


def midi(roll: np.ndarray, performance: Performance) -> bytes:
    """The MIDI file of a roll (T, 88); the same roll and performance give the same bytes."""
    return midi_from_notes(
        performance.notes(roll), tempo=performance.tempo, program=performance.program
    )


@st.cache_data(max_entries=24, show_spinner=False)
def score(roll: np.ndarray, performance: Performance, title: str) -> bytes:
    """The MusicXML file of a roll (T, 88); the same roll and performance give the same bytes."""
    return musicxml_from_notes(performance.written(roll), tempo=performance.tempo, title=title)
