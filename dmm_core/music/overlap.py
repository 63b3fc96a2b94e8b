"""Overlapped areas of distributions: how similar the statistics of two sets of pieces are.

Yang and Lerch, "On the evaluation of generative models in music" (Neural Computing and
Applications, 2018): a feature of every piece; the distances between all pairs of pieces within one
set and between two sets; the densities of both kinds of distances, by kernel estimation; and the
area below both densities, 1 where they are equal and 0 where they do not meet.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from scipy.spatial.distance import cdist, pdist
from scipy.stats import gaussian_kde

from dmm_core.music.key import estimate_key
from dmm_core.music.voice_metrics import note_lengths, top_intervals
from dmm_core.music.voices import REST, VoicedPiece

__all__ = ["FEATURES", "length_overlap", "overlapped_area", "overlapped_areas"]

_POINTS = 1000
"""Points at which the densities are compared."""

_LENGTHS = 17
"""Note lengths that are told apart, from 0 to 16 sixteenths."""


def overlapped_areas(
    pieces: Sequence[VoicedPiece], reference: Sequence[VoicedPiece]
) -> dict[str, float]:
    """The overlapped area of each of `FEATURES`, between 0 and 1.

    Compared are the distances within the reference and those between the pieces and the reference.

    Args:
        pieces: the pieces to judge.
        reference: at least two pieces of the style.
    """
    areas = {}
    for name, feature in FEATURES.items():
        ours, theirs = (np.stack([np.ravel(feature(p)) for p in s]) for s in (pieces, reference))
        areas[name] = overlapped_area(pdist(theirs), cdist(ours, theirs).ravel())
    return areas


def overlapped_area(one: np.ndarray, other: np.ndarray) -> float:
    """The area below the densities of both samples (Gaussian kernels, Scott's bandwidth).

    Args:
        one: numbers.
        other: numbers. A sample of equal numbers has no density: the area is then 1 if the other
            sample consists of the same number, and 0 otherwise.
    """
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float(np.ptp(np.concatenate([one, other])) == 0)
    low, high = min(one.min(), other.min()), max(one.max(), other.max())
    margin = 0.25 * (high - low)  # the densities extend beyond the samples
    grid = np.linspace(low - margin, high + margin, _POINTS)
    below = np.minimum(gaussian_kde(one)(grid), gaussian_kde(other)(grid))
    return min(float(np.trapezoid(below, grid)), 1.0)


def length_overlap(pieces: Sequence[VoicedPiece], reference: Sequence[VoicedPiece]) -> float:
    """The overlap of the distributions of note lengths of two sets, between 0 and 1.

    It is sum_l min(p_l, q_l), where p and q are the shares of the notes of all pieces that last l
    sixteenths. Longer notes than 16 count as 16.
    """
    one, other = (np.sum([_length_counts(p) for p in s], axis=0) for s in (pieces, reference))
    return float(np.minimum(one / max(one.sum(), 1), other / max(other.sum(), 1)).sum())


def _length_counts(piece: VoicedPiece) -> np.ndarray:
    lengths = [note_lengths(piece, voice) for voice in range(len(piece.pitches))]
    return np.bincount(np.concatenate(lengths), minlength=_LENGTHS)


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / max(counts.sum(), 1)


def _pitches(piece: VoicedPiece) -> np.ndarray:
    return piece.pitches[piece.onsets].astype(np.int64)


def _pitch_count(piece: VoicedPiece) -> float:
    return len(np.unique(_pitches(piece)))


def _pitch_range(piece: VoicedPiece) -> float:
    pitches = _pitches(piece)
    return float(np.ptp(pitches)) if len(pitches) else 0.0


def _mean_interval(piece: VoicedPiece) -> float:
    lines = [np.abs(top_intervals(piece, voice)) for voice in range(len(piece.pitches))]
    return float(np.mean(np.concatenate([*lines, [0] if not any(map(len, lines)) else []])))


def _notes_of_a_beat(piece: VoicedPiece) -> float:
    return float(piece.onsets.sum() / max(piece.beats, 1))


def _mean_time_between_onsets(piece: VoicedPiece) -> float:
    times = np.flatnonzero(piece.onsets.any(axis=0))
    return float(np.diff(times).mean()) if len(times) > 1 else 0.0


def _tonic(piece: VoicedPiece) -> int:
    """The tonic of the estimated key: features of pitch classes are counted from it."""
    sounding = piece.pitches[piece.pitches != REST].astype(np.int64)
    weights = np.bincount(sounding % 12, minlength=12).astype(np.float64)
    key = estimate_key(weights) if weights.any() else None
    return 0 if key is None else key.tonic


def _pitch_classes(piece: VoicedPiece) -> np.ndarray:
    classes = (_pitches(piece) - _tonic(piece)) % 12
    return _shares(np.bincount(classes, minlength=12))


def _pitch_class_transitions(piece: VoicedPiece) -> np.ndarray:
    counts, tonic = np.zeros((12, 12)), _tonic(piece)
    for voice in range(len(piece.pitches)):
        for a, b in pairwise(piece.notes(voice)):
            counts[(a.pitch - tonic) % 12, (b.pitch - tonic) % 12] += 1
    return _shares(counts)


def _lengths(piece: VoicedPiece) -> np.ndarray:
    return _shares(_length_counts(piece))


def _length_transitions(piece: VoicedPiece) -> np.ndarray:
    counts = np.zeros((_LENGTHS, _LENGTHS))
    for voice in range(len(piece.pitches)):
        lengths = note_lengths(piece, voice)
        np.add.at(counts, (lengths[:-1], lengths[1:]), 1)
    return _shares(counts)


FEATURES: dict[str, Callable[[VoicedPiece], float | np.ndarray]] = {
    "pitch count": _pitch_count,
    "pitch range": _pitch_range,
    "mean interval": _mean_interval,
    "notes of a beat": _notes_of_a_beat,
    "time between onsets": _mean_time_between_onsets,
    "pitch classes": _pitch_classes,
    "pitch class transitions": _pitch_class_transitions,
    "note lengths": _lengths,
    "note length transitions": _length_transitions,
}
"""The features of Yang and Lerch, each of one piece: the number of different pitches; the range in
semitones; the mean absolute interval within voices; notes for each beat; the mean time between
onsets in sixteenths; and shares of pitch classes (from the tonic up), of their transitions within
voices, of note lengths and of their transitions. The number of notes is for each beat, and pitch
classes are relative to the estimated key, so that length and key of a piece do not matter."""
