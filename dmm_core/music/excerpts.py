"""A classifier that tells excerpts of one set of pieces from excerpts of another.

Logistic regression on fixed features of excerpts of 16 beats. Its accuracy on pieces that it was
not trained on says how well the sets can be told apart: 50 % means that it cannot.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from dmm_core.music.key import estimate_key
from dmm_core.music.metrics import CHORDS
from dmm_core.music.voice_metrics import (
    class_sets,
    measure,
    note_lengths,
    top_intervals,
)
from dmm_core.music.voices import REST, STEPS, VoicedPiece

__all__ = ["EXCERPT", "Discrimination", "discriminate", "excerpt_features"]

EXCERPT = 16
"""Beats of an excerpt."""

_FOLDS = 5
_PENALTY = 1.0
"""Weight of half the squared coefficients, against the sum of the losses of the excerpts."""
_FURTHEST = 8
_LENGTH_EDGES = (1, 2, 3, 4, 6, 8, 12, 16)


class Discrimination(NamedTuple):
    """How well excerpts of two sets can be told apart.

    Attributes:
        accuracy: mean of the shares of both sets' excerpts that are classified correctly, by a
            classifier that was trained without any excerpt of their pieces.
        standard_error: of the accuracy, over the folds.
        excerpts: number of excerpts of both sets.
    """

    accuracy: float
    standard_error: float
    excerpts: int


def discriminate(
    pieces: Sequence[VoicedPiece], reference: Sequence[VoicedPiece], *, seed: int
) -> Discrimination | None:
    """Train and test a classifier by five-fold cross-validation over whole pieces.

    Each piece is cut into as many excerpts of `EXCERPT` beats as fit, from its start. Both sets
    have the same weight, whatever their numbers of excerpts.

    Args:
        pieces: the pieces of one set.
        reference: the pieces of the other set.
        seed: of the assignment of pieces to folds.

    Returns:
        The result, or None if a set has fewer than five pieces that are long enough.
    """
    rng = np.random.default_rng(seed)
    features, labels, folds = [], [], []
    for label, pieces_of_set in enumerate((pieces, reference)):
        long = [piece for piece in pieces_of_set if piece.beats >= EXCERPT]
        if len(long) < _FOLDS:
            return None
        for piece, fold in zip(long, rng.permutation(len(long)) % _FOLDS, strict=True):
            for first in range(0, piece.beats - EXCERPT + 1, EXCERPT):
                features.append(excerpt_features(piece.excerpt(first, EXCERPT)))
                labels.append(label)
                folds.append(fold)
    x, y, fold = np.stack(features), np.array(labels), np.array(folds)
    found = []
    for held_out in range(_FOLDS):
        here = fold == held_out
        right = _predicted(x[~here], y[~here], x[here]) == y[here]
        found.append(np.mean([right[y[here] == label].mean() for label in (0, 1)]))
    error = float(np.std(found, ddof=1) / np.sqrt(_FOLDS))
    return Discrimination(float(np.mean(found)), error, len(y))


def _predicted(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Labels of `new` by a logistic regression that is trained on `x` and `y`."""
    centre, spread = x.mean(axis=0), x.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    x, new = (x - centre) / scale, (new - centre) / scale
    signs = 2.0 * y - 1.0
    weight = np.where(y == 1, 0.5 / (y == 1).mean(), 0.5 / (y == 0).mean())

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        margins = signs * (x @ theta[1:] + theta[0])
        slope = -weight * signs * expit(-margins)
        value = (weight * np.logaddexp(0.0, -margins)).sum() + 0.5 * _PENALTY * theta[1:] @ theta[
            1:
        ]
        gradient = np.concatenate([[slope.sum()], x.T @ slope + _PENALTY * theta[1:]])
        return value, gradient

    theta = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return (new @ theta[1:] + theta[0] > 0).astype(int)


