"""Likelihoods of simple models in closed form: what a trained model has to beat.

Each is fitted on the train split and evaluated on another split, in nats per frame, over the
observed values. A model that is no better than independent frames has learned nothing about time.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.spec import Kind
from dmm_core.inference.baselines import filled

__all__ = ["INDEPENDENT", "reference_nlls"]

INDEPENDENT = "independent frames"
"""Name of the reference that ignores time."""

_LEAST_VARIANCE = 1e-12
"""Smallest variance of a Gaussian, as a share of the mean square of the feature."""
_LEAST_RATE = 1e-6
_MOST_JOINT = 100
"""Most features of a joint autoregression, whose cost grows with their square."""


class _Frames(NamedTuple):
    """All frames of a split, one after another.

    Attributes:
        x: (frames, x_dim), in double precision, or uint8 for binary data without gaps. Missing
            values are filled from the frame before.
        before: (frames, x_dim), the frame before; of the first frame of a sequence, the frame
            itself.
        seen: (frames, x_dim), where a value was observed.
        first: (frames,), whether the frame is the first of its sequence.
    """

    x: np.ndarray
    before: np.ndarray
    seen: np.ndarray
    first: np.ndarray


def reference_nlls(splits: Splits, split: str = "valid") -> dict[str, float]:
    """-log p(x) of simple models on a split, in nats per frame.

    Binary features: independent Bernoullis, and a Markov chain for each feature. Real features:
    independent Gaussians, a first-order autoregression for each feature, and one for all features
    together. Counts: independent Poisson and negative binomial distributions, and a Poisson
    autoregression. Categories: independent slots, and a Markov chain for each slot.

    Args:
        splits: the data set.
        split: the split to evaluate.

    Returns:
        Name -> nats per frame, in the order above. A model that the train split is too small for is
        left out.
    """
    train, other = _frames(splits.train), _frames(splits[split])
    models = _MODELS[splits.kind]
    found = {}
    for name, model in models.items():
        terms = model(train, other, splits)
        if terms is not None and np.isfinite(terms).all():
            found[name] = float(-terms.sum() / len(other.x))
    return found


def _frames(sequences: Sequences) -> _Frames:
    masks: Sequence[np.ndarray | None] = sequences.observed or (None,) * len(sequences)
    x = [
        a if mask is None and a.dtype == np.uint8 else filled(a, mask)  # rolls stay small
        for a, mask in zip(sequences.x, masks, strict=True)
    ]
    seen = [
        np.ones(a.shape, bool) if mask is None else mask.astype(bool)
        for a, mask in zip(sequences.x, masks, strict=True)
    ]
    return _Frames(
        np.concatenate(x),
        np.concatenate([np.concatenate([a[:1], a[:-1]]) for a in x]),
        np.concatenate(seen),
        np.concatenate([np.arange(len(a)) == 0 for a in x]),
    )


_Model = Callable[[_Frames, _Frames, Splits], np.ndarray | None]
"""Log-probabilities of the observed values of the second frames, fitted on the first."""


# -- real features --------------------------------------------------------------------------------


def _log_normal(x: np.ndarray, loc: np.ndarray, variance: np.ndarray | np.float64) -> np.ndarray:
    return -0.5 * (np.square(x - loc) / variance + np.log(2 * np.pi * variance))


def _column_moments(frames: _Frames) -> tuple[np.ndarray, np.ndarray]:
    count = np.maximum(frames.seen.sum(0), 1)
    mean = np.where(frames.seen, frames.x, 0).sum(0) / count
    variance = np.where(frames.seen, np.square(frames.x - mean), 0).sum(0) / count
    return mean, np.maximum(variance, _floor(frames))


def _floor(frames: _Frames) -> np.ndarray:
    square = np.where(frames.seen, np.square(frames.x), 0).mean(0)
    return _LEAST_VARIANCE * np.where(square > 0, square, 1.0)


def _independent_gaussians(train: _Frames, other: _Frames, splits: Splits) -> np.ndarray:
    loc, variance = _column_moments(train)
    return _log_normal(other.x, loc, variance)[other.seen]


def _autoregressive_gaussians(train: _Frames, other: _Frames, splits: Splits) -> np.ndarray:
    loc, variance = _column_moments(train)
    terms = _log_normal(other.x, loc, variance)  # the first frames keep this
    for i in range(train.x.shape[1]):
        used = train.seen[:, i] & ~train.first
        if used.sum() < 4:
            continue
        design = np.column_stack([np.ones(used.sum()), train.before[used, i] - loc[i]])
        weights, *_ = np.linalg.lstsq(design, train.x[used, i], rcond=None)
        error = np.square(train.x[used, i] - design @ weights).mean()
        mean = weights[0] + weights[1] * (other.before[:, i] - loc[i])
        spread = np.maximum(error, _floor(train)[i])
        terms[:, i] = np.where(other.first, terms[:, i], _log_normal(other.x[:, i], mean, spread))
    return terms[other.seen]


def _joint_autoregression(train: _Frames, other: _Frames, splits: Splits) -> np.ndarray | None:
    """x_t ~ N(A x_{t-1} + a, S) with full A and S; needs complete frames, and enough of them."""
    x_dim = train.x.shape[1]
    used = ~train.first
    complete = train.seen.all() and other.seen.all()
    if not (1 < x_dim <= _MOST_JOINT and used.sum() >= 10 * x_dim and complete):
        return None
    loc, scale = train.x.mean(0), np.maximum(train.x.std(0), np.sqrt(_floor(train)))

    def standard(x: np.ndarray) -> np.ndarray:
        return (x - loc) / scale

    design = np.column_stack([np.ones(used.sum()), standard(train.before[used])])
    weights, *_ = np.linalg.lstsq(design, standard(train.x[used]), rcond=None)
    residual = standard(train.x[used]) - design @ weights
    terms = np.empty(len(other.x))
    start = standard(train.x)
    for where, error, mean in (
        (other.first, start, np.zeros(x_dim)),
        (~other.first, residual, None),
    ):
        cov = error.T @ error / len(error) + 1e-9 * np.eye(x_dim)
        at = standard(other.x[where])
        if mean is None:
            before = np.column_stack([np.ones(where.sum()), standard(other.before[where])])
            mean = before @ weights
        white = np.linalg.solve(np.linalg.cholesky(cov), (at - mean).T)
        _, log_det = np.linalg.slogdet(cov)
        terms[where] = -0.5 * (np.square(white).sum(0) + log_det + x_dim * np.log(2 * np.pi))
    return terms - np.log(scale).sum()


# -- binary features and categories ---------------------------------------------------------------


def _independent_categories(train: _Frames, other: _Frames, splits: Splits) -> np.ndarray:
    terms = np.empty(other.x.shape)
    for i in range(train.x.shape[1]):
        counts = (
            np.bincount(train.x[train.seen[:, i], i].astype(int), minlength=_symbols(splits)) + 0.5
        )
        terms[:, i] = np.log(counts / counts.sum())[other.x[:, i].astype(int)]
    return terms[other.seen]


def _markov_chains(train: _Frames, other: _Frames, splits: Splits) -> np.ndarray:
    symbols = _symbols(splits)
    terms = np.empty(other.x.shape)
    for i in range(train.x.shape[1]):
        used = train.seen[:, i]
        now, before = train.x[used, i].astype(int), train.before[used, i].astype(int)
        start = np.bincount(now, minlength=symbols) + 0.5
        inner = ~train.first[used]
        pairs = before[inner] * symbols + now[inner]
        moves = np.bincount(pairs, minlength=symbols**2).reshape(symbols, symbols)
        # Each row is smoothed towards the overall frequencies.
        moves = moves + 0.5 * symbols * start / start.sum()
        move = np.log(moves / moves.sum(1, keepdims=True))
        at, last = other.x[:, i].astype(int), other.before[:, i].astype(int)
        terms[:, i] = np.where(other.first, np.log(start / start.sum())[at], move[last, at])
    return terms[other.seen]


def _symbols(splits: Splits) -> int:
    return splits.categories or 2


# -- counts ---------------------------------------------------------------------------------------


def _log_poisson(x: np.ndarray, rate: np.ndarray) -> np.ndarray:
    return x * np.log(rate) - rate - gammaln(x + 1)


def _log_negative_binomial(x: np.ndarray, mean: np.ndarray, total: np.ndarray) -> np.ndarray:
    return (
        gammaln(x + total)
        - gammaln(total)
        - gammaln(x + 1)
        + total * np.log(total / (total + mean))
        + x * np.log(mean / (total + mean))
    )


def _independent_poissons(train: _Frames, other: _Frames, splits: Splits) -> np.ndarray:
    mean, _ = _column_moments(train)
    return _log_poisson(other.x, np.maximum(mean, _LEAST_RATE))[other.seen]


def _independent_negative_binomials(train: _Frames, other: _Frames, splits: Splits) -> np.ndarray:
    """By the method of moments; nearly Poisson where the variance does not exceed the mean."""
    mean, variance = _column_moments(train)
    mean = np.maximum(mean, _LEAST_RATE)
    total = np.square(mean) / np.maximum(variance - mean, 1e-4 * mean)
    return _log_negative_binomial(other.x, mean, total)[other.seen]


def _autoregressive_poissons(train: _Frames, other: _Frames, splits: Splits) -> np.ndarray:
    """Rates that are linear in the count before, by least squares; at least a tenth of the mean."""
    mean = np.maximum(_column_moments(train)[0], _LEAST_RATE)
    rate = np.broadcast_to(mean, other.x.shape).copy()
    for i in range(train.x.shape[1]):
        used = train.seen[:, i] & ~train.first
        if used.sum() < 4:
            continue
        design = np.column_stack([np.ones(used.sum()), train.before[used, i]])
        weights, *_ = np.linalg.lstsq(design, train.x[used, i], rcond=None)
        linear = np.maximum(weights[0] + weights[1] * other.before[:, i], 0.1 * mean[i])
        rate[:, i] = np.where(other.first, rate[:, i], linear)
    return _log_poisson(other.x, rate)[other.seen]


_MODELS: dict[Kind, dict[str, _Model]] = {
    "binary": {INDEPENDENT: _independent_categories, "Markov chains": _markov_chains},
    "real": {
        INDEPENDENT: _independent_gaussians,
        "autoregression": _autoregressive_gaussians,
        "joint autoregression": _joint_autoregression,
    },
    "count": {
        INDEPENDENT: _independent_poissons,
        "independent, overdispersed": _independent_negative_binomials,
        "autoregression": _autoregressive_poissons,
    },
    "categorical": {INDEPENDENT: _independent_categories, "Markov chains": _markov_chains},
}
