"""State space systems with known parameters, with which a Deep Markov Model can be compared.

Second arguments of N are variances; all arrays are float64. `linear-gssm`, `nonlinear-gssm` and
`nonlinear-ukf` are those of Krishnan, Shalit, Sontag (AAAI 2017, arXiv 1609.09869), figures 3, 8
and 9; the linear systems of 10, 100 and 250 dimensions follow their study of growing dimension.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = [
    "ALPHA",
    "BETA",
    "LINEAR_GSSM",
    "NONLINEAR_GSSM",
    "NONLINEAR_UKF",
    "SYSTEMS",
    "LinearGaussian",
    "NonlinearGaussian",
    "System",
]

ALPHA = 0.5
"""Factor of z2 inside the tanh of `nonlinear-gssm`."""

BETA = -0.1
"""Factor of z1 inside the sine of `nonlinear-gssm`."""


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


class NonlinearGaussian(NamedTuple):
    """The system z_1 ~ N(m, diag p), z_t ~ N(f(z_{t-1}), diag q), x_t ~ N(C z_t, diag r), float64.

    Attributes:
        initial_loc: m, (z_dim,).
        initial_var: p, (z_dim,).
        step: f, from (..., z_dim) to (..., z_dim).
        transition_var: q, (z_dim,).
        emission: C, (x_dim, z_dim).
        emission_var: r, (x_dim,).
    """

    initial_loc: np.ndarray
    initial_var: np.ndarray
    step: Callable[[np.ndarray], np.ndarray]
    transition_var: np.ndarray
    emission: np.ndarray
    emission_var: np.ndarray


System = LinearGaussian | NonlinearGaussian
"""A linear or a nonlinear Gaussian system."""

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
"""z_1 ~ N(0, 1), z_t ~ N(z_{t-1} + 0.05, 10), x_t ~ N(z_t / 2, 20)."""


def _gssm_step(z: np.ndarray) -> np.ndarray:
    z1, z2 = z[..., 0], z[..., 1]
    return np.stack([0.2 * z1 + np.tanh(ALPHA * z2), 0.2 * z2 + np.sin(BETA * z1)], axis=-1)


def _ukf_step(z: np.ndarray) -> np.ndarray:
    return 2 * np.sin(z) + z


NONLINEAR_GSSM = NonlinearGaussian(
    initial_loc=np.zeros(2),
    initial_var=np.full(2, 0.01),
    step=_gssm_step,
    transition_var=np.ones(2),
    emission=0.5 * np.eye(2),
    emission_var=np.full(2, 0.1),
)
"""z_1 ~ N(0, 0.01 I), z_t ~ N([0.2 z1 + tanh(ALPHA z2); 0.2 z2 + sin(BETA z1)], I), z1 and z2 of
z_{t-1}, x_t ~ N(z_t / 2, 0.1 I)."""

NONLINEAR_UKF = NonlinearGaussian(
    initial_loc=np.zeros(1),
    initial_var=np.full(1, 0.01),
    step=_ukf_step,
    transition_var=np.full(1, 5.0),
    emission=0.5 * np.eye(1),
    emission_var=np.full(1, 5.0),
)
"""z_1 ~ N(0, 0.01), z_t ~ N(2 sin z_{t-1} + z_{t-1}, 5), x_t ~ N(z_t / 2, 5)."""

_CONTRACTION = 0.9


def _stable(dim: int) -> LinearGaussian:
    """Return the stable system with `dim` latent states and `dim` features.

    A = 0.9 U with a random orthogonal matrix U, so that every direction contracts equally; the
    entries of C are N(0, 1 / dim); Q and R are diagonal with entries uniform in (0.5, 1.5) and
    (1, 3); z_1 ~ N(0, I). The seed is `dim`, so a dimension always has the same system.
    """
    rng = np.random.default_rng(dim)
    q, r = np.linalg.qr(rng.standard_normal((dim, dim)))
    return LinearGaussian(
        initial_loc=np.zeros(dim),
        initial_cov=np.eye(dim),
        # Without the signs, U would depend on the sign convention of the linear algebra library.
        transition=_CONTRACTION * q * np.sign(np.diag(r)),
        transition_offset=np.zeros(dim),
        transition_cov=np.diag(rng.uniform(0.5, 1.5, dim)),
        emission=rng.standard_normal((dim, dim)) / np.sqrt(dim),
        emission_offset=np.zeros(dim),
        emission_cov=np.diag(rng.uniform(1.0, 3.0, dim)),
    )


SYSTEMS: dict[str, System] = {
    "linear-gssm": LINEAR_GSSM,
    "linear-gssm-10": _stable(10),
    "linear-gssm-100": _stable(100),
    "linear-gssm-250": _stable(250),
    "nonlinear-gssm": NONLINEAR_GSSM,
    "nonlinear-ukf": NONLINEAR_UKF,
}
"""Name of a data set -> its system. The system of `linear-toy` depends on the data seed."""
