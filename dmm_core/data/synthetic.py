"""Data sets drawn from known linear-Gaussian systems, with the latent states that made them.

Both come from the code published with Krishnan, Shalit, Sontag (AAAI 2017, arXiv 1609.09869):
`linear-gssm` from its synthetic experiments, `linear-toy` from the example in `clinicalml/dmm`.
"""

from typing import NamedTuple

import numpy as np

from dmm_core.data.sequences import Sequences, Splits

__all__ = [
    "LINEAR_GSSM",
    "LinearGaussian",
    "Simulation",
    "load_synthetic",
    "simulate",
    "simulate_splits",
]


class LinearGaussian(NamedTuple):
    """The system z_1 ~ N(m, P), z_t ~ N(A z_{t-1} + a, Q), x_t ~ N(C z_t + c, R), float64.

    Attributes:
        initial_loc: m, (z_dim,).
        initial_cov: P, (z_dim, z_dim).
        transition: A, (z_dim, z_dim).
        transition_offset: a, (z_dim,).
        transition_cov: Q, (z_dim, z_dim).
        emission: C, (x_dim, z_dim).
        emission_offset: c, (x_dim,).
        emission_cov: R, (x_dim, x_dim).
    """

    initial_loc: np.ndarray
    initial_cov: np.ndarray
    transition: np.ndarray
    transition_offset: np.ndarray
    transition_cov: np.ndarray
    emission: np.ndarray
    emission_offset: np.ndarray
    emission_cov: np.ndarray


class Simulation(NamedTuple):
    """Sequences with the truth behind them.

    Attributes:
        system: what they were drawn from.
        z: latent states (N, T, z_dim), float64.
        x: observations (N, T, x_dim), float64.
    """

    system: LinearGaussian
    z: np.ndarray
    x: np.ndarray


LINEAR_GSSM = LinearGaussian(
    initial_loc=np.zeros(1),
    initial_cov=np.eye(1),
    transition=np.eye(1),
    transition_offset=np.array([0.05]),
    transition_cov=10.0 * np.eye(1),
    emission=0.5 * np.eye(1),
    emission_offset=np.zeros(1),
    emission_cov=20.0 * np.eye(1),
)
"""z_1 ~ N(0, 1), z_t ~ N(z_{t-1} + 0.05, 10), x_t ~ N(z_t / 2, 20); the second is a variance."""

_SIZES = {
    "linear-toy": {"train": 10_000, "valid": 1000, "test": 1000},
    "linear-gssm": {"train": 5000, "valid": 500, "test": 500},
}
_STEPS = {"linear-toy": 10, "linear-gssm": 25}


def simulate(system: LinearGaussian, count: int, steps: int, seed: int) -> Simulation:
    """Draw `count` sequences of `steps` time steps from `system`."""
    rng = np.random.default_rng(seed)

    def noise(cov: np.ndarray) -> np.ndarray:
        return rng.standard_normal((count, len(cov))) @ np.linalg.cholesky(cov).T

    z = [system.initial_loc + noise(system.initial_cov)]
    while len(z) < steps:
        loc = z[-1] @ system.transition.T + system.transition_offset
        z.append(loc + noise(system.transition_cov))
    x = [
        state @ system.emission.T + system.emission_offset + noise(system.emission_cov)
        for state in z
    ]
    return Simulation(system, np.stack(z, axis=1), np.stack(x, axis=1))


def simulate_splits(name: str, seed: int) -> dict[str, Simulation]:
    """The data set called `name`, split by split, with its latent states.

    Args:
        name: linear-toy or linear-gssm.
        seed: of the generator; `linear-toy` with seed 0 is the published code's own draw.
    """
    sizes, steps = _SIZES[name], _STEPS[name]
    count = sum(sizes.values())
    if name == "linear-toy":
        system, z, x, order = _linear_toy(count, steps, seed)
    else:
        system, z, x = simulate(LINEAR_GSSM, count, steps, seed)
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
