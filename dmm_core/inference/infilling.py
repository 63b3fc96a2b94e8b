"""Infilling: new frames for a region of a sequence, drawn given all that stands around it.

What follows a frame depends on what came before only through the state z_t (and x_t, of a
DMM-Aug). So a particle filter reads the frames before the region, its particles cross the region by
the transition, and the frames after it weigh them:

    p(z, x_region given the rest) ∝ p(z_{<a} given x_{<a}) p(z_region, x_region given z_{a-1})
                                     p(z_{>=b}, x_{>=b} given z_{b-1}, x_{b-1})

Outside the region the proposal (`dmm_core.inference.proposal`) uses an inference network that is
shown the frames of that side only. The weights correct for its error, so any network serves. A
filter gives one path, the ancestor of a particle that is alive at the end. Each alternative comes
from a filter of its own, so the alternatives are independent.
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
    draw_noise,
    generator_for,
)
from dmm_core.inference.smc import Particles
from dmm_core.nn.constraints import Constraint
from dmm_core.nn.distributions import constrained
from dmm_core.nn.dmm import DMM
from dmm_core.nn.frame import DrawnFrame
from dmm_core.nn.summary import Summary

__all__ = ["Infilled", "infill"]


class Infilled(NamedTuple):
    """A sequence with its region drawn anew, several times.

    Attributes:
        x: (count, T, x_dim), equal to the given frames outside the region, and of their type (of
            the model's where real values were drawn among whole numbers).
        region: what was drawn there; its time counts from the region's first frame.
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
) -> Infilled:
    """Draw x[first:after] anew given x[:first] and x[after:], which stay to the last bit.

    Args:
        model: what to draw from.
        x: (T, x_dim) frames, uint8 or float32, as `Sequences` hold them; the region's are not read.
        first: first frame of the region, from 0.
        after: the frame behind its last, `first` + 1 to T.
        count: alternatives, independent of each other.
        seed: decides all draws.
        particles: of each alternative's filter; more come nearer to the exact posterior.
        z_temperature: scales the standard deviation of the transitions into the region.
        x_temperature: as in `dmm_core.inference.sampling.sample`, for the frames of the region.
        constraint: what the notes of the region keep to.
        u: (T, u_dim) actions, for a model of actions.
        observed: (T, x_dim), 1 where a feature outside the region was seen; all by default.

    Raises:
        DataError: if there is no such region, a number is too small, or the model was not made for
            such frames, actions or constraint.
    """
    x = require_frames(x, "The sequence")
    if not 0 <= first < after <= len(x):
        raise DataError(
            f"A region of {len(x)} frames lies within 0 to {len(x)}, not {first} to {after}."
        )
    require_count("count", count)
    require_count("particles", particles)
    model.eval()
    generator = generator_for(model, seed)
    hole = x.copy()
    hole[first:after] = 0
    batch = batch_of(model, hole, u=u, observed=observed)
    particle = Particles(model, batch, (particles, count), generator)

    _read(particle, _seen(model, batch, 0, first), 0, first, whole=True)
    crossing = _cross(particle, first, after, z_temperature, x_temperature, constraint)
    origin = _read(particle, _seen(model, batch, after, len(x)), after, len(x))
    chosen = torch.multinomial(particle.log_w.t().exp(), 1, generator=generator)
    ancestor = origin.gather(0, chosen.t())

    z, scale = (_trace(states, ancestor) for states in (crossing.z, crossing.scale))
    if crossing.frames:
        frames = DrawnFrame(*(_trace(f, ancestor) for f in zip(*crossing.frames, strict=True)))
    else:  # nothing depended on the region's frames, so they can wait until the path is known
        emission = constrained(model.frame(z), constraint)
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
    """Weigh the particles by the frames from `start` to `end`; their ancestors before these.

    Args:
        particle: a filter for each alternative.
        summary: what the inference network says of these frames; None where there are none.
        start: first frame.
        end: the frame behind the last.
        whole: read to the end even when nothing about the ancestors can change any more.
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
    """The particles' way through the region, a tensor a step; frames only if they were needed."""

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
    """Move the particles through the region by the model itself."""
    model = particle.model
    way = _Crossing([], [], [])
    for t in range(first, after):
        prior = particle.prior(t)
        noise = draw_noise((*particle.shape, model.z_dim), particle.generator, prior.loc)
        scale = z_temperature * prior.scale.expand_as(noise)
        particle.z = prior.loc + scale * noise
        way.z.append(particle.z)
        way.scale.append(scale)
        if model.x_to_z or model.x_to_x:  # else no later step asks for the frame
            emission = constrained(particle.emission(), constraint)
            way.frames.append(emission.draw(emission.noise(particle.generator), x_temperature))
            particle.x_before = way.frames[-1].x
    return way


def _seen(model: DMM, batch: SequenceBatch, start: int, end: int) -> Summary | None:
    """What the network says of frames `start` to `end` by themselves; None of no frames."""
    if start == end:
        return None
    part = SequenceBatch(
        batch.x[:, start:end],
        batch.mask[:, start:end],
        torch.full_like(batch.lengths, end - start),
        None if batch.u is None else batch.u[:, start:end],
        None if batch.observed is None else batch.observed[:, start:end],
    )
    return model.inference.summarise(part)


def _trace(
    steps: list[Tensor] | tuple[Tensor, ...], ancestor: Int[Tensor, "one alternative"]
) -> Float[Tensor, "alternative time size"]:
    """Each alternative's part of every step."""
    return torch.stack(
        [step.gather(0, ancestor[..., None].expand(1, *step.shape[1:]))[0] for step in steps], 1
    )
