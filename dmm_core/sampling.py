"""New sequences from a model: from nothing, after a start, and through the posterior."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Normal

from dmm_core.draws import draw_noise, draw_paths, generator_for
from dmm_core.model import DMM

__all__ = ["Sample", "continuation", "reconstruct", "sample"]


class Sample(NamedTuple):
    """Sequences drawn from a model.

    Attributes:
        z: (count, time, latent), the latent paths.
        mean: (count, time, feature), mean of p(x_t given z_t): for notes, their probabilities.
        x: (count, time, feature), the frames drawn.
    """

    z: Tensor
    mean: Tensor
    x: Tensor


@torch.no_grad()
def sample(
    model: DMM,
    *,
    count: int,
    frames: int,
    seed: int,
    z_temperature: float = 1.0,
    x_temperature: float = 1.0,
) -> Sample:
    """Ancestral sampling: z_1 ~ p(z_1), z_t ~ p(z_t given z_{t-1}), x_t ~ p(x_t given z_t).

    Args:
        model: what to draw from.
        count: sequences.
        frames: time steps of each.
        seed: decides all draws.
        z_temperature: scales the standard deviation of every transition; 0 is the mean rollout.
        x_temperature: divides a note's logit, or scales a real value's standard deviation; 0 takes
            the more likely value.
    """
    model.eval()
    first = model.initial()
    generator = generator_for(model, seed)
    noise = draw_noise((frames, count, model.z_dim), generator, first.loc)
    z = first.loc + z_temperature * first.scale * noise[0]
    path = _roll_out(model, z, noise[1:], z_temperature)
    return _emit(model, torch.stack([z, *path], dim=1), x_temperature, generator)


@torch.no_grad()
def continuation(
    model: DMM,
    start: np.ndarray,
    *,
    count: int,
    frames: int,
    seed: int,
    z_temperature: float = 1.0,
    x_temperature: float = 1.0,
) -> Sample:
    """What may follow `start`: z_T ~ q(z_T given start), then the prior's rollout from there.

    Args:
        model: what to draw from.
        start: (T, x_dim) frames, uint8 or float32, as `Sequences` hold them.
        count: alternatives.
        frames: time steps after the start; only they are returned.
        seed: decides all draws.
        z_temperature: as in `sample`, for the rollout.
        x_temperature: as in `sample`.
    """
    model.eval()
    generator = generator_for(model, seed)
    z = draw_paths(model, start, count, generator).path.z[:, 0, -1]
    noise = draw_noise((frames, count, model.z_dim), generator, z)
    path = _roll_out(model, z, noise, z_temperature)
    return _emit(model, torch.stack(path, dim=1), x_temperature, generator)


@torch.no_grad()
def reconstruct(
    model: DMM, x: np.ndarray, *, seed: int, draws: int = 100
) -> Float[Tensor, "time feature"]:
    """The mean of p(x_t given z_t) over paths drawn from q(z given x).

    Args:
        model: what to look through.
        x: (T, x_dim) frames, uint8 or float32, as `Sequences` hold them.
        seed: decides all draws.
        draws: paths to average.
    """
    model.eval()
    path = draw_paths(model, x, draws, generator_for(model, seed)).path
    return model.emit(path.z).mean[:, 0].mean(0)


def _roll_out(model: DMM, z: Tensor, noise: Tensor, temperature: float) -> list[Tensor]:
    path = []
    for step in noise:
        following = model.transition(z)
        z = following.loc + temperature * following.scale * step
        path.append(z)
    return path


def _emit(model: DMM, z: Tensor, temperature: float, generator: torch.Generator) -> Sample:
    emission = model.emit(z)
    return Sample(z, emission.mean, _draw(emission, temperature, generator))


def _draw(emission: Distribution, temperature: float, generator: torch.Generator) -> Tensor:
    if isinstance(emission, Bernoulli):
        if temperature == 0.0:
            return (emission.logits > 0).to(emission.logits.dtype)
        return torch.bernoulli(torch.sigmoid(emission.logits / temperature), generator=generator)
    if isinstance(emission, Normal):
        noise = draw_noise(tuple(emission.loc.shape), generator, emission.loc)
        return emission.loc + temperature * emission.scale * noise
    raise TypeError(f"There is no way to draw from {type(emission).__name__}.")
