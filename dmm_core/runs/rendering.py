"""From a model's frames to notes, MIDI and audio: what a person hears of it."""

import numpy as np
from torch import Tensor

from dmm_core.data.spec import DataSpec
from dmm_core.errors import DataError
from dmm_core.inference.sampling import sample
from dmm_core.music.midi import midi_from_notes
from dmm_core.music.pianoroll import Note, notes_from_roll, rearticulates_by_default
from dmm_core.nn.dmm import DMM

__all__ = ["TEMPO", "compose_midi", "require_piano", "to_notes", "to_roll"]

TEMPO = 90.0
"""Quarters a minute, unless asked otherwise."""

_QUARTERS_HEARD = 32


def require_piano(data: DataSpec) -> int:
    """The grid (frames of a quarter) of a model of piano-rolls.

    Raises:
        DataError: if the model explains anything else.
    """
    if data.steps_per_quarter is None:
        raise DataError(
            f"The model explains {data.name}, {data.x_dim} {data.kind} features a frame, "
            f"and only a model of piano-rolls makes music."
        )
    return data.steps_per_quarter


def to_roll(x: Tensor) -> np.ndarray:
    """Frames (T, 88) of 0 and 1 as a boolean roll."""
    return x.cpu().numpy() > 0.5


def to_notes(roll: np.ndarray, *, steps_per_quarter: int, tempo: float = TEMPO) -> list[Note]:
    """The notes of a roll, re-articulated or tied as its grid asks for."""
    return notes_from_roll(
        roll,
        tempo=tempo,
        steps_per_quarter=steps_per_quarter,
        rearticulate=rearticulates_by_default(steps_per_quarter),
    )


def compose_midi(model: DMM, data: DataSpec) -> bytes:
    """A short piece as MIDI, from the same draws every time, so that only the model differs.

    Raises:
        DataError: if the model makes no music.
    """
    grid = require_piano(data)
    drawn = sample(model, count=1, frames=_QUARTERS_HEARD * grid, seed=0)
    return midi_from_notes(to_notes(to_roll(drawn.x[0]), steps_per_quarter=grid), tempo=TEMPO)
