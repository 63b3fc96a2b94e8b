"""Scales, and masks of the piano's pitches that belong to a scale."""

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.pianoroll import HIGHEST, LOWEST

__all__ = ["SCALES", "pitch_mask"]

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic-minor": (0, 2, 3, 5, 7, 8, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "major-pentatonic": (0, 2, 4, 7, 9),
    "minor-pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "whole-tone": (0, 2, 4, 6, 8, 10),
}
"""Name of a scale -> its notes in semitones above the tonic."""


def pitch_mask(
    *,
    scale: str | None = None,
    tonic: int = 0,
    lowest: int = LOWEST,
    highest: int = HIGHEST,
) -> np.ndarray:
    """Return an (88,) boolean mask of the pitches of a scale from `lowest` to `highest`.

    Args:
        scale: key of `SCALES`, or None for all pitches.
        tonic: pitch class of its first note, 0 (C) to 11 (B).
        lowest: lowest MIDI pitch.
        highest: highest MIDI pitch.

    Raises:
        DataError: if there is no such scale.
    """
    if scale is not None and scale not in SCALES:
        raise DataError(f"There is no scale {scale!r:.40}; the scales are {', '.join(SCALES)}.")
    pitches = np.arange(LOWEST, HIGHEST + 1)
    within = (lowest <= pitches) & (pitches <= highest)
    return within if scale is None else within & np.isin((pitches - tonic) % 12, SCALES[scale])
