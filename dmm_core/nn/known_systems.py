"""The initial state, transition and emission of a known system of `dmm_core.data.systems`.

With them, an inference network can be trained for a generative model that is correct (the paper's
figure 4), or a few unknown parameters of a known system can be learned (figure 3).
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Normal

from dmm_core.data.systems import LinearGaussian, System

__all__ = ["KnownEmission", "KnownInitial", "KnownTransition", "LearnedGSSMStep", "known_parts"]


class _Constants(nn.Module):
    """A module whose constant tensors follow it to its device but are not part of its weights."""

    def __init__(self, **arrays: np.ndarray) -> None:
        super().__init__()
        for name, array in arrays.items():
            tensor = torch.as_tensor(array, dtype=torch.get_default_dtype())
            self.register_buffer(name, tensor, persistent=False)


class KnownInitial(_Constants):
    """z_1 ~ N(loc, variance).

    Args:
        loc: (z_dim,).
        variance: (z_dim,).
    """

    loc: Tensor
    scale: Tensor

    def __init__(self, *, loc: np.ndarray, variance: np.ndarray) -> None:
        super().__init__(loc=loc, scale=np.sqrt(variance))

    def forward(self) -> Normal:
        """The distribution of z_1, of shape (z_dim,)."""
        return Normal(self.loc, self.scale, validate_args=False)


class KnownTransition(_Constants):
    """z_t ~ N(step(z_{t-1}), variance).

    Args:
        step: (..., z_dim) -> (..., z_dim).
        variance: (z_dim,).
    """

    scale: Tensor

    def __init__(self, *, step: nn.Module, variance: np.ndarray) -> None:
        super().__init__(scale=np.sqrt(variance))
        self.step = step

    def forward(self, z: Float[Tensor, "*draw latent"]) -> Normal:
        """The distribution of z_t given z_{t-1} = z, of shape (..., z_dim)."""
        loc = self.step(z)
        return Normal(loc, self.scale.expand_as(loc), validate_args=False)


class KnownEmission(_Constants):
    """x_t ~ N(C z_t + c, variance).

    Args:
        matrix: C, (x_dim, z_dim).
        offset: c, (x_dim,).
        variance: (x_dim,).
    """

    matrix: Tensor
    offset: Tensor
    scale: Tensor

    def __init__(self, *, matrix: np.ndarray, offset: np.ndarray, variance: np.ndarray) -> None:
        super().__init__(matrix=matrix, offset=offset, scale=np.sqrt(variance))

    def forward(self, z: Float[Tensor, "*draw latent"]) -> Normal:
        """The distribution of x given z, of shape (..., x_dim)."""
        loc = _exact_linear(z, self.matrix, self.offset)
        return Normal(loc, self.scale.expand_as(loc), validate_args=False)


class _LinearStep(_Constants):
    matrix: Tensor
    offset: Tensor

    def forward(self, z: Tensor) -> Tensor:
        return _exact_linear(z, self.matrix, self.offset)


def _exact_linear(z: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """A linear map in full precision, also under autocast: a known system is not rounded."""
    with torch.autocast(z.device.type, enabled=False):
        return nn.functional.linear(z, matrix, offset)


class _SineStep(nn.Module):
    """The transition mean of `nonlinear-ukf`."""

    def forward(self, z: Tensor) -> Tensor:
        return 2 * torch.sin(z) + z


class LearnedGSSMStep(nn.Module):
    """[0.2 z1 + tanh(alpha z2); 0.2 z2 + sin(beta z1)], where alpha and beta are learned.

    It is the transition mean of the paper's figure 3.
    """

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(()))
        self.beta = nn.Parameter(torch.zeros(()))

    def forward(self, z: Float[Tensor, "*draw 2"]) -> Float[Tensor, "*draw 2"]:
        """The mean of the next state."""
        z1, z2 = z.unbind(-1)
        first = 0.2 * z1 + torch.tanh(self.alpha * z2)
        return torch.stack([first, 0.2 * z2 + torch.sin(self.beta * z1)], dim=-1)


def known_parts(name: str, system: System) -> dict[str, nn.Module]:
    """The initial state, transition and emission of a system, as keyword arguments of `DMM`.

    Args:
        name: name of the data set that the system generates.
        system: parameters of the system; its noise covariances must be diagonal.
    """
    if isinstance(system, LinearGaussian):
        step = _LinearStep(matrix=system.transition, offset=system.transition_offset)
        return _parts(
            (system.initial_loc, np.diag(system.initial_cov)),
            (step, np.diag(system.transition_cov)),
            (system.emission, system.emission_offset, np.diag(system.emission_cov)),
        )
    step = LearnedGSSMStep() if name == "nonlinear-gssm" else _SineStep()
    return _parts(
        (system.initial_loc, system.initial_var),
        (step, system.transition_var),
        (system.emission, np.zeros(len(system.emission)), system.emission_var),
    )


def _parts(
    initial: tuple[np.ndarray, np.ndarray],
    transition: tuple[nn.Module, np.ndarray],
    emission: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> dict[str, nn.Module]:
    return {
        "initial": KnownInitial(loc=initial[0], variance=initial[1]),
        "transition": KnownTransition(step=transition[0], variance=transition[1]),
        "emission": KnownEmission(matrix=emission[0], offset=emission[1], variance=emission[2]),
    }
