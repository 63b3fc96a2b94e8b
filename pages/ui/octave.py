"""The octave in which music is heard and drawn."""

import numpy as np

__all__ = ["LOWERED", "at_home", "octave_of", "shifted"]

LOWERED = (
    "Heard and drawn an octave lower than the data set has it, which is about where Bach's "
    "singers stand."
)
"""Says so on a page."""


def octave_of(data: str) -> int:
    """Octaves by which music of the data set called `data` is moved to be heard.

    The chorales of both sources were moved upward, by about an octave, so that they end on a C.
    """
    return -1 if data.split("-")[0] == "jsb" else 0


def at_home(x: np.ndarray, *, source: str, model: str) -> np.ndarray:
    """A roll (T, 88) of one data set, in the octave of another that a model was trained on.

    Moved by `octave_of` the model's data afterwards, it is heard where it was meant to be.

    Args:
        x: the roll.
        source: the data set that it is of, or "" for music that stands where it sounds.
        model: the data set of the model.
    """
    return shifted(x, octave_of(source) - octave_of(model))


def shifted(values: np.ndarray, octaves: int) -> np.ndarray:
    """(T, 88) values moved by octaves along the keyboard; what would leave it is left out."""
    semitones = 12 * octaves
    moved = np.zeros_like(values)
    if semitones > 0:
        moved[:, semitones:] = values[:, :-semitones]
    elif semitones < 0:
        moved[:, :semitones] = values[:, -semitones:]
    else:
        moved[:] = values
    return moved
