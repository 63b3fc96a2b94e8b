"""Unscented Kalman filter and smoother: approximate posteriors of nonlinear Gaussian systems.

They are the baseline of the paper's figures 8 and 9. The unscented transform approximates the mean
and covariance of a nonlinear function of a Gaussian by a few sigma points. Both algorithms are
pykalman's; on linear systems they are exact.

Sources: Julier and Uhlmann (1997), "New extension of the Kalman filter to nonlinear systems", with
kappa = 3 - z_dim; Sarkka (2008), "Unscented Rauch-Tung-Striebel smoother".
"""

from typing import NamedTuple

import numpy as np
from pykalman import AdditiveUnscentedKalmanFilter

from dmm_core.data.systems import NonlinearGaussian
from dmm_core.errors import DataError

__all__ = ["UnscentedPosterior", "unscented_filter", "unscented_smoother"]


class UnscentedPosterior(NamedTuple):
    """Gaussian approximation of the posterior at every time step of every sequence.

    Attributes:
        loc: (N, T, z_dim) float64 means.
        cov: (N, T, z_dim, z_dim) float64 covariances, which here depend on x.
    """

    loc: np.ndarray
    cov: np.ndarray


def unscented_filter(system: NonlinearGaussian, x: np.ndarray) -> UnscentedPosterior:
    """Approximate the filtering posterior p(z_t given x_{1:t}) of sequences of equal length.

    The arguments and errors are those of `unscented_smoother`.
    """
    unscented = _unscented(system)
    return _gathered([unscented.filter(sequence) for sequence in _prepared(system, x)])


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
    unscented = _unscented(system)
    return _gathered([unscented.smooth(sequence) for sequence in _prepared(system, x)])


def _unscented(system: NonlinearGaussian) -> AdditiveUnscentedKalmanFilter:
    """Return pykalman's filter for a system."""
    return AdditiveUnscentedKalmanFilter(
        transition_functions=system.step,
        observation_functions=lambda z: system.emission @ z,
        transition_covariance=np.diag(system.transition_var),
        observation_covariance=np.diag(system.emission_var),
        initial_state_mean=system.initial_loc,
        initial_state_covariance=np.diag(system.initial_var),
    )


def _prepared(system: NonlinearGaussian, x: np.ndarray) -> np.ma.MaskedArray:
    """Return the observations with one missing frame appended.

    pykalman would read a sequence of one frame as one feature over time. The missing frame prevents
    this and does not change the posterior of the frames before it.
    """
    x = np.asarray(x, dtype=np.float64)
    x_dim = len(system.emission)
    if x.ndim != 3 or x.shape[2] != x_dim or 0 in x.shape:
        raise DataError(
            f"Observations must have shape (sequences, frames, {x_dim}), not {x.shape}."
        )
    missing = np.ma.masked_all((len(x), 1, x_dim))
    return np.ma.concatenate([x, missing], axis=1)


def _gathered(posteriors: list[tuple[np.ndarray, np.ndarray]]) -> UnscentedPosterior:
    """Return the moments of all sequences, without the missing frame."""
    locs, covs = zip(*posteriors, strict=True)
    return UnscentedPosterior(np.stack(locs)[:, :-1], np.stack(covs)[:, :-1])
