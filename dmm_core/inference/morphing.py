"""Morphing: frames emitted along an interpolation between the posterior paths of two sequences."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dmm_core.errors import DataError
from dmm_core.inference.sampling import Sample
from dmm_core.inference.seeded_sampling import (
    batch_of,
    draw_noise,
    generator_for,
)
from dmm_core.nn.constraints import Constraint
from dmm_core.nn.distributions import constrained
from dmm_core.nn.dmm import DMM

__all__ = ["interpolate", "morph", "stretched"]

_PARALLEL = 1e-4
"""Angle in radians below which two states are interpolated on a line and not on an arc."""


class _States(NamedTuple):
    z: Tensor
    scale: Tensor


@torch.no_grad()
def morph(
    model: DMM,
    a: np.ndarray,
    b: np.ndarray,
    *,
    weights: np.ndarray,
    seed: int,
    spherical: bool = True,
    z_temperature: float = 1.0,
    x_temperature: float = 1.0,
    constraint: Constraint | None = None,
) -> Sample:
    """Draw frames along an interpolation between paths from q(z given a) and q(z given b).

    Both paths are resampled to a common length, so that their beginnings and ends coincide, and are
    then interpolated state by state.

    Args:
        model: the model whose inference network and emission are used.
        a: (T_a, x_dim) frames, uint8 or float32, as in `Sequences`.
        b: (T_b, x_dim) frames.
        weights: (count, frames), the interpolation weight of every frame of each alternative, from
            0 (a) to 1 (b).
        seed: seed of all random draws. All alternatives use the same two paths.
        spherical: whether to interpolate along arcs around the origin, which keep the length of a
            state, or along lines.
        z_temperature: factor of the noise of both paths; 0 gives the paths of conditional means.
        x_temperature: as in `dmm_core.inference.sampling.sample`.
        constraint: a constraint on the notes.

    Returns:
        A `Sample` whose `scale` is the interpolation of the posteriors' standard deviations.

    Raises:
        DataError: if the weights have another shape or are not between 0 and 1, the sequences do
            not fit the model, or the model has actions.

    Example:
        >>> import numpy as np
        >>> from dmm_core import load_run, morph, sample
        >>> model = load_run("bundled:chorales").model
        >>> a, b = sample(model, count=2, frames=8, seed=0).x.numpy()
        >>> morph(model, a, b, weights=np.linspace(0, 1, 12)[None], seed=0).x.shape
        torch.Size([1, 12, 88])
    """
    weights = np.asarray(weights)
    if weights.ndim != 2 or 0 in weights.shape or not ((weights >= 0) & (weights <= 1)).all():
        raise DataError(
            "Weights of a morph are an array (count, frames) with values from 0 to 1; this one has "
            f"the shape {weights.shape}, is empty, or has other values."
        )
    model.eval()
    generator = generator_for(model, seed)
    frames = weights.shape[1]
    ends = [_path(model, x, frames, z_temperature, generator) for x in (a, b)]
    weight = torch.as_tensor(weights).to(ends[0].z)[..., None]
    z = interpolate(ends[0].z, ends[1].z, weight, spherical=spherical)
    scale = torch.lerp(ends[0].scale.expand_as(z), ends[1].scale.expand_as(z), weight)
    noise = constrained(model.frame(z), constraint).noise(generator)
    steps, x_before = [], None
    for t in range(frames):
        emission = constrained(model.frame(z[:, t], x_before), constraint)
        steps.append(emission.draw(noise[:, t], x_temperature))
        x_before = steps[-1].x
    x, mean = (torch.stack(part, dim=1) for part in zip(*steps, strict=True))
    return Sample(z, mean, x, scale)


def interpolate(
    a: Float[Tensor, "time latent"],
    b: Float[Tensor, "time latent"],
    weight: Float[Tensor, "count time 1"],
    *,
    spherical: bool,
) -> Float[Tensor, "count time latent"]:
    """Interpolate between the states of two paths.

    Spherical interpolation (Shoemake, 1985) is (sin((1 - w) v) a + sin(w v) b) / sin v, where v is
    the angle between a and b. Parallel and opposite states have no unique arc, so they are
    interpolated on a line.

    Args:
        a: the states at weight 0.
        b: the states at weight 1.
        weight: the interpolation weights.
        spherical: whether to interpolate along arcs or along lines.
    """
    line = torch.lerp(a.expand(*weight.shape[:-1], -1), b.expand(*weight.shape[:-1], -1), weight)
    if not spherical:
        return line
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1).clamp(-1, 1)
    angle = cosine.arccos()[:, None]
    sine = angle.sin()
    arc = (torch.sin((1 - weight) * angle) * a + torch.sin(weight * angle) * b) / sine
    return torch.where(sine < _PARALLEL, line, arc)


def stretched(path: Float[Tensor, "time size"], frames: int) -> Float[Tensor, "frames size"]:
    """A path resampled to another length by linear interpolation; its ends do not change."""
    at = torch.linspace(0, len(path) - 1, frames, dtype=torch.float64, device=path.device)
    before = at.floor().long().clamp_max(len(path) - 1)
    after = (before + 1).clamp_max(len(path) - 1)
    return torch.lerp(path[before], path[after], (at - before).to(path)[:, None])


def _path(
    model: DMM, x: np.ndarray, frames: int, z_temperature: float, generator: torch.Generator
) -> _States:
    batch = batch_of(model, x)
    noise = draw_noise((*batch.mask.shape, model.z_dim), generator, batch.x)
    path = model.posterior(batch, z_temperature * noise)
    return _States(stretched(path.z[0], frames), stretched(path.scale[0], frames))
