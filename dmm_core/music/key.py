"""Keys of major and minor: estimated from the notes, named, and moved to C major or A minor."""

from typing import NamedTuple

import numpy as np

__all__ = ["Key", "estimate_key", "key_from_fifths"]

# Krumhansl and Kessler (1982): mean ratings of how well each pitch class fits, from the tonic up.
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

_MAJOR_NAMES = ("C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_MINOR_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "G♯", "A", "B♭", "B")


class Key(NamedTuple):
    """A key.

    Attributes:
        tonic: pitch class, 0 (C) to 11 (B).
        minor: whether the mode is minor.
    """

    tonic: int
    minor: bool

    def __str__(self) -> str:
        """Name to show, such as "E♭ major"."""
        if self.minor:
            return f"{_MINOR_NAMES[self.tonic]} minor"
        return f"{_MAJOR_NAMES[self.tonic]} major"

    @property
    def shift(self) -> int:
        """Semitones, -6 to 5, that move a piece from this key to C major or A minor."""
        return ((9 if self.minor else 0) - self.tonic + 6) % 12 - 6


def key_from_fifths(fifths: int, *, minor: bool) -> Key:
    """The key of a signature.

    Args:
        fifths: sharps, or flats as a negative number.
        minor: whether it is the minor key of this signature.
    """
    return Key((7 * fifths + (9 if minor else 0)) % 12, minor)


def estimate_key(weights: np.ndarray) -> Key | None:
    """The key whose Krumhansl-Kessler profile correlates best with `weights`.

    Args:
        weights: (12,) how long each pitch class sounds, in any unit.

    Returns:
        The key, or None where all weights are equal and nothing points to one.
    """
    if np.ptp(weights) <= 1e-9 * weights.max():
        return None
    keys = [Key(tonic, minor) for minor in (False, True) for tonic in range(12)]
    profiles = np.stack([np.roll(_MINOR if key.minor else _MAJOR, key.tonic) for key in keys])
    profiles -= profiles.mean(axis=1, keepdims=True)
    return keys[int(np.argmax(profiles @ weights / np.linalg.norm(profiles, axis=1)))]
