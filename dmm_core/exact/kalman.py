"""The exact posterior of a linear-Gaussian system: what a Deep Markov Model can be checked against.

Kalman (1960), "A new approach to linear filtering and prediction problems"; Rauch, Tung, Striebel
(1965), "Maximum likelihood estimates of linear dynamic systems". float64 throughout.
"""

from typing import NamedTuple

import numpy as np

from dmm_core.data.systems import LinearGaussian
from dmm_core.errors import DataError

__all__ = ["Filtered", "Smoothed", "expected_nll", "kalman_filter", "kalman_smoother"]


class Filtered(NamedTuple):
    """p(z_t given x_{1:t}) of every sequence, and how likely each observation was.

    Attributes:
        loc: means (N, T, z_dim).
        cov: covariances (T, z_dim, z_dim), the same for all sequences.
        log_likelihood: log p(x_t given x_{1:t-1}), (N, T), nats; summed over t it is log p(x).
    """

    loc: np.ndarray
    cov: np.ndarray
    log_likelihood: np.ndarray


class Smoothed(NamedTuple):
    """p(z_t given x_{1:T}) of every sequence.

    Attributes:
        loc: means (N, T, z_dim).
        cov: covariances (T, z_dim, z_dim), the same for all sequences.
    """

    loc: np.ndarray
    cov: np.ndarray


class _Covariances(NamedTuple):
    """What the recursions share, whatever the observations: all (T, ., .)."""

    predicted: np.ndarray
    filtered: np.ndarray
    innovation: np.ndarray
    gain: np.ndarray


def kalman_filter(system: LinearGaussian, x: np.ndarray) -> Filtered:
    """Filter sequences of equal length.

    Args:
        system: what is taken to have made `x`.
        x: observations (N, T, x_dim).

    Raises:
        DataError: if `x` has another shape than the system emits.
    """
    x = _checked(system, x)
    return _filtered(system, x, _covariances(system, x.shape[1]))


def kalman_smoother(system: LinearGaussian, x: np.ndarray) -> Smoothed:
    """Smooth sequences of equal length (Rauch-Tung-Striebel).

    Args:
        system: what is taken to have made `x`; its predicted covariances must be invertible.
        x: observations (N, T, x_dim).

    Raises:
        DataError: if `x` has another shape than the system emits.
    """
    x = _checked(system, x)
    covs = _covariances(system, x.shape[1])
    filtered, predicted_covs = _filtered(system, x, covs), covs.predicted
    loc, cov = filtered.loc.copy(), filtered.cov.copy()
    for t in range(x.shape[1] - 2, -1, -1):
        # G = F_t A' P_{t+1}^-1, solved rather than inverted
        gain = np.linalg.solve(predicted_covs[t + 1], system.transition @ filtered.cov[t]).T
        predicted = filtered.loc[:, t] @ system.transition.T + system.transition_offset
        loc[:, t] += (loc[:, t + 1] - predicted) @ gain.T
        cov[t] += gain @ (cov[t + 1] - predicted_covs[t + 1]) @ gain.T
    return Smoothed(loc, cov)


def expected_nll(system: LinearGaussian, steps: int) -> float:
    """E[-log p(x)] of sequences of `steps` frames from `system`, in nats a frame.

    It is the entropy of x: the mean over t of (x_dim log(2 pi e) + log det S_t) / 2, with S_t the
    covariance of x_t given x_{1:t-1}. No model, on average, explains such data better.
    """
    innovation = _covariances(system, steps).innovation
    _, log_det = np.linalg.slogdet(innovation)
    return float(np.mean(log_det + innovation.shape[1] * np.log(2 * np.pi * np.e)) / 2)


def _checked(system: LinearGaussian, x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, dtype=np.float64)
    x_dim = len(system.emission)
    if x.ndim != 3 or x.shape[2] != x_dim or 0 in x.shape:
        raise DataError(f"Observations are (sequences, frames, {x_dim}), not {x.shape}.")
    return x


def _filtered(system: LinearGaussian, x: np.ndarray, covs: _Covariances) -> Filtered:
    locs, log_likelihoods = [], []
    predicted = np.broadcast_to(system.initial_loc, (len(x), len(system.initial_loc)))
    for t in range(x.shape[1]):
        innovation = x[:, t] - predicted @ system.emission.T - system.emission_offset
        log_likelihoods.append(_log_normal(innovation, covs.innovation[t]))
        locs.append(predicted + innovation @ covs.gain[t].T)
        predicted = locs[-1] @ system.transition.T + system.transition_offset
    return Filtered(np.stack(locs, axis=1), covs.filtered, np.stack(log_likelihoods, axis=1))


def _covariances(system: LinearGaussian, steps: int) -> _Covariances:
    predicted, filtered, innovation, gain = [system.initial_cov], [], [], []
    for _ in range(steps):
        emitted = system.emission @ predicted[-1]
        innovation.append(emitted @ system.emission.T + system.emission_cov)
        gain.append(np.linalg.solve(innovation[-1], emitted).T)
        filtered.append(predicted[-1] - gain[-1] @ emitted)
        predicted.append(
            system.transition @ filtered[-1] @ system.transition.T + system.transition_cov
        )
    return _Covariances(*map(np.stack, (predicted[:-1], filtered, innovation, gain)))


def _log_normal(residual: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """Log N(residual; 0, cov) of (N, dim) residuals, as (N,)."""
    white = np.linalg.solve(np.linalg.cholesky(cov), residual.T)
    _, log_det = np.linalg.slogdet(cov)
    return -0.5 * ((white**2).sum(axis=0) + log_det + len(cov) * np.log(2 * np.pi))
