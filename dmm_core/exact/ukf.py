"""Unscented Kalman filter and smoother: approximate posteriors of nonlinear Gaussian systems.

They are the baseline of the paper's figures 8 and 9. The unscented transform approximates the mean
and covariance of a nonlinear function of a Gaussian by a few sigma points. On linear systems both
algorithms are exact. All arrays are float64.

Sources: Julier and Uhlmann (1997), "New extension of the Kalman filter to nonlinear systems", with
kappa = 3 - z_dim; Sarkka (2008), "Unscented Rauch-Tung-Striebel smoother".
"""

from typing import NamedTuple

import numpy as np

from dmm_core.data.systems import NonlinearGaussian
from dmm_core.errors import DataError

__all__ = ["UnscentedPosterior", "unscented_filter", "unscented_smoother"]

_SPREAD = 3.0
"""z_dim + kappa: the sigma points are its square root standard deviations from the mean."""


class UnscentedPosterior(NamedTuple):
    """Gaussian approximation of the posterior at every time step of every sequence.

    Attributes:
        loc: (N, T, z_dim) float64 means.
        cov: (N, T, z_dim, z_dim) float64 covariances, which here depend on x.
    """

    loc: np.ndarray
    cov: np.ndarray


class _Predicted(NamedTuple):
    """Moments of z_t given x_{1:t-1}, and their covariance with z_{t-1}.

    Attributes:
        loc: (N, z_dim).
        cov: (N, z_dim, z_dim).
        cross: (N, z_dim, z_dim): Cov(z_{t-1}, z_t).
    """

    loc: np.ndarray
    cov: np.ndarray
    cross: np.ndarray


def unscented_filter(system: NonlinearGaussian, x: np.ndarray) -> UnscentedPosterior:
    """Approximate the filtering posterior p(z_t given x_{1:t}) of sequences of equal length.

    The arguments and errors are those of `unscented_smoother`.
    """
    filtered, _ = _forward(system, _checked(system, x))
    return filtered


def unscented_smoother(system: NonlinearGaussian, x: np.ndarray) -> UnscentedPosterior:
    """Approximate the smoothing posterior p(z_t given x_{1:T}) of sequences of equal length.

    Args:
        system: system that is assumed to generate `x`; its variances must be positive.
        x: (N, T, x_dim) observations.

    Raises:
        DataError: if the shape of `x` does not fit the system.

    Example:
        >>> from dmm_core.data import SYSTEMS, simulate
        >>> from dmm_core.exact import unscented_smoother
        >>> simulation = simulate(SYSTEMS["nonlinear-ukf"], count=2, steps=5, seed=0)
        >>> unscented_smoother(simulation.system, simulation.x).loc.shape
        (2, 5, 1)
    """
    (loc, cov), predicted = _forward(system, _checked(system, x))
    loc, cov = loc.copy(), cov.copy()
    for t in range(len(predicted) - 1, -1, -1):
        ahead = predicted[t]  # moments of z_{t+1}
        gain = _divided(ahead.cross, ahead.cov)
        loc[:, t] += _times(gain, loc[:, t + 1] - ahead.loc)
        cov[:, t] += gain @ (cov[:, t + 1] - ahead.cov) @ gain.mT
    return UnscentedPosterior(loc, cov)


def _forward(
    system: NonlinearGaussian, x: np.ndarray
) -> tuple[UnscentedPosterior, list[_Predicted]]:
    """Filter; the second value has the predicted moments of every time step but the first."""
    emission, noise = system.emission, np.diag(system.emission_var)
    loc = np.broadcast_to(system.initial_loc, (len(x), len(system.initial_loc)))
    cov = np.broadcast_to(np.diag(system.initial_var), (*loc.shape, loc.shape[1]))
    locs, covs, predicted = [], [], []
    for t in range(x.shape[1]):
        if t:
            predicted.append(_predicted(system, loc, cov))
            loc, cov, _ = predicted[-1]
        # The emission is linear, so the unscented transform of it is exact.
        cross = cov @ emission.T  # Cov(z_t, x_t)
        gain = _divided(cross, emission @ cross + noise)
        loc = loc + _times(gain, x[:, t] - loc @ emission.T)
        cov = cov - gain @ cross.mT
        locs.append(loc)
        covs.append(cov)
    return UnscentedPosterior(np.stack(locs, axis=1), np.stack(covs, axis=1)), predicted


def _predicted(system: NonlinearGaussian, loc: np.ndarray, cov: np.ndarray) -> _Predicted:
    """Pass the sigma points of N(loc, cov) through the transition."""
    z_dim = loc.shape[1]
    away = np.sqrt(_SPREAD) * np.linalg.cholesky(cov).mT  # row i is column i of the factor
    steps = np.concatenate([np.zeros_like(loc)[:, None], away, -away], axis=1)
    weights = np.full((2 * z_dim + 1, 1), 0.5 / _SPREAD)
    weights[0] = (_SPREAD - z_dim) / _SPREAD
    points = system.step(loc[:, None] + steps)
    mean = (weights * points).sum(axis=1)
    weighted = weights * (points - mean[:, None])
    return _Predicted(
        mean,
        weighted.mT @ (points - mean[:, None]) + np.diag(system.transition_var),
        steps.mT @ weighted,
    )


def _checked(system: NonlinearGaussian, x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, dtype=np.float64)
    x_dim = len(system.emission)
    if x.ndim != 3 or x.shape[2] != x_dim or 0 in x.shape:
        raise DataError(
            f"Observations must have shape (sequences, frames, {x_dim}), not {x.shape}."
        )
    return x


def _divided(left: np.ndarray, symmetric: np.ndarray) -> np.ndarray:
    """Return left symmetric^-1."""
    return np.linalg.solve(symmetric, left.mT).mT


def _times(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return (matrices @ vectors[..., None])[..., 0]