def excerpt_features(piece: VoicedPiece) -> np.ndarray:
    """The features of an excerpt, a vector of the same length for every excerpt.

    They are shares and means: the measures of `VoiceMetrics`; intervals above the bass and chord
    types on the beats; the bass's steps; the intervals, note lengths and places of onsets of each
    voice; the intervals between each two voices; how soprano and bass move against each other; the
    spacing of the voices; and how well a key fits. Of a piece with more than four voices, the two
    highest and the two lowest are used.
    """
    outer = piece.pitches[[0, 1, -2, -1]]
    four = VoicedPiece(outer, piece.onsets[[0, 1, -2, -1]])
    shares = [share.found / max(share.places, 1) for share in measure(piece)]
    parts = [np.array(shares), _harmony(four)]
    parts += [_line(four, voice) for voice in range(4)]
    parts += [_between(four, a, b) for a, b in combinations(range(4), 2)]
    parts += [_motion(four), _spacing(four), _key_fit(four)]
    return np.concatenate(parts)


def _histogram(values: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(values.astype(np.int64), minlength=size)[:size] / max(len(values), 1)


def _harmony(piece: VoicedPiece) -> np.ndarray:
    """Intervals above the bass on the beats and between them, chord types, and the bass's steps."""
    found = []
    for pitches in (piece.on_beats, piece.pitches[:, STEPS // 2 :: STEPS]):
        bass = np.where(pitches == REST, 999, pitches).min(axis=0)
        above = np.where(pitches == REST, -1, (pitches - bass) % 12)
        found.append([(above == k).any(axis=0).mean() for k in range(12)])
    sets = class_sets(piece)
    types = np.isin(sets, CHORDS).mean()
    sizes = _histogram(np.array([int(s).bit_count() for s in sets]), 6)
    low = piece.on_beats[-1].astype(int)
    moves = np.diff(low)[(low[1:] != REST) & (low[:-1] != REST)] % 12
    return np.concatenate([*found, [types], sizes, _histogram(moves, 12)])


def _line(piece: VoicedPiece, voice: int) -> np.ndarray:
    """Intervals, note lengths and places of onsets of a voice."""
    steps = np.clip(top_intervals(piece, voice), -_FURTHEST, _FURTHEST) + _FURTHEST
    lengths = np.digitize(note_lengths(piece, voice), _LENGTH_EDGES)
    places = np.flatnonzero(piece.onsets[voice]) % STEPS
    line = piece.pitches[voice][piece.pitches[voice] != REST]
    return np.concatenate(
        [
            _histogram(steps, 2 * _FURTHEST + 1),
            _histogram(lengths, len(_LENGTH_EDGES) + 1),
            _histogram(places, STEPS),
            [np.mean(piece.pitches[voice] == REST), np.ptp(line) if len(line) else 0.0],
        ]
    )


def _between(piece: VoicedPiece, a: int, b: int) -> np.ndarray:
    """Intervals between two voices on every eighth, and onsets that they have together."""
    one, other = (piece.pitches[v, :: STEPS // 2].astype(int) for v in (a, b))
    both = (one != REST) & (other != REST)
    together = (piece.onsets[a] & piece.onsets[b]).sum() / max(piece.onsets[[a, b]].sum(), 1)
    return np.append(_histogram((one - other)[both] % 12, 12), together)


def _motion(piece: VoicedPiece) -> np.ndarray:
    """Shares of contrary, similar and oblique motion of the outer voices between beats."""
    moves = np.sign(np.diff(piece.on_beats[[0, -1]].astype(int), axis=1))
    product = moves[0] * moves[1]
    still = (moves == 0).all(axis=0)
    return np.array([(product < 0).mean(), (product > 0).mean(), still.mean()])


def _spacing(piece: VoicedPiece) -> np.ndarray:
    """Mean distances of neighbouring voices, and how often they exceed an octave."""
    gaps = piece.on_beats[:-1].astype(int) - piece.on_beats[1:]
    return np.concatenate([gaps.mean(axis=1), (gaps > 12).mean(axis=1)])


def _key_fit(piece: VoicedPiece) -> np.ndarray:
    """Shares of the pitch classes, counted from the tonic of the estimated key, and its mode."""
    sounding = piece.pitches[piece.pitches != REST].astype(int)
    weights = _histogram(sounding % 12, 12)
    key = estimate_key(weights) if weights.any() else None
    if key is None:
        return np.append(weights, 0.0)
    return np.append(np.roll(weights, -key.tonic), float(key.minor))
