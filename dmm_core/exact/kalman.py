"""Exact filtering and smoothing of linear-Gaussian systems.

Sources: Kalman (1960), "A new approach to linear filtering and prediction problems"; Rauch, Tung,
Striebel (1965), "Maximum likelihood estimates of linear dynamic systems". All arrays are float64.
"""

from typing import NamedTuple

import numpy as np

from dmm_core.data.systems import LinearGaussian
from dmm_core.errors import DataError

__all__ = [
    "Filtered",
    "Predicted",
    "Smoothed",
    "expected_nll",
    "kalman_filter",
    "kalman_forecast",
    "kalman_smoother",
]


class Filtered(NamedTuple):
    """Moments of p(z_t given x_{1:t}) and the log-likelihood of every observation.

    Attributes:
        loc: (N, T, z_dim) means.
        cov: (T, z_dim, z_dim) covariances, the same for all sequences.
        log_likelihood: (N, T) log p(x_t given x_{1:t-1}), nats; its sum over t is log p(x_{1:T}).
    """

    loc: np.ndarray
    cov: np.ndarray
    log_likelihood: np.ndarray


class Smoothed(NamedTuple):
    """Moments of p(z_t given x_{1:T}) of every sequence.

    Attributes:
        loc: (N, T, z_dim) means.
        cov: (T, z_dim, z_dim) covariances, the same for all sequences.
    """

    loc: np.ndarray
    cov: np.ndarray


class Predicted(NamedTuple):
    """Moments of p(x_{T+h} given x_{1:T}) of every sequence and horizon h.

    Attributes:
        loc: (N, horizon, x_dim) means.
        cov: (horizon, x_dim, x_dim) covariances, the same for all sequences.
    """

    loc: np.ndarray
    cov: np.ndarray


class _Covariances(NamedTuple):
    """The quantities of the recursions that do not depend on the observations.

    Attributes:
        predicted: (T, z_dim, z_dim) covariance of z_t given x_{1:t-1}.
        filtered: (T, z_dim, z_dim) covariance of z_t given x_{1:t}.
        innovation: (T, x_dim, x_dim) covariance of x_t given x_{1:t-1}.
        gain: (T, z_dim, x_dim) Kalman gain.
    """

    predicted: np.ndarray
    filtered: np.ndarray
    innovation: np.ndarray
    gain: np.ndarray


def kalman_filter(system: LinearGaussian, x: np.ndarray) -> Filtered:
    """Compute the exact filtering posterior of sequences of equal length.

    Args:
        system: system that is assumed to generate `x`.
        x: (N, T, x_dim) observations.

    Raises:
        DataError: if the shape of `x` does not fit the system.

    Example:
        >>> from dmm_core.data import SYSTEMS, simulate
        >>> from dmm_core.exact import kalman_filter, kalman_smoother
        >>> simulation = simulate(SYSTEMS["linear-gssm"], count=2, steps=5, seed=0)
        >>> filtered = kalman_filter(simulation.system, simulation.x)
        >>> smoothed = kalman_smoother(simulation.system, simulation.x)
        >>> bool((smoothed.cov <= filtered.cov).all())
        True
    """
    x = _checked(system, x)
    return _filtered(system, x, _covariances(system, x.shape[1]))


def kalman_smoother(system: LinearGaussian, x: np.ndarray) -> Smoothed:
    """Compute the exact smoothing posterior of sequences of equal length (Rauch-Tung-Striebel).

    Args:
        system: system that is assumed to generate `x`. Its predicted covariances must be
            invertible.
        x: (N, T, x_dim) observations.

    Raises:
        DataError: if the shape of `x` does not fit the system.
    """
    x = _checked(system, x)
    covs = _covariances(system, x.shape[1])
    filtered, predicted_covs = _filtered(system, x, covs), covs.predicted
    loc, cov = filtered.loc.copy(), filtered.cov.copy()
    for t in range(x.shape[1] - 2, -1, -1):
        # Smoother gain F_t A' P_{t+1}^-1 (filtered F_t, predicted P_{t+1}), by a linear solve.
        gain = np.linalg.solve(predicted_covs[t + 1], system.transition @ filtered.cov[t]).T
        # Correct the filtered moments by the smoothed moments of the next step.
        predicted = filtered.loc[:, t] @ system.transition.T + system.transition_offset
        loc[:, t] += (loc[:, t + 1] - predicted) @ gain.T
        cov[t] += gain @ (cov[t + 1] - predicted_covs[t + 1]) @ gain.T
    return Smoothed(loc, cov)


