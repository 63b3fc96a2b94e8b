"""Transposes a piece to the octave and key of a model's training data, and back."""

from typing import NamedTuple

import numpy as np

from dmm_core.music.key import Key, key_of_roll

__all__ = [
    "PitchReference",
    "Transposition",
    "describe_semitones",
    "pitch_reference",
    "transposed",
    "transposition_for_model",
]


class PitchReference(NamedTuple):
    """Octave and key of the music in a data set.

    Attributes:
        raised: semitones by which the pieces of the data set are above their sounding pitch.
        tonic: pitch class on which all pieces end, or None if they are in different keys.
    """

    raised: int = 0
    tonic: int | None = None


class Transposition(NamedTuple):
    """Transposition of a piece for a model.

    Attributes:
        octaves: semitones to the octave of the model's data, a multiple of 12; positive is up.
        by_key: further semitones to the key of the model's data; positive is up.
        key: key estimated from the notes, or None if it was not needed or not found.
    """

    octaves: int
    by_key: int = 0
    key: Key | None = None

    @property
    def semitones(self) -> int:
        """Return the total number of semitones; positive is up."""
        return self.octaves + self.by_key


def pitch_reference(data: str) -> PitchReference:
    """Return the octave and key of the music in the data set called `data`.

    The chorales of both sources are transposed up by 6 to 17 semitones so that they end on a C.
    Most of them are then in C major or C minor, about an octave above the original.
    """
    return PitchReference(12, 0) if data.split("-")[0] == "jsb" else PitchReference()


def transposition_for_model(x: np.ndarray, *, source: str, model: str) -> Transposition:
    """Return the transposition of a piece to the octave and key of a model's training data.

    The piece is transposed by key only if all pieces of the model's data end on one pitch class and
    those of `source` do not; it then moves by at most 6 semitones. Its key is estimated from its
    notes with the profiles of Krumhansl and Kessler (see `estimate_key`).

    Args:
        x: (T, 88) piano-roll of the piece.
        source: name of the data set of the piece, or "" for music at its sounding pitch.
        model: name of the data set on which the model was trained.
    """
    target, own = pitch_reference(model), pitch_reference(source)
    octaves = target.raised - own.raised
    if target.tonic is None or target.tonic == own.tonic:
        return Transposition(octaves)
    key = key_of_roll(x)
    by_key = 0 if key is None else (target.tonic - key.tonic + 6) % 12 - 6
    return Transposition(octaves, by_key, key)


def transposed(values: np.ndarray, semitones: int) -> np.ndarray:
    """Return (T, 88) values shifted along the pitch axis; values that leave it are dropped.

    Args:
        values: (T, 88) piano-roll, or one value per frame and pitch.
        semitones: number of semitones; positive is up.
    """
    moved = np.zeros_like(values)
    if semitones > 0:
        moved[:, semitones:] = values[:, :-semitones]
    elif semitones < 0:
        moved[:, :semitones] = values[:, -semitones:]
    else:
        moved[:] = values
    return moved


def describe_semitones(semitones: int) -> str:
    """Describe a number of semitones in words, such as "2 semitones down"."""
    if semitones == 0:
        return "not moved"
    unit = "semitone" if abs(semitones) == 1 else "semitones"
    return f"{abs(semitones)} {unit} {'up' if semitones > 0 else 'down'}"
