"""Data sets drawn from known systems, with the latent states that made them.

The systems stand in `dmm_core.data.systems`; `linear-toy` is the example in `clinicalml/dmm`, the
code published with Krishnan, Shalit, Sontag (AAAI 2017, arXiv 1609.09869).
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
    """Sequences with the truth behind them.

    Attributes:
        system: what they were drawn from.
        z: latent states (N, T, z_dim), float64.
        x: observations (N, T, x_dim), float64.
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
    """Draw `count` sequences of `steps` time steps from `system`."""
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
    """The data set called `name`, split by split, with its latent states.

    Args:
        name: linear-toy or one of `SYSTEMS`.
        seed: of the generator; `linear-toy` with seed 0 is the published code's own draw.
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
    """The observations of `simulate_splits` as a data set."""
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
    """Mean of the next state (N, z_dim) given `z` (N, z_dim)."""
    if isinstance(system, LinearGaussian):
        return z @ system.transition.T + system.transition_offset
    return system.step(z)


def _root(cov: np.ndarray) -> np.ndarray:
    """A root of a covariance: of a diagonal one, the deviations alone, for speed."""
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
    # numpy's old generator, in the published code's order of draws: the same numbers for a seed.
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
