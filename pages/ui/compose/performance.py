"""How a piano-roll is performed: tempo, instrument, swing, struck or tied notes."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.errors import ConfigError
from dmm_core.music.audio import render_wav
from dmm_core.music.midi import midi_from_notes
from dmm_core.music.pianoroll import Note, notes_from_roll
from dmm_core.music.score_write import musicxml_from_notes
from dmm_core.music.swing import STRAIGHT, SWINGS, swung

__all__ = [
    "INSTRUMENTS",
    "OCTAVES",
    "TEMPOS",
    "Instrument",
    "Performance",
    "midi",
    "score",
    "sound",
]

TEMPOS = (50, 240)
"""Slowest and fastest, in quarters a minute."""

OCTAVES = (-2, -1, 0, 1, 2)
"""By how many octaves music can be moved."""


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
"""What can play, by the name that stands in an address."""


@dataclass(frozen=True)
class Performance:
    """How music is played.

    Attributes:
        steps_per_quarter: frames of a quarter note.
        tempo: quarters a minute.
        rearticulate: strike every frame anew instead of tying equal neighbours.
        instrument: a name in `INSTRUMENTS`.
        swing: where the middle of a quarter note stands, as `dmm_core.music.swing` has it.

    Raises:
        ConfigError: if a value is out of bounds, whatever widget it came from.
    """

    steps_per_quarter: int
    tempo: int = 90
    rearticulate: bool = True
    instrument: str = "piano"
    swing: float = STRAIGHT

    def __post_init__(self) -> None:
        """Check the values."""
        if not TEMPOS[0] <= self.tempo <= TEMPOS[1]:
            raise ConfigError(
                f"The tempo is {TEMPOS[0]} to {TEMPOS[1]} quarters a minute, not {self.tempo}."
            )
        if self.instrument not in INSTRUMENTS:
            raise ConfigError(f"There is no instrument {self.instrument!r:.40}.")
        if not SWINGS[0] <= self.swing <= SWINGS[1]:
            raise ConfigError(f"The swing is {SWINGS[0]:g} to {SWINGS[1]:g}, not {self.swing:g}.")

    def notes(self, roll: np.ndarray) -> list[Note]:
        """The notes of a roll (T, 88) as they are played."""
        return swung(self.written(roll), tempo=self.tempo, swing=self.swing)

    def written(self, roll: np.ndarray) -> list[Note]:
        """The notes of a roll (T, 88) as a score has them: swing is a way to play, not to write."""
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
    """The WAV of a roll."""
    return render_wav(performance.notes(roll), program=performance.program)


def midi(roll: np.ndarray, performance: Performance) -> bytes:
    """The MIDI file of a roll; the same roll and performance give the same bytes."""
    return midi_from_notes(
        performance.notes(roll), tempo=performance.tempo, program=performance.program
    )


@st.cache_data(max_entries=24, show_spinner=False)
def score(roll: np.ndarray, performance: Performance, title: str) -> bytes:
    """The MusicXML file of a roll; the same roll and performance give the same bytes."""
    return musicxml_from_notes(performance.written(roll), tempo=performance.tempo, title=title)
