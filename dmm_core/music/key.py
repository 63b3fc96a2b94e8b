"""Major and minor keys: estimated from notes, named, and the spelling of pitches in a key."""

from typing import NamedTuple

import numpy as np

from dmm_core.music.pianoroll import HIGHEST, LOWEST, PITCHES

__all__ = [
    "Key",
    "Spelled",
    "estimate_key",
    "key_from_fifths",
    "key_of_roll",
    "pitch_names",
    "spelled",
    "tonic_name",
]

# Krumhansl and Kessler (1982): mean ratings of how well each pitch class fits, from the tonic up.
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

_LETTERS = "FCGDAEB"
"""In the order of fifths."""

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
        return f"{tonic_name(self.tonic, self.minor)} {'minor' if self.minor else 'major'}"

    @property
    def fifths(self) -> int:
        """Sharps of the key signature, or flats where it is below 0."""
        return _place(tonic_name(self.tonic, self.minor)) - (3 if self.minor else 0)

    @property
    def shift(self) -> int:
        """Semitones, -6 to 5, that move a piece from this key to C major or A minor."""
        return ((9 if self.minor else 0) - self.tonic + 6) % 12 - 6


class Spelled(NamedTuple):
    """A pitch as a score writes it.

    Attributes:
        letter: C to B.
        alter: semitones by which accidentals raise the letter, below 0 lower it.
        octave: of the letter; 4 begins at middle C.
    """

    letter: str
    alter: int
    octave: int

    def __str__(self) -> str:
        """Name to show, such as "E♭4"."""
        return f"{self.letter}{('♯' if self.alter > 0 else '♭') * abs(self.alter)}{self.octave}"


def spelled(pitch: int, key: Key | None) -> Spelled:
    """A pitch with the letter and the accidental that are usual in a key.

    Names stand in a row of fifths, ... B♭ F C G D A E B F♯ ...; a key uses twelve neighbours of it,
    from four below the tonic to seven above it in major, and from five below it to six above it in
    minor. So C minor has E♭, A♭ and B♭, and A minor has G♯.

    Args:
        pitch: MIDI number.
        key: None spells as C major does.
    """
    key = key or Key(0, False)
    tonic = _place(tonic_name(key.tonic, key.minor))
    lowest = tonic - (5 if key.minor else 4)
    place = lowest + (7 * pitch - lowest) % 12  # a fifth is 7 semitones, and 7 times 7 is 1 mod 12
    letter, alter = _LETTERS[(place + 1) % 7], (place + 1) // 7
    return Spelled(letter, alter, (pitch - alter) // 12 - 1)


def pitch_names(key: Key | None) -> list[str]:
    """(88,) names of the piano's pitches in a key, from MIDI 21 up."""
    return [str(spelled(pitch, key)) for pitch in range(LOWEST, HIGHEST + 1)]


def tonic_name(tonic: int, minor: bool) -> str:
    """The usual name of a key's tonic, such as "E♭"."""
    return (_MINOR_NAMES if minor else _MAJOR_NAMES)[tonic]


def _place(name: str) -> int:
    """Where a name such as "E♭" stands in the row of fifths; C is at 0."""
    return _LETTERS.index(name[0]) - 1 + 7 * (name.count("♯") - name.count("♭"))


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


def key_of_roll(roll: np.ndarray) -> Key | None:
    """The key that a piano-roll fits best, by the frames in which each pitch class sounds.

    Args:
        roll: (T, 88) boolean, or 0 and 1.
    """
    classes = np.arange(LOWEST, LOWEST + PITCHES) % 12
    sounding = np.asarray(roll).astype(bool).sum(axis=0)
    return estimate_key(np.bincount(classes, weights=sounding, minlength=12))
