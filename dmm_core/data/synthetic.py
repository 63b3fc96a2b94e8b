"""Data sets sampled from known systems, with their latent states.

The systems are defined in `dmm_core.data.systems`. `linear-toy` is the example in `clinicalml/dmm`,
the code published with Krishnan, Shalit, Sontag (AAAI 2017, arXiv 1609.09869).
"""

from typing import NamedTuple

import numpy as np

from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.systems import SYSTEMS, LinearGaussian, System

__all__ = [
    "Simulation",
    "load_synthetic",
    "simulate",
    "simulate_splits",
]


class Simulation(NamedTuple):
    """Sequences sampled from a system, with their latent states.

    Attributes:
        system: system from which they were sampled.
        z: (N, T, z_dim) float64 latent states.
        x: (N, T, x_dim) float64 observations.
    """

    system: System
    z: np.ndarray
    x: np.ndarray


def _sizes(train: int, valid: int, test: int) -> dict[str, int]:
    return {"train": train, "valid": valid, "test": test}


_SIZES = {
    "linear-toy": _sizes(10_000, 1000, 1000),
    "linear-gssm": _sizes(5000, 500, 500),
    "linear-gssm-10": _sizes(5000, 500, 500),
    "linear-gssm-100": _sizes(2000, 200, 200),
    "linear-gssm-250": _sizes(2000, 200, 200),
    "nonlinear-gssm": _sizes(5000, 500, 500),
    "nonlinear-ukf": _sizes(5000, 500, 500),
}
_STEPS = 25
_TOY_STEPS = 10


def simulate(system: System, count: int, steps: int, seed: int) -> Simulation:
    """Sample `count` sequences of `steps` time steps from `system`.

    Args:
        system: system to sample from.
        count: number of sequences N.
        steps: number of time steps T of each sequence.
        seed: seed of the random numbers.
    """
    rng = np.random.default_rng(seed)

    def noise(root: np.ndarray) -> np.ndarray:
        normal = rng.standard_normal((count, len(root)))
        return normal * root if root.ndim == 1 else normal @ root.T

    if isinstance(system, LinearGaussian):
        covs = (system.initial_cov, system.transition_cov, system.emission_cov)
        initial, transition, emission = map(_root, covs)
        offset = system.emission_offset
    else:
        variances = (system.initial_var, system.transition_var, system.emission_var)
        initial, transition, emission = map(np.sqrt, variances)
        offset = 0.0
    z = [system.initial_loc + noise(initial)]
    while len(z) < steps:
        z.append(_step(system, z[-1]) + noise(transition))
    x = [state @ system.emission.T + offset + noise(emission) for state in z]
    return Simulation(system, np.stack(z, axis=1), np.stack(x, axis=1))


def simulate_splits(name: str, seed: int) -> dict[str, Simulation]:
    """Sample a data set and return each split with its latent states.

    Args:
        name: linear-toy or a key of `SYSTEMS`.
        seed: seed of the random numbers. `linear-toy` with seed 0 has exactly the numbers of the
            published code.
    """
    sizes = _SIZES[name]
    count = sum(sizes.values())
    if name == "linear-toy":
        system, z, x, order = _linear_toy(count, _TOY_STEPS, seed)
    else:
        system, z, x = simulate(SYSTEMS[name], count, _STEPS, seed)
        order = np.arange(count)
    bounds = np.cumsum(list(sizes.values()))[:-1]
    return {
        split: Simulation(system, z[indices], x[indices])
        for split, indices in zip(sizes, np.split(order, bounds), strict=True)
    }


def load_synthetic(name: str, seed: int) -> Splits:
    """Load the observations of `simulate_splits` as a data set."""
    simulations = simulate_splits(name, seed)

    def sequences(split: str) -> Sequences:
        x = tuple(simulations[split].x.astype(np.float32))
        return Sequences(x, tuple(f"{name} {split} {number}" for number in range(1, len(x) + 1)))

    return Splits(
        name=name,
        kind="real",
        train=sequences("train"),
        valid=sequences("valid"),
        test=sequences("test"),
    )


def _step(system: System, z: np.ndarray) -> np.ndarray:
    """Return the mean (N, z_dim) of the next state, given states `z` (N, z_dim)."""
    if isinstance(system, LinearGaussian):
        return z @ system.transition.T + system.transition_offset
    return system.step(z)


def _root(cov: np.ndarray) -> np.ndarray:
    """Return the Cholesky factor of a covariance; standard deviations (dim,) if it is diagonal."""
    deviations = np.diag(cov)
    if np.array_equal(np.diag(deviations), cov):
        return np.sqrt(deviations)
    return np.linalg.cholesky(cov)


class _Toy(NamedTuple):
    system: LinearGaussian
    z: np.ndarray
    x: np.ndarray
    order: np.ndarray


def _linear_toy(count: int, steps: int, seed: int) -> _Toy:
    # numpy's legacy generator and the published code's order of draws give the same numbers.
    rng = np.random.RandomState(seed)
    z = [rng.randn(count, 3)]
    weights = 0.1 * rng.randn(3, 3)
    while len(z) < steps:
        z.append(z[-1] @ weights)
    states = np.stack(z, axis=1)
    x = states + 4.0 * rng.randn(*states.shape)
    system = LinearGaussian(
        initial_loc=np.zeros(3),
        initial_cov=np.eye(3),
        transition=weights.T,
        transition_offset=np.zeros(3),
        transition_cov=np.zeros((3, 3)),
        emission=np.eye(3),
        emission_offset=np.zeros(3),
        emission_cov=16.0 * np.eye(3),
    )
    return _Toy(system, states, x, rng.permutation(count))
