"""Exact smoothing of one-dimensional nonlinear systems on a fine grid of states.

The integrals of the forward-backward algorithm become sums over the grid. The discretisation error
decreases with the step size of the grid. All arrays are float64.

Source: the forward-backward algorithm of hidden Markov models; Rabiner (1989), "A tutorial on
hidden Markov models and selected applications in speech recognition", section III.
"""

from typing import NamedTuple

import numpy as np

from dmm_core.data.systems import NonlinearGaussian
from dmm_core.errors import DataError

__all__ = ["GridPosterior", "grid_smoother"]


class GridPosterior(NamedTuple):
    """Moments of p(z_t given x_{1:T}) and the log-likelihood of every sequence.

    Attributes:
        loc: (N, T, 1) means.
        cov: (N, T, 1, 1) variances.
        log_likelihood: (N,) log p(x_{1:T}), in nats.
    """

    loc: np.ndarray
    cov: np.ndarray
    log_likelihood: np.ndarray


def grid_smoother(system: NonlinearGaussian, x: np.ndarray, grid: np.ndarray) -> GridPosterior:
    """Compute the exact smoothing posterior of sequences of equal length.

    Args:
        system: system with one latent dimension and one feature that is assumed to generate `x`.
        x: (N, T, 1) observations.
        grid: (G,) evenly spaced states. The step must be small compared with the standard deviation
            of every noise, and the range must cover all plausible states.

    Raises:
        DataError: if the system or `x` has more than one dimension.

    Example:
        >>> import numpy as np
        >>> from dmm_core.data import SYSTEMS, simulate
        >>> from dmm_core.exact import grid_smoother
        >>> simulation = simulate(SYSTEMS["nonlinear-ukf"], count=2, steps=5, seed=0)
        >>> posterior = grid_smoother(simulation.system, simulation.x, np.linspace(-40, 40, 801))
        >>> posterior.loc.shape, posterior.log_likelihood.shape
        ((2, 5, 1), (2,))
    """
    x = np.asarray(x, dtype=np.float64)
    if system.emission.shape != (1, 1) or x.ndim != 3 or x.shape[2] != 1 or 0 in x.shape:
        raise DataError(
            f"The grid smoother takes a system of one dimension and observations of shape "
            f"(sequences, frames, 1), not {x.shape}."
        )
    width = grid[1] - grid[0]
    # transition[i, j] = p(z_t = grid[j] given z_{t-1} = grid[i]) times the step of the grid
    transition = width * _density(grid, system.step(grid[:, None]), system.transition_var)
    # likelihood[n, t, i] = p(x_t given z_t = grid[i])
    likelihood = _density(x, grid * system.emission[0, 0], system.emission_var)
    initial = width * _density(grid, system.initial_loc, system.initial_var)
    # Normalise, because an initial distribution narrower than the step is badly integrated.
    message, log_likelihood = initial / initial.sum(), np.zeros(len(x))
    # Forward pass: p(z_t given x_{1:t}); its normalisers are p(x_t given x_{1:t-1}).
    forward = []
    for t in range(x.shape[1]):
        joint = message * likelihood[:, t]
        total = joint.sum(axis=1, keepdims=True)
        log_likelihood += np.log(total[:, 0])
        forward.append(joint / total)
        message = forward[-1] @ transition
    # Backward pass: p(x_{t+1:T} given z_t), up to a factor.
    backward = [np.ones_like(forward[0])]
    for t in range(x.shape[1] - 1, 0, -1):
        back = (backward[-1] * likelihood[:, t]) @ transition.T
        backward.append(back / back.max(axis=1, keepdims=True))
    # The posterior is proportional to the product of both messages.
    weights = np.stack(forward, axis=1) * np.stack(backward[::-1], axis=1)
    weights /= weights.sum(axis=2, keepdims=True)
    loc = weights @ grid
    var = np.einsum("ntg,ntg->nt", weights, np.square(grid - loc[..., None]))
    return GridPosterior(loc[..., None], var[..., None, None], log_likelihood)


def _density(value: np.ndarray, loc: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return the density N(value; loc, variance)."""
    return np.exp(-0.5 * (value - loc) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
