"""Simulated spike counts of 20 neurons, `spikes`, with the rates from which they were drawn.

The latent state moves linearly, and the neurons fire independently of one another given the state
(a Poisson linear dynamical system: Macke et al., "Empirical models of spiking in neural
populations", NIPS 2011). Second arguments of N are variances:

    z_1 ~ N(0, I),  z_t ~ N(A z_{t-1}, I - A A'),  x_t ~ Poisson(exp(C z_t + d))

A turns the first two of three states by a twentieth of a circle in each frame and shortens them to
97 %, and shortens the third to 90 %. So the states have variance 1 at every frame.
"""

from typing import NamedTuple

import numpy as np

from dmm_core.data.sequences import Sequences, Splits

__all__ = [
    "LOADINGS",
    "LOG_RATES",
    "NEURONS",
    "TRANSITION",
    "Spikes",
    "load_spikes",
    "simulate_spikes",
]

_COUNTS = {"train": 200, "valid": 50, "test": 50}
_STEPS = 100
_LATENT, _NEURONS = 3, 20
_SYSTEM_SEED = 20
_COS, _SIN = np.cos(2 * np.pi / 20), np.sin(2 * np.pi / 20)

NEURONS = tuple(f"neuron {number}" for number in range(1, _NEURONS + 1))
"""Names of the features."""

TRANSITION = np.array([[0.97 * _COS, -0.97 * _SIN, 0], [0.97 * _SIN, 0.97 * _COS, 0], [0, 0, 0.9]])
"""A, (3, 3)."""

_rng = np.random.default_rng(_SYSTEM_SEED)

LOADINGS = 0.35 * _rng.standard_normal((_NEURONS, _LATENT))
"""C, (20, 3): how the log-rate of each neuron depends on the state."""

LOG_RATES = _rng.uniform(np.log(0.1), np.log(1.0), _NEURONS)
"""d, (20,): log-rate of each neuron, in spikes a frame, at the state 0."""


class Spikes(NamedTuple):
    """Simulated sequences with their states and rates.

    Attributes:
        z: (N, T, 3) float64 latent states.
        rates: (N, T, 20) float64 true rates: the expected counts given the states.
        x: (N, T, 20) int64 counts.
    """

    z: np.ndarray
    rates: np.ndarray
    x: np.ndarray


def simulate_spikes(seed: int) -> dict[str, Spikes]:
    """Simulate each split of `spikes`, with the true rates.

    Args:
        seed: data seed. The system does not depend on it.

    Returns:
        Split -> its 200, 50 or 50 sequences of 100 frames.

    Example:
        >>> from dmm_core.data.spikes import simulate_spikes
        >>> test = simulate_spikes(0)["test"]
        >>> test.rates.shape, bool((test.x >= 0).all())
        ((50, 100, 20), True)
    """
    rng = np.random.default_rng(seed)
    count = sum(_COUNTS.values())
    scale = np.sqrt(np.diag(np.eye(_LATENT) - TRANSITION @ TRANSITION.T))
    z = np.empty((count, _STEPS, _LATENT))
    z[:, 0] = rng.standard_normal((count, _LATENT))
    for t in range(1, _STEPS):
        z[:, t] = z[:, t - 1] @ TRANSITION.T + scale * rng.standard_normal((count, _LATENT))
    rates = np.exp(z @ LOADINGS.T + LOG_RATES)
    whole = Spikes(z, rates, rng.poisson(rates))
    bounds = np.cumsum(list(_COUNTS.values()))[:-1]
    parts = zip(*(np.split(array, bounds) for array in whole), strict=True)
    return {split: Spikes(*part) for split, part in zip(_COUNTS, parts, strict=True)}


def load_spikes(seed: int) -> Splits:
    """Load the counts of `simulate_spikes` as a data set."""
    simulated = simulate_spikes(seed)

    def sequences(split: str) -> Sequences:
        x = tuple(simulated[split].x.astype(np.float32))
        return Sequences(x, tuple(f"spikes {split} {number}" for number in range(1, len(x) + 1)))

    return Splits(
        "spikes",
        "count",
        sequences("train"),
        sequences("valid"),
        sequences("test"),
        features=NEURONS,
    )
