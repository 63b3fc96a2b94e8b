"""Statistics of piano-rolls: polyphony, pitches, chords, clashes and the key."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from dmm_core.music.key import estimate_key
from dmm_core.music.pianoroll import LOWEST, PITCHES, as_roll
from dmm_core.music.scales import SCALES

__all__ = ["RollMetrics", "roll_metrics"]


_INTERVALS = (
    *((0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 4, 8)),
    *((0, 4, 7, 10), (0, 4, 7, 11), (0, 3, 7, 10), (0, 3, 6, 10), (0, 3, 6, 9)),
)
_CHORDS = sorted(
    {sum(1 << (root + i) % 12 for i in chord) for chord in _INTERVALS for root in range(12)}
)
"""Triads and seventh chords as sets of pitch classes, each a number of 12 bits."""


class RollMetrics(NamedTuple):
    """Figures of a set of piano-rolls.

    Attributes:
        frames: of all rolls together.
        polyphony: (89,) number of frames in which 0, 1, ..., 88 pitches sound.
        mean_polyphony: pitches sounding in a frame, on average; 0 where there is no frame.
        lowest: lowest MIDI pitch that sounds, or None in silence.
        highest: highest MIDI pitch that sounds, or None in silence.
        pitches: (88,) number of frames in which each pitch sounds, from MIDI 21 up.
        pitch_classes: (12,) the same, summed over octaves, from C up.
        held: share of the on-notes of all frames but the first that were on in the frame before;
            0 where there is none.
        clashes: share of the frames in which two notes a semitone apart sound together.
        chords: share of the frames whose pitch classes are exactly those of a triad (major, minor,
            diminished or augmented) or of a seventh chord (dominant, major, minor, half-diminished
            or diminished).
        in_scale: share of the notes that are in the scale (a minor key's with both sevenths) of the
            key that their own roll fits best; 0 in silence.
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
    """Measure `rolls`, each (T, 88) boolean or 0 and 1; no frame counts as before a roll's first.

    Raises:
        DataError: if one of them is no piano-roll.
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
        chords += int(np.isin(_class_sets(on), _CHORDS).sum())
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
    """(T,) the pitch classes of each frame, as numbers of 12 bits."""
    sets = np.zeros(len(on), dtype=np.int64)
    for column, pitch in enumerate(range(LOWEST, LOWEST + PITCHES)):
        sets |= on[:, column].astype(np.int64) << pitch % 12
    return sets


def _classes(pitches: np.ndarray) -> np.ndarray:
    """(12,) counts of (88,) ones, from C up."""
    classes = np.arange(LOWEST, LOWEST + PITCHES) % 12
    return np.bincount(classes, weights=pitches, minlength=12).astype(np.int64)


def _in_scale(classes: np.ndarray) -> int:
    """How many of the notes are in the scale that they fit best."""
    key = estimate_key(classes.astype(np.float64)) if classes.any() else None
    if key is None:
        return 0
    steps = (*SCALES["minor"], 11) if key.minor else SCALES["major"]
    return int(classes[(np.array(steps) + key.tonic) % 12].sum())
