"""Seeded sampling: noise from a generator, and paths from the posterior of one sequence."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dmm_core.data.batching import ResidentSequences, SequenceBatch
from dmm_core.data.sequences import Sequences
from dmm_core.inference.checks import require_fit_of
from dmm_core.nn.combiner import LatentPath
from dmm_core.nn.dmm import DMM

__all__ = [
    "FRAMES_AT_ONCE",
    "DrawnPaths",
    "batch_of",
    "draw_noise",
    "draw_paths",
    "generator_for",
    "portions",
    "resident",
]

FRAMES_AT_ONCE = 16_384
"""Frames, over all paths, that are drawn together: bounds memory, and fits caches."""


def generator_for(model: DMM, seed: int) -> torch.Generator:
    """A source of randomness on the model's device, started at `seed`."""
    return torch.Generator(model.device).manual_seed(seed)


def draw_noise(
    shape: tuple[int, ...], generator: torch.Generator, like: Tensor
) -> Float[Tensor, "..."]:
    """Standard normal draws on the device and in the type of `like`."""
    return torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)


def portions(draws: int, frames: int) -> Iterator[int]:
    """`draws` in portions of at most `FRAMES_AT_ONCE` frames each, where one draw has `frames`."""
    at_once = max(1, FRAMES_AT_ONCE // frames)
    for done in range(0, draws, at_once):
        yield min(at_once, draws - done)


def resident(model: DMM, sequences: Sequences) -> ResidentSequences:
    """Sequences on the device and in the type of a model, once it is clear that they fit it.

    Args:
        model: what will look at them.
        sequences: the data.

    Raises:
        DataError: if the model was not made for such sequences.
    """
    require_fit_of(model, sequences)
    like = model.initial().loc
    return ResidentSequences(sequences, like.device, like.dtype)


class DrawnPaths(NamedTuple):
    """Paths drawn from the posterior of one sequence.

    Attributes:
        batch: the sequence, as a batch of one.
        path: (draws, 1, time, latent) paths with their conditional Gaussians.
    """

    batch: SequenceBatch
    path: LatentPath


def draw_paths(
    model: DMM,
    x: np.ndarray,
    draws: int,
    generator: torch.Generator,
    *,
    u: np.ndarray | None = None,
    observed: np.ndarray | None = None,
) -> DrawnPaths:
    """Draw `draws` paths from q(z given x).

    Args:
        model: whose posterior.
        x: (T, x_dim) frames, uint8 or float32, as `Sequences` hold them.
        draws: how many.
        generator: on the model's device.
        u: (T, u_dim) actions, for a model of actions.
        observed: (T, x_dim), 1 where a feature was seen; all by default.

    Raises:
        DataError: if the actions are not those the model was made for.
    """
    batch = batch_of(model, x, u=u, observed=observed)
    noise = draw_noise((draws, *batch.mask.shape, model.z_dim), generator, batch.x)
    return DrawnPaths(batch, model.posterior(batch, noise))


def batch_of(
    model: DMM,
    x: np.ndarray,
    *,
    u: np.ndarray | None = None,
    observed: np.ndarray | None = None,
) -> SequenceBatch:
    """One sequence as a batch on the model's device and in its type.

    Args:
        model: what will look at it.
        x: (T, x_dim) frames, uint8 or float32, as `Sequences` hold them.
        u: (T, u_dim) actions, for a model of actions.
        observed: (T, x_dim), 1 where a feature was seen; all by default.

    Raises:
        DataError: if the model was not made for such a sequence.
    """
    sequence = Sequences(
        (x,),
        ("The sequence",),
        None if u is None else (u,),
        None if observed is None else (observed,),
    )
    return resident(model, sequence).everything()
