"""Major and minor keys: estimation from notes, names, and the spelling of pitches."""

from typing import NamedTuple

import numpy as np

from dmm_core.music.pianoroll import HIGHEST, LOWEST, PITCHES

__all__ = [
    "Key",
    "SpelledPitch",
    "estimate_key",
    "key_from_fifths",
    "key_of_roll",
    "pitch_names",
    "spell_pitch",
    "tonic_name",
]

# Key profiles of Krumhansl and Kessler (1982): mean rating of how well each pitch class fits a key,
# from the tonic up.
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

_LETTERS = "FCGDAEB"
"""Letters of the notes in the order of fifths."""

_MAJOR_NAMES = ("C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_MINOR_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "G♯", "A", "B♭", "B")


class Key(NamedTuple):
    """A major or minor key.

    Attributes:
        tonic: pitch class, 0 (C) to 11 (B).
        minor: whether the mode is minor.
    """

    tonic: int
    minor: bool

    def __str__(self) -> str:
        """Return the name, such as "E♭ major"."""
        return f"{tonic_name(self.tonic, self.minor)} {'minor' if self.minor else 'major'}"

    @property
    def fifths(self) -> int:
        """Return the number of sharps of the key signature, or minus the number of flats."""
        return _place(tonic_name(self.tonic, self.minor)) - (3 if self.minor else 0)

    @property
    def shift(self) -> int:
        """Return the semitones, -6 to 5, that transpose this key to C major or A minor."""
        return ((9 if self.minor else 0) - self.tonic + 6) % 12 - 6


class SpelledPitch(NamedTuple):
    """A pitch as it is written in a score.

    Attributes:
        letter: C to B.
        alter: semitones by which the accidental raises the letter; negative for flats.
        octave: octave of the letter; octave 4 begins at middle C.
    """

    letter: str
    alter: int
    octave: int

    def __str__(self) -> str:
        """Return the name, such as "E♭4"."""
        return f"{self.letter}{('♯' if self.alter > 0 else '♭') * abs(self.alter)}{self.octave}"


def spell_pitch(pitch: int, key: Key | None) -> SpelledPitch:
    """Return a pitch with the letter and accidental that are usual in a key.

    On the line of fifths, ... B♭ F C G D A E B F♯ ..., a key uses twelve neighbouring names: in
    major from four below the tonic to seven above it, in minor from five below to six above. For
    example, C minor has E♭, A♭ and B♭, and A minor has G♯.

    Args:
        pitch: MIDI number.
        key: key of the piece; None is the same as C major.
    """
    key = key or Key(0, False)
    tonic = _place(tonic_name(key.tonic, key.minor))
    lowest = tonic - (5 if key.minor else 4)
    place = lowest + (7 * pitch - lowest) % 12  # a fifth is 7 semitones, and 7 times 7 is 1 mod 12
    letter, alter = _LETTERS[(place + 1) % 7], (place + 1) // 7
    return SpelledPitch(letter, alter, (pitch - alter) // 12 - 1)


def pitch_names(key: Key | None) -> list[str]:
    """Return the names of the piano's 88 pitches in a key, from MIDI 21 up."""
    return [str(spell_pitch(pitch, key)) for pitch in range(LOWEST, HIGHEST + 1)]


def tonic_name(tonic: int, minor: bool) -> str:
    """Return the usual name of a key's tonic, such as "E♭"."""
    return (_MINOR_NAMES if minor else _MAJOR_NAMES)[tonic]


def _place(name: str) -> int:
    """Return the position of a name such as "E♭" on the line of fifths; C is at 0."""
    return _LETTERS.index(name[0]) - 1 + 7 * (name.count("♯") - name.count("♭"))


def key_from_fifths(fifths: int, *, minor: bool) -> Key:
    """Return the key of a key signature.

    Args:
        fifths: number of sharps, or minus the number of flats.
        minor: whether to return the minor key of this signature.
    """
    return Key((7 * fifths + (9 if minor else 0)) % 12, minor)


def estimate_key(weights: np.ndarray) -> Key | None:
    """Return the key whose Krumhansl-Kessler profile has the highest correlation with `weights`.

    Args:
        weights: (12,) total duration of each pitch class, in any unit.

    Returns:
        The key, or None if all weights are equal.
    """
    if np.ptp(weights) <= 1e-9 * weights.max():
        return None
    keys = [Key(tonic, minor) for minor in (False, True) for tonic in range(12)]
    profiles = np.stack([np.roll(_MINOR if key.minor else _MAJOR, key.tonic) for key in keys])
    profiles -= profiles.mean(axis=1, keepdims=True)
    return keys[int(np.argmax(profiles @ weights / np.linalg.norm(profiles, axis=1)))]


def key_of_roll(roll: np.ndarray) -> Key | None:
    """Estimate the key of a piano-roll from the number of frames of each pitch class.

    Args:
        roll: (T, 88) boolean, or 0 and 1.
    """
    classes = np.arange(LOWEST, LOWEST + PITCHES) % 12
    sounding = np.asarray(roll).astype(bool).sum(axis=0)
    return estimate_key(np.bincount(classes, weights=sounding, minlength=12))
