"""The approximate posterior of a nonlinear Gaussian system: the paper's baseline (figures 8, 9).

The unscented Kalman filter carries a mean and a covariance through a nonlinear function by a few
well-chosen points; Julier and Uhlmann (1997), "New extension of the Kalman filter to nonlinear
systems", with their weight 3 - z_dim on the central point. The smoother is Sarkka's (2008),
"Unscented Rauch-Tung-Striebel smoother". Both are pykalman's; on a linear system they are exact.
"""

from typing import NamedTuple

import numpy as np
from pykalman import AdditiveUnscentedKalmanFilter

from dmm_core.data.systems import NonlinearGaussian
from dmm_core.errors import DataError

__all__ = ["UnscentedPosterior", "unscented_filter", "unscented_smoother"]


class UnscentedPosterior(NamedTuple):
    """A Gaussian for the state at every time step of every sequence.

    Attributes:
        loc: means (N, T, z_dim), float64.
        cov: covariances (N, T, z_dim, z_dim), float64; unlike a linear system's they depend on x.
    """

    loc: np.ndarray
    cov: np.ndarray


def unscented_filter(system: NonlinearGaussian, x: np.ndarray) -> UnscentedPosterior:
    """p(z_t given x_{1:t}) of sequences of equal length, approximately.

    Args:
        system: what is taken to have made `x`; its variances must be positive.
        x: observations (N, T, x_dim).

    Raises:
        DataError: if `x` has another shape than the system emits.
    """
    unscented = _unscented(system)
    return _gathered([unscented.filter(sequence) for sequence in _prepared(system, x)])


def unscented_smoother(system: NonlinearGaussian, x: np.ndarray) -> UnscentedPosterior:
    """p(z_t given x_{1:T}) of sequences of equal length, approximately.

    Args:
        system: what is taken to have made `x`; its variances must be positive.
        x: observations (N, T, x_dim).

    Raises:
        DataError: if `x` has another shape than the system emits.
    """
    unscented = _unscented(system)
    return _gathered([unscented.smooth(sequence) for sequence in _prepared(system, x)])


def _unscented(system: NonlinearGaussian) -> AdditiveUnscentedKalmanFilter:
    return AdditiveUnscentedKalmanFilter(
        transition_functions=system.step,
        observation_functions=lambda z: system.emission @ z,
        transition_covariance=np.diag(system.transition_var),
        observation_covariance=np.diag(system.emission_var),
        initial_state_mean=system.initial_loc,
        initial_state_covariance=np.diag(system.initial_var),
    )


def _prepared(system: NonlinearGaussian, x: np.ndarray) -> np.ma.MaskedArray:
    """The observations with one missing frame behind them.

    pykalman takes a sequence of one frame for one feature over time; the missing frame keeps it
    from that and changes nothing before it.
    """
    x = np.asarray(x, dtype=np.float64)
    x_dim = len(system.emission)
    if x.ndim != 3 or x.shape[2] != x_dim or 0 in x.shape:
        raise DataError(f"Observations are (sequences, frames, {x_dim}), not {x.shape}.")
    missing = np.ma.masked_all((len(x), 1, x_dim))
    return np.ma.concatenate([x, missing], axis=1)


def _gathered(posteriors: list[tuple[np.ndarray, np.ndarray]]) -> UnscentedPosterior:
    """All sequences' moments, without the missing frame."""
    locs, covs = zip(*posteriors, strict=True)
    return UnscentedPosterior(np.stack(locs)[:, :-1], np.stack(covs)[:, :-1])
