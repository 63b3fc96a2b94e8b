"""Converts the frames of a model of music to notes and MIDI."""

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
"""The default tempo, in quarter notes per minute."""

_QUARTERS_HEARD = 32


def require_piano(data: DataSpec) -> int:
    """Check that a model explains piano-rolls, and return its frames per quarter note.

    Raises:
        DataError: if the model explains other data.
    """
    if data.is_voices:
        raise DataError(
            "The model explains chorales in four voices. The command sample composes with it, and "
            "harmonise sets a melody for it; this needs a model of piano-rolls."
        )
    if data.steps_per_quarter is None:
        raise DataError(
            f"The model explains {data.name}, with {data.x_dim} {data.kind} features per frame. "
            "Only a model of piano-rolls makes music."
        )
    return data.steps_per_quarter


def to_roll(x: Tensor) -> np.ndarray:
    """Frames (T, 88) of 0 and 1 as a boolean roll."""
    return x.cpu().numpy() > 0.5


def to_notes(roll: np.ndarray, *, steps_per_quarter: int, tempo: float = TEMPO) -> list[Note]:
    """The notes of a roll; `rearticulates_by_default` decides whether repeated frames are tied."""
    return notes_from_roll(
        roll,
        tempo=tempo,
        steps_per_quarter=steps_per_quarter,
        rearticulate=rearticulates_by_default(steps_per_quarter),
    )


def compose_midi(model: DMM, data: DataSpec) -> bytes:
    """Compose a short piece and return it as a MIDI file.

    The random numbers are always the same, so two pieces differ only if their models differ.

    Raises:
        DataError: if the model is not a model of piano-rolls.
    """
    grid = require_piano(data)
    drawn = sample(model, count=1, frames=_QUARTERS_HEARD * grid, seed=0)
    return midi_from_notes(to_notes(to_roll(drawn.x[0]), steps_per_quarter=grid), tempo=TEMPO)
