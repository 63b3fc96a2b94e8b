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
"""Largest number of frames, over all paths, that are drawn at once. It bounds the memory and keeps
the tensors in the processor's caches."""


def generator_for(model: DMM, seed: int) -> torch.Generator:
    """A random generator on the model's device, seeded with `seed`."""
    return torch.Generator(model.device).manual_seed(seed)


def draw_noise(
    shape: tuple[int, ...], generator: torch.Generator, like: Tensor
) -> Float[Tensor, "..."]:
    """Standard normal draws with the device and type of `like`."""
    return torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)


def portions(draws: int, frames: int) -> Iterator[int]:
    """Split a number of draws into portions of at most `FRAMES_AT_ONCE` frames.

    Args:
        draws: number of draws.
        frames: frames of one draw.

    Yields:
        The number of draws of each portion.
    """
    at_once = max(1, FRAMES_AT_ONCE // frames)
    for done in range(0, draws, at_once):
        yield min(at_once, draws - done)


def resident(model: DMM, sequences: Sequences) -> ResidentSequences:
    """Check that sequences fit a model, and move them to its device and type.

    Args:
        model: the model.
        sequences: the sequences.

    Raises:
        DataError: if the sequences do not fit the model.
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
    c: np.ndarray | None = None,
) -> DrawnPaths:
    """Draw `draws` paths from q(z given x).

    Args:
        model: the model whose posterior is used.
        x: (T, x_dim) frames, uint8 or float32, as in `Sequences`.
        draws: number of paths.
        generator: generator of the random numbers, on the model's device.
        u: (T, u_dim) actions, for a model with actions.
        observed: (T, x_dim), 1 where a feature was observed; None if all were.
        c: (T, c_dim) covariates, for a model with covariates.

    Raises:
        DataError: if the sequence does not fit the model.
    """
    batch = batch_of(model, x, u=u, observed=observed, c=c)
    noise = draw_noise((draws, *batch.mask.shape, model.z_dim), generator, batch.x)
    return DrawnPaths(batch, model.posterior(batch, noise))


def batch_of(
    model: DMM,
    x: np.ndarray,
    *,
    u: np.ndarray | None = None,
    observed: np.ndarray | None = None,
    c: np.ndarray | None = None,
) -> SequenceBatch:
    """One sequence as a batch on the model's device and in its type.

    Args:
        model: the model.
        x: (T, x_dim) frames, uint8 or float32, as in `Sequences`.
        u: (T, u_dim) actions, for a model with actions.
        observed: (T, x_dim), 1 where a feature was observed; None if all were.
        c: (T, c_dim) covariates, for a model with covariates.

    Raises:
        DataError: if the sequence does not fit the model.
    """
    sequence = Sequences(
        (x,),
        ("The sequence",),
        None if u is None else (u,),
        None if observed is None else (observed,),
        None if c is None else (c,),
    )
    return resident(model, sequence).everything()