def kalman_forecast(system: LinearGaussian, x: np.ndarray, horizon: int) -> Predicted:
    """Compute the exact distribution of the frames after the end of sequences of equal length.

    Args:
        system: system that is assumed to generate `x`.
        x: (N, T, x_dim) observations.
        horizon: number of frames to forecast.

    Raises:
        DataError: if the shape of `x` does not fit the system.
    """
    filtered = kalman_filter(system, x)
    state, state_cov = filtered.loc[:, -1], filtered.cov[-1]
    locs, covs = [], []
    for _ in range(horizon):
        # Predict the next state, then emit.
        state = state @ system.transition.T + system.transition_offset
        state_cov = system.transition @ state_cov @ system.transition.T + system.transition_cov
        locs.append(state @ system.emission.T + system.emission_offset)
        covs.append(system.emission @ state_cov @ system.emission.T + system.emission_cov)
    return Predicted(np.stack(locs, axis=1), np.stack(covs))


def expected_nll(system: LinearGaussian, steps: int) -> float:
    """Return E[-log p(x)] of sequences from `system`, in nats per frame.

    It is the entropy of x, the mean over t of (x_dim log(2 pi e) + log det S_t) / 2 with the
    covariance S_t of x_t given x_{1:t-1}. It is a lower bound of the expected NLL of any model.

    Args:
        system: system that generates the sequences.
        steps: number of frames of a sequence.
    """
    innovation = _covariances(system, steps).innovation
    _, log_det = np.linalg.slogdet(innovation)
    return float(np.mean(log_det + innovation.shape[1] * np.log(2 * np.pi * np.e)) / 2)


def _checked(system: LinearGaussian, x: np.ndarray) -> np.ndarray:
    """Return observations as float64, after a check of their shape."""
    x = np.asarray(x, dtype=np.float64)
    x_dim = len(system.emission)
    if x.ndim != 3 or x.shape[2] != x_dim or 0 in x.shape:
        raise DataError(
            f"Observations must have shape (sequences, frames, {x_dim}), not {x.shape}."
        )
    return x


def _filtered(system: LinearGaussian, x: np.ndarray, covs: _Covariances) -> Filtered:
    """Compute the means and log-likelihoods of the Kalman filter."""
    locs, log_likelihoods = [], []
    predicted = np.broadcast_to(system.initial_loc, (len(x), len(system.initial_loc)))
    for t in range(x.shape[1]):
        # Update with x_t, then predict z_{t+1}.
        innovation = x[:, t] - predicted @ system.emission.T - system.emission_offset
        log_likelihoods.append(_log_normal(innovation, covs.innovation[t]))
        locs.append(predicted + innovation @ covs.gain[t].T)
        predicted = locs[-1] @ system.transition.T + system.transition_offset
    return Filtered(np.stack(locs, axis=1), covs.filtered, np.stack(log_likelihoods, axis=1))


def _covariances(system: LinearGaussian, steps: int) -> _Covariances:
    """Compute the covariance recursion of the Kalman filter."""
    predicted, filtered, innovation, gain = [system.initial_cov], [], [], []
    for _ in range(steps):
        emitted = system.emission @ predicted[-1]  # covariance of x_t and z_t
        innovation.append(emitted @ system.emission.T + system.emission_cov)
        gain.append(np.linalg.solve(innovation[-1], emitted).T)
        filtered.append(predicted[-1] - gain[-1] @ emitted)
        predicted.append(
            system.transition @ filtered[-1] @ system.transition.T + system.transition_cov
        )
    return _Covariances(*map(np.stack, (predicted[:-1], filtered, innovation, gain)))


def _log_normal(residual: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """Return (N,) log N(residual; 0, cov) of (N, dim) residuals."""
    white = np.linalg.solve(np.linalg.cholesky(cov), residual.T)
    _, log_det = np.linalg.slogdet(cov)
    return -0.5 * ((white**2).sum(axis=0) + log_det + len(cov) * np.log(2 * np.pi))
