"""Statistics of piano-rolls: polyphony, pitches, chords, clashes and the key."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from dmm_core.music.key import estimate_key
from dmm_core.music.pianoroll import LOWEST, PITCHES, as_roll
from dmm_core.music.scales import SCALES

__all__ = ["CHORDS", "RollMetrics", "roll_metrics"]


_INTERVALS = (
    *((0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 4, 8)),
    *((0, 4, 7, 10), (0, 4, 7, 11), (0, 3, 7, 10), (0, 3, 6, 10), (0, 3, 6, 9)),
)
CHORDS = sorted(
    {sum(1 << (root + i) % 12 for i in chord) for chord in _INTERVALS for root in range(12)}
)
"""Triads and seventh chords as sets of pitch classes, each a number of 12 bits."""


class RollMetrics(NamedTuple):
    """Statistics of a set of piano-rolls.

    Attributes:
        frames: number of frames of all rolls.
        polyphony: (89,) number of frames in which 0, 1, ..., 88 pitches sound.
        mean_polyphony: mean number of pitches that sound in a frame; 0 without frames.
        lowest: lowest MIDI pitch that sounds, or None if there is only silence.
        highest: highest MIDI pitch that sounds, or None if there is only silence.
        pitches: (88,) number of frames in which each pitch sounds, from MIDI 21 up.
        pitch_classes: (12,) the same, summed over octaves, from C up.
        held: fraction of active pitches, in all frames except each roll's first, that were also
            active in the previous frame; 0 if there are none.
        clashes: fraction of frames in which two pitches a semitone apart sound together.
        chords: fraction of frames whose pitch classes are exactly those of a triad (major, minor,
            diminished or augmented) or of a seventh chord (dominant, major, minor, half-diminished
            or diminished).
        in_scale: fraction of active pitches that are in the scale of the key that fits their own
            roll best; minor scales include both sevenths. 0 if there is only silence.
    """

    frames: int
    polyphony: np.ndarray
    mean_polyphony: float
    lowest: int | None
    highest: int | None
    pitches: np.ndarray
    pitch_classes: np.ndarray
    held: float
    clashes: float
    chords: float
    in_scale: float


def roll_metrics(rolls: Iterable[np.ndarray]) -> RollMetrics:
    """Compute statistics of piano-rolls.

    Args:
        rolls: arrays (T, 88), boolean or 0 and 1.

    Raises:
        DataError: if one of them is not a piano-roll.
    """
    frames = held = could_be_held = clashes = chords = in_scale = 0
    polyphony = np.zeros(PITCHES + 1, dtype=np.int64)
    pitches = np.zeros(PITCHES, dtype=np.int64)
    for roll in rolls:
        on = as_roll(roll)
        frames += len(on)
        polyphony += np.bincount(on.sum(axis=1), minlength=PITCHES + 1)
        pitches += on.sum(axis=0)
        in_scale += _in_scale(_classes(on.sum(axis=0)))
        held += int((on[1:] & on[:-1]).sum())
        could_be_held += int(on[1:].sum())
        clashes += int((on[:, 1:] & on[:, :-1]).any(axis=1).sum())
        chords += int(np.isin(_class_sets(on), CHORDS).sum())
    sounding = np.flatnonzero(pitches) + LOWEST
    return RollMetrics(
        frames=frames,
        polyphony=polyphony,
        mean_polyphony=float(pitches.sum() / max(frames, 1)),
        lowest=int(sounding[0]) if sounding.size else None,
        highest=int(sounding[-1]) if sounding.size else None,
        pitches=pitches,
        pitch_classes=_classes(pitches),
        held=held / max(could_be_held, 1),
        clashes=clashes / max(frames, 1),
        chords=chords / max(frames, 1),
        in_scale=in_scale / max(int(pitches.sum()), 1),
    )


def _class_sets(on: np.ndarray) -> np.ndarray:
    """Return (T,) the set of pitch classes of each frame, as a 12-bit number."""
    sets = np.zeros(len(on), dtype=np.int64)
    for column, pitch in enumerate(range(LOWEST, LOWEST + PITCHES)):
        sets |= on[:, column].astype(np.int64) << pitch % 12
    return sets


def _classes(pitches: np.ndarray) -> np.ndarray:
    """Return (12,) counts by pitch class, from C up, of (88,) counts by pitch."""
    classes = np.arange(LOWEST, LOWEST + PITCHES) % 12
    return np.bincount(classes, weights=pitches, minlength=12).astype(np.int64)


def _in_scale(classes: np.ndarray) -> int:
    """Return how many notes are in the scale of the key that fits them best."""
    key = estimate_key(classes.astype(np.float64)) if classes.any() else None
    if key is None:
        return 0
    steps = (*SCALES["minor"], 11) if key.minor else SCALES["major"]
    return int(classes[(np.array(steps) + key.tonic) % 12].sum())
