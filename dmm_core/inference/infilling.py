"""Infilling: draws new frames for a region of a sequence, given the frames around it.

The future depends on the past only through the state z_t, and in a DMM-Aug also through x_t.
Therefore a particle filter reads the frames before the region. Within the region the transition
moves the particles, and the frames after the region weight them:

    p(z, x_region given the rest) ∝ p(z_{<a} given x_{<a}) p(z_region, x_region given z_{a-1})
                                     p(z_{>=b}, x_{>=b} given z_{b-1}, x_{b-1})

Outside the region, the proposal (`dmm_core.inference.proposal`) applies the inference network to
the frames of the same side only. The weights correct for its error, so any network is valid. A
filter yields one path: the ancestors of a particle that is drawn at the end. Each alternative comes
from its own filter, so the alternatives are independent.

Doucet and Johansen, "A tutorial on particle filtering and smoothing" (2009), section 5.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from dmm_core.data.batching import SequenceBatch
from dmm_core.errors import DataError
from dmm_core.inference.checks import require_count, require_frames
from dmm_core.inference.sampling import Sample
from dmm_core.inference.seeded_sampling import (
    batch_of,
    generator_for,
)
from dmm_core.inference.smc import Particles, taken
from dmm_core.nn.constraints import Constraint
from dmm_core.nn.distributions import constrained
from dmm_core.nn.dmm import DMM
from dmm_core.nn.frame import DrawnFrame
from dmm_core.nn.summary import Summary

__all__ = ["Infilled", "infill"]


class Infilled(NamedTuple):
    """Alternatives of a sequence with a newly drawn region.

    Attributes:
        x: (count, T, x_dim), equal to the given frames outside the region. It has the type of the
            given frames, or that of the model if they are integers and the model draws real values.
        region: the draws within the region, of after - first frames.
    """

    x: np.ndarray
    region: Sample


@torch.no_grad()
def infill(
    model: DMM,
    x: np.ndarray,
    *,
    first: int,
    after: int,
    count: int,
    seed: int,
    particles: int = 256,
    z_temperature: float = 1.0,
    x_temperature: float = 1.0,
    constraint: Constraint | None = None,
    u: np.ndarray | None = None,
    observed: np.ndarray | None = None,
    c: np.ndarray | None = None,
) -> Infilled:
    """Draw x[first:after] given x[:first] and x[after:]; frames outside the region do not change.

    Args:
        model: the model to draw from.
        x: (T, x_dim) frames, uint8 or float32, as in `Sequences`. The values in the region are not
            used.
        first: first frame of the region, counted from 0.
        after: first frame after the region, from `first` + 1 to T.
        count: number of independent alternatives.
        seed: seed of all random draws.
        particles: number of particles of the filter of each alternative. With more particles, the
            distribution of the draws approaches the exact posterior.
        z_temperature: factor of the standard deviation of the transitions within the region.
        x_temperature: as in `dmm_core.inference.sampling.sample`, for the frames of the region.
        constraint: a constraint on the notes of the region.
        u: (T, u_dim) actions, for a model with actions.
        observed: (T, x_dim), 1 where a feature outside the region was observed; None if all were.
        c: (T, c_dim) covariates, for a model with covariates.

    Raises:
        DataError: if the region is not within the sequence, `count` or `particles` is less than 1,
            or the frames, actions or constraint do not fit the model.

    Example:
        >>> from dmm_core import infill, load_run, sample
        >>> model = load_run("bundled:chorales").model
        >>> x = sample(model, count=1, frames=12, seed=0).x[0].numpy()
        >>> result = infill(model, x, first=4, after=8, count=2, seed=1, particles=16)
        >>> result.x.shape, bool((result.x[:, :4] == x[:4]).all())
        ((2, 12, 88), True)
    """
    x = require_frames(x, "The sequence")
    if not 0 <= first < after <= len(x):
        raise DataError(
            f"A region of a sequence of {len(x)} frames lies within 0 to {len(x)}, not {first} to "
            f"{after}."
        )
    require_count("count", count)
    require_count("particles", particles)
    model.eval()
    generator = generator_for(model, seed)
    hole = x.copy()
    hole[first:after] = 0
    batch = batch_of(model, hole, u=u, observed=observed, c=c)
    particle = Particles(model, batch, (particles, count), generator)

    _read(particle, _seen(model, batch, 0, first), 0, first, whole=True)
    crossing = _cross(particle, first, after, z_temperature, x_temperature, constraint)
    origin = _read(particle, _seen(model, batch, after, len(x)), after, len(x))
    chosen = torch.multinomial(particle.log_w.t().exp(), 1, generator=generator)
    ancestor = origin.gather(0, chosen.t())

    z, scale = (_trace(states, ancestor) for states in (crossing.z, crossing.scale))
    if crossing.frames:
        frames = DrawnFrame(*(_trace(f, ancestor) for f in zip(*crossing.frames, strict=True)))
    else:  # no state depends on the region's frames, so they are drawn once the path is known
        known = batch.between(first, after).c
        emission = constrained(model.frame(z, c=known), constraint)
        frames = emission.draw(emission.noise(generator), x_temperature)
    drawn = frames.x.cpu().numpy()
    binary = x.dtype.kind in "bui" and bool(((drawn == 0) | (drawn == 1)).all())
    kind = x.dtype if binary or x.dtype.kind == "f" else drawn.dtype
    filled = np.repeat(x[None].astype(kind), count, axis=0)
    filled[:, first:after] = drawn > 0.5 if binary else drawn
    return Infilled(filled, Sample(z, frames.mean, frames.x, scale))


def _read(
    particle: Particles, summary: Summary | None, start: int, end: int, *, whole: bool = False
) -> Int[Tensor, "particle alternative"]:
    """Weight the particles by the frames from `start` to `end`.

    Args:
        particle: a filter for each alternative.
        summary: the inference network's summary of these frames; None if there are none.
        start: first frame.
        end: first frame after the last one.
        whole: read all frames even if the ancestors cannot change any more.

    Returns:
        The ancestor of each particle before these frames.
    """
    places = torch.arange(particle.shape[0], device=particle.log_w.device)
    origin = places[:, None].expand(particle.shape)
    for t in range(start, end):
        assert summary is not None, "there are frames"
        particle.advance(t, summary.at(t - start))
        origin = origin.gather(0, particle.resample())
        if not whole and (origin == origin[:1]).all():
            break  # one ancestor each: no later frame changes that
    return origin


class _Crossing(NamedTuple):
    """The particles' steps through the region; frames only if a later step depends on them."""

    z: list[Tensor]
    scale: list[Tensor]
    frames: list[DrawnFrame]


def _cross(
    particle: Particles,
    first: int,
    after: int,
    z_temperature: float,
    x_temperature: float,
    constraint: Constraint | None,
) -> _Crossing:
    """Move the particles through the region by the model's transition."""
    model = particle.model
    way = _Crossing([], [], [])
    for t in range(first, after):
        way.scale.append(particle.move(t, z_temperature))
        assert particle.z is not None, "a step was made"
        way.z.append(particle.z)
        if model.x_to_z or model.x_to_x:  # otherwise no later step depends on the frame
            emission = constrained(particle.emission(), constraint)
            way.frames.append(emission.draw(emission.noise(particle.generator), x_temperature))
            particle.x_before = way.frames[-1].x
    return way


def _seen(model: DMM, batch: SequenceBatch, start: int, end: int) -> Summary | None:
    """The network's summary of the frames `start` to `end` alone; None if there are none."""
    if start == end:
        return None
    return model.summarise(batch.between(start, end))


def _trace(
    steps: list[Tensor] | tuple[Tensor, ...], ancestor: Int[Tensor, "one alternative"]
) -> Float[Tensor, "alternative time size"]:
    """Each alternative's part of every step."""
    return torch.stack([taken(step, ancestor)[0] for step in steps], 1)
