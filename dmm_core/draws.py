"""Seeded draws: noise, and paths from the posterior of one sequence."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dmm_core.data.batching import ResidentSequences, SequenceBatch
from dmm_core.data.sequences import Sequences
from dmm_core.model import DMM
from dmm_core.nn.inference import LatentPath

__all__ = ["DrawnPaths", "draw_noise", "draw_paths", "generator_for"]


def generator_for(model: DMM, seed: int) -> torch.Generator:
    """A source of randomness on the model's device, started at `seed`."""
    return torch.Generator(model.device).manual_seed(seed)


def draw_noise(
    shape: tuple[int, ...], generator: torch.Generator, like: Tensor
) -> Float[Tensor, "..."]:
    """Standard normal draws on the device and in the type of `like`."""
    return torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)


class DrawnPaths(NamedTuple):
    """Paths drawn from the posterior of one sequence.

    Attributes:
        batch: the sequence, as a batch of one.
        path: (draws, 1, time, latent) paths with their conditional Gaussians.
    """

    batch: SequenceBatch
    path: LatentPath


def draw_paths(model: DMM, x: np.ndarray, draws: int, generator: torch.Generator) -> DrawnPaths:
    """Draw `draws` paths from q(z given x).

    Args:
        model: whose posterior.
        x: (T, x_dim) frames, uint8 or float32, as `Sequences` hold them.
        draws: how many.
        generator: on the model's device.
    """
    like = model.initial().loc
    batch = ResidentSequences(Sequences((x,), ("x",)), like.device, like.dtype).everything()
    noise = draw_noise((draws, *batch.mask.shape, model.z_dim), generator, like)
    return DrawnPaths(batch, model.posterior(batch.x, batch.lengths, noise))
