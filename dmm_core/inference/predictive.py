"""Distributions of the frames of an observed sequence: reconstructed, or imputed where missing."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dmm_core.data.sequences import Sequences
from dmm_core.inference.checks import require_count
from dmm_core.inference.forecasting import QUANTILES, levels_of
from dmm_core.inference.seeded_sampling import draw_paths, generator_for, resident
from dmm_core.inference.smc import smoothed_states
from dmm_core.nn.dmm import DMM

__all__ = ["Predictive", "imputed_frames", "reconstructed_frames"]


class Predictive(NamedTuple):
    """The distribution of each frame of a sequence, in the units of the data.

    Attributes:
        mean: (T, x_dim), the means; for binary features, probabilities.
        quantiles: (level, T, x_dim).
        levels: (level,), the levels of the quantiles, from 0 to 1.
        samples: (draw, T, x_dim) float32, drawn frames.
    """

    mean: np.ndarray
    quantiles: np.ndarray
    levels: np.ndarray
    samples: np.ndarray


@torch.no_grad()
def reconstructed_frames(
    model: DMM,
    x: np.ndarray,
    *,
    seed: int,
    draws: int = 200,
    quantiles: Sequence[float] = QUANTILES,
    u: np.ndarray | None = None,
    observed: np.ndarray | None = None,
    c: np.ndarray | None = None,
) -> Predictive:
    """The distribution of p(x_t given z_t) over paths drawn from q(z given x).

    Args:
        model: the model that encodes and decodes the sequence.
        x: (T, x_dim) frames, as in `Sequences`.
        seed: seed of all random draws.
        draws: number of paths, with one drawn sequence each.
        quantiles: levels of the quantiles.
        u: (T, u_dim) actions, for a model with actions.
        observed: (T, x_dim), 1 where a feature was observed; None if all were.
        c: (T, c_dim) covariates, for a model with covariates.

    Raises:
        DataError: if there are no draws, or the sequence does not fit the model.
    """
    require_count("draws", draws)
    levels = levels_of(quantiles)
    model.eval()
    generator = generator_for(model, seed)
    batch, path = draw_paths(model, x, draws, generator, u=u, observed=observed, c=c)
    emission = model.emit(path.z, batch)
    drawn = emission.draw(emission.noise(generator), 1.0)
    return _predictive(drawn.mean[:, 0], drawn.x[:, 0], levels)


@torch.no_grad()
def imputed_frames(
    model: DMM,
    sequence: Sequences,
    *,
    seed: int,
    draws: int = 200,
    particles: int = 200,
    quantiles: Sequence[float] = QUANTILES,
) -> Predictive:
    """The distribution of every feature given all observed values of a sequence.

    The states come from a particle smoother (`dmm_core.inference.smc.smoothed_states`). For a value
    that was not observed this is its imputation; `impute` gives the means of many sequences.

    Args:
        model: a model that can leave features out; it is put in evaluation mode.
        sequence: one sequence, with `observed`.
        seed: seed of all random draws.
        draws: frames drawn at each step.
        particles: weighted states of each step; the cost grows with their square.
        quantiles: levels of the quantiles.

    Raises:
        DataError: if a number is too small, or the sequence does not fit the model.
    """
    require_count("draws", draws)
    require_count("particles", particles)
    levels = levels_of(quantiles)
    model.eval()
    generator = generator_for(model, seed)
    batch = resident(model, sequence.one(0)).everything()
    means, frames = [], []
    for t, (z, log_w) in enumerate(smoothed_states(model, batch, particles, generator)):
        chosen = torch.multinomial(log_w[:, 0].exp(), draws, replacement=True, generator=generator)
        c = None if batch.c is None else batch.c[0, t]
        emission = model.frame(z[chosen, 0], batch.x[0, t - 1] if t else None, c)
        drawn = emission.draw(emission.noise(generator), 1.0)
        means.append(drawn.mean)
        frames.append(drawn.x)
    return _predictive(torch.stack(means, dim=1), torch.stack(frames, dim=1), levels)


def _predictive(means: Tensor, frames: Tensor, levels: np.ndarray) -> Predictive:
    drawn = frames.cpu().float().numpy()
    mean = means.mean(0).cpu().double().numpy()
    return Predictive(mean, np.quantile(drawn, levels, axis=0), levels, drawn)
