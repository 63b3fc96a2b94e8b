"""Moving a piece to the pitch range and the key that a model was trained on, and back."""

from typing import NamedTuple

import numpy as np

from dmm_core.music.key import Key, key_of_roll

__all__ = ["Home", "Transposition", "home_of", "into_model", "semitones_in_words", "transposed"]


class Home(NamedTuple):
    """Where the music of a data set stands.

    Attributes:
        raised: semitones by which the data set has its pieces higher than they sound.
        tonic: pitch class on which all pieces end, or None where they are in many keys.
    """

    raised: int = 0
    tonic: int | None = None


class Transposition(NamedTuple):
    """How a piece gets to a model.

    Attributes:
        octaves: semitones up to the octave of the model's data, a multiple of 12.
        by_key: semitones up, or down below 0, to the key of the model's data.
        key: the key that was estimated from the notes, or None where none was needed or found.
    """

    octaves: int
    by_key: int = 0
    key: Key | None = None

    @property
    def semitones(self) -> int:
        """Both together."""
        return self.octaves + self.by_key


def home_of(data: str) -> Home:
    """Where the music of the data set called `data` stands.

    The chorales of both sources were moved up, by 6 to 17 semitones, so that they end on a C; most
    of them are then in C major or C minor, about an octave above Bach's singers.
    """
    return Home(12, 0) if data.split("-")[0] == "jsb" else Home()


def into_model(x: np.ndarray, *, source: str, model: str) -> Transposition:
    """How a piece of one data set gets to where a model's data stand.

    The piece goes to the model's octave and, where the model's data all end on one pitch class and
    those of `source` do not, to that key by at most 6 semitones. Its own key is estimated from its
    notes with the profiles of Krumhansl and Kessler.

    Args:
        x: (T, 88) the piece.
        source: the data set that it is of, or "" for music that stands where it sounds.
        model: the data set that the model was trained on.
    """
    there, here = home_of(model), home_of(source)
    octaves = there.raised - here.raised
    if there.tonic is None or there.tonic == here.tonic:
        return Transposition(octaves)
    key = key_of_roll(x)
    by_key = 0 if key is None else (there.tonic - key.tonic + 6) % 12 - 6
    return Transposition(octaves, by_key, key)


def transposed(values: np.ndarray, semitones: int) -> np.ndarray:
    """(T, 88) values moved along the keyboard; what would leave it is left out."""
    moved = np.zeros_like(values)
    if semitones > 0:
        moved[:, semitones:] = values[:, :-semitones]
    elif semitones < 0:
        moved[:, :semitones] = values[:, -semitones:]
    else:
        moved[:] = values
    return moved


def semitones_in_words(semitones: int) -> str:
    """A move by semitones, such as "2 semitones down"."""
    if semitones == 0:
        return "not moved"
    unit = "semitone" if abs(semitones) == 1 else "semitones"
    return f"{abs(semitones)} {unit} {'up' if semitones > 0 else 'down'}"
