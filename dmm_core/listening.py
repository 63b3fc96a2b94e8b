"""From a model's frames to notes, MIDI and audio: what a person hears of it."""

import numpy as np
from torch import Tensor

from dmm_core.errors import DataError
from dmm_core.model import DMM
from dmm_core.music.midi import midi_from_notes
from dmm_core.music.pianoroll import (
    PITCHES,
    Note,
    notes_from_roll,
    rearticulates_by_default,
)
from dmm_core.runs.run import DataFacts
from dmm_core.sampling import sample

__all__ = ["TEMPO", "compose_midi", "require_piano", "to_notes", "to_roll"]

TEMPO = 90.0
"""Quarters a minute, unless asked otherwise."""

_FRAMES_HEARD = 64


def require_piano(data: DataFacts) -> int:
    """The grid (frames of a quarter) of a model of piano-rolls.

    Raises:
        DataError: if the model explains anything else.
    """
    if (data.kind, data.x_dim) != ("binary", PITCHES) or data.steps_per_quarter is None:
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


def compose_midi(model: DMM, epoch: int, steps_per_quarter: int = 1) -> bytes:
    """A short piece as MIDI, the same draws at every epoch so that only the model differs."""
    model_was_training = model.training
    drawn = sample(model, count=1, frames=_FRAMES_HEARD * steps_per_quarter, seed=0)
    model.train(model_was_training)
    notes = to_notes(to_roll(drawn.x[0]), steps_per_quarter=steps_per_quarter)
    return midi_from_notes(notes, tempo=TEMPO)
