"""How far harmonisations of the same notes agree: the pitch classes of each beat."""

from collections.abc import Sequence

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.voices import REST, STEPS, VoicedPiece

__all__ = ["pitch_classes_by_beat", "shared_pitch_classes"]


def pitch_classes_by_beat(piece: VoicedPiece, voices: Sequence[int]) -> np.ndarray:
    """Return (beats, 12) bool: which pitch classes the voices sound within each beat, from C."""
    pitches = piece.pitches[list(voices)].reshape(len(voices), piece.beats, STEPS)
    sounding = (pitches != REST)[..., None] & (pitches[..., None] % 12 == np.arange(12))
    return sounding.any(axis=(0, 2))


def shared_pitch_classes(piece: VoicedPiece, other: VoicedPiece, voices: Sequence[int]) -> float:
    """Return the share of the pitch classes of `other` that `piece` has in the same beat, 0 to 1.

    Args:
        piece: a piece in voices.
        other: a piece of as many beats, which sounds in one of the voices at least.
        voices: the voices that count, such as those that were composed.

    Raises:
        DataError: if the lengths differ, or `other` is silent.

    Example:
        >>> import numpy as np
        >>> from dmm_core.music import VoicedPiece, shared_pitch_classes
        >>> onsets = np.array([[True, False, False, False]] * 2)
        >>> c, a = (VoicedPiece(np.array([[60] * 4, [low] * 4]), onsets) for low in (52, 57))
        >>> shared_pitch_classes(c, a, voices=[0, 1])
        0.5
    """
    if piece.beats != other.beats:
        raise DataError(f"The pieces have {piece.beats} and {other.beats} beats.")
    ours, theirs = (pitch_classes_by_beat(given, voices) for given in (piece, other))
    if not theirs.any():
        raise DataError("A piece without notes in the voices that count shares nothing.")
    return float((ours & theirs).sum() / theirs.sum())
