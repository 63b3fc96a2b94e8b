"""The exact posterior of a nonlinear system of one dimension, summed over a fine grid of states.

Where the state is one number, forward and backward messages can be added up over a grid; what is
left of error shrinks with the grid's step. float64 throughout.
"""

from typing import NamedTuple

import numpy as np

from dmm_core.data.systems import NonlinearGaussian
from dmm_core.errors import DataError

__all__ = ["GridPosterior", "grid_smoother"]


class GridPosterior(NamedTuple):
    """p(z_t given x_{1:T}) of every sequence, and how likely each sequence is.

    Attributes:
        loc: means (N, T, 1).
        cov: variances (N, T, 1, 1).
        log_likelihood: log p(x), (N,), nats.
    """

    loc: np.ndarray
    cov: np.ndarray
    log_likelihood: np.ndarray


def grid_smoother(system: NonlinearGaussian, x: np.ndarray, grid: np.ndarray) -> GridPosterior:
    """Smooth sequences of equal length.

    Args:
        system: what is taken to have made `x`, of one latent dimension and one feature.
        x: observations (N, T, 1).
        grid: (G,) evenly spaced states, finer than every noise and wider than every state.

    Raises:
        DataError: if the system or `x` has more than one dimension.
    """
    x = np.asarray(x, dtype=np.float64)
    if system.emission.shape != (1, 1) or x.ndim != 3 or x.shape[2] != 1 or 0 in x.shape:
        raise DataError(f"A grid takes observations (sequences, frames, 1), not {x.shape}.")
    width = grid[1] - grid[0]
    steps = width * _density(grid, system.step(grid[:, None]), system.transition_var)
    seen = _density(x, grid * system.emission[0, 0], system.emission_var)
    start = width * _density(grid, system.initial_loc, system.initial_var)
    # A start narrower than the grid's step is still one state or two, with all the probability.
    message, log_likelihood = start / start.sum(), np.zeros(len(x))
    forward = []
    for t in range(x.shape[1]):
        joint = message * seen[:, t]
        total = joint.sum(axis=1, keepdims=True)
        log_likelihood += np.log(total[:, 0])
        forward.append(joint / total)
        message = forward[-1] @ steps
    backward = [np.ones_like(forward[0])]
    for t in range(x.shape[1] - 1, 0, -1):
        back = (backward[-1] * seen[:, t]) @ steps.T
        backward.append(back / back.max(axis=1, keepdims=True))
    weights = np.stack(forward, axis=1) * np.stack(backward[::-1], axis=1)
    weights /= weights.sum(axis=2, keepdims=True)
    loc = weights @ grid
    var = np.einsum("ntg,ntg->nt", weights, np.square(grid - loc[..., None]))
    return GridPosterior(loc[..., None], var[..., None, None], log_likelihood)


def _density(value: np.ndarray, loc: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * (value - loc) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
