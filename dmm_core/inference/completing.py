"""Completing: draws what is free in a sequence of symbols, given what is fixed.

Every slot of every frame has a set of symbols that it may take. The set of a fixed slot has one
symbol, that of a free slot has all; a register, a scale or a rhythm are sets in between. A particle
filter draws the states and, slot after slot, the symbols:

    x_{t,i} ~ p(x_{t,i} given z_t, x_{t,<i}, and x_{t,i} in its set)

A slot multiplies the weight by p(x_{t,i} in its set given z_t, x_{t,<i}), so that the product of
the mean weights is an unbiased estimate of the probability of everything that is fixed, and the
paths approach draws from p(z, x given that every slot is in its set) as the number of particles
grows. Particles are resampled within a frame too, where their weights degenerate.

The states of frames that are fixed as a whole are proposed by the mixture of the inference network
and the transition (`dmm_core.inference.proposal`); the network reads the neighbouring frames that
are fixed as a whole. Other states come from the transition, because the network cannot read a frame
with free slots. Each alternative comes from a filter of its own.

Doucet and Johansen, "A tutorial on particle filtering and smoothing" (2009), section 4.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.distributions import constraints

from dmm_core.data.batching import SequenceBatch
from dmm_core.errors import DataError
from dmm_core.inference.checks import require_count, require_frames
from dmm_core.inference.seeded_sampling import batch_of, generator_for
from dmm_core.inference.smc import Particles, taken
from dmm_core.nn.dmm import DMM
from dmm_core.nn.frame import FrameDistribution, chosen
from dmm_core.nn.summary import Summary

__all__ = ["Completed", "complete", "fixed"]

_MOST_STORED = 100_000_000
"""Largest number of values of states and frames that a call may store, 0.4 GB."""

_IMPOSSIBLE = -1e6
"""A log-probability below this one stands for zero (`dmm_core.nn.intervals`)."""


class Completed(NamedTuple):
    """Alternatives of a sequence in which every slot is in its set, the best first.

    Attributes:
        x: (count, time, slot), the sequences: uint8 for binary features, else float32.
        mean: (count, time, slot), for binary features the probability of a 1, for others the
            probability of the slot's symbol; given the state and the slots before it.
        z: (count, time, latent), the latent paths.
        scale: (count, time, latent), the standard deviation of p(z_t given z_{t-1}).
        log_weight: (count,), each filter's estimate of the log-probability that all slots are in
            their sets, in nats, in falling order. The exponential of the estimate is unbiased if
            both temperatures are 1.
    """

    x: np.ndarray
    mean: Tensor
    z: Tensor
    scale: Tensor
    log_weight: np.ndarray


def fixed(x: np.ndarray, given: np.ndarray, categories: int) -> np.ndarray:
    """Return (T, slots, categories) bool, the sets in which the given slots keep their symbols.

    Args:
        x: (T, slots) symbols; those of free slots do not matter.
        given: (T, slots) bool, which slots are fixed. The others are free.
        categories: number of symbols; 2 for binary features.

    Raises:
        DataError: if the shapes differ, or a given value is no symbol.

    Example:
        >>> import numpy as np
        >>> from dmm_core.inference import fixed
        >>> fixed(np.array([[2, 0]]), np.array([[True, False]]), 3).tolist()
        [[[False, False, True], [True, True, True]]]
    """
    x, given = require_frames(x, "The sequence"), np.asarray(given, dtype=bool)
    if given.shape != x.shape:
        raise DataError(f"`given` has one value for each of {x.shape} slots, not {given.shape}.")
    sets = x[..., None] == np.arange(categories)
    if not sets.any(-1)[given].all():
        raise DataError(f"A given value is a whole number from 0 to {categories - 1}.")
    return np.where(given[..., None], sets, True)


@torch.no_grad()
def complete(
    model: DMM,
    allowed: np.ndarray,
    *,
    count: int,
    seed: int,
    particles: int = 256,
    z_temperature: float = 1.0,
    x_temperature: float = 1.0,
    u: np.ndarray | None = None,
    c: np.ndarray | None = None,
    progress: Callable[[float], None] | None = None,
) -> Completed:
    """Draw sequences from p(x given that every slot is in its set).

    Args:
        model: a model of binary or categorical features.
        allowed: (T, slots, categories) bool, the symbols that each slot may take (`fixed`). Binary
            features have the two symbols 0 and 1.
        count: number of independent alternatives.
        seed: seed of all random draws.
        particles: number of particles of the filter of each alternative. With more particles, the
            distribution of the draws approaches the exact posterior.
        z_temperature: factor of the standard deviation of the transitions, except into frames that
            are fixed as a whole.
        x_temperature: temperature of the draws of free slots, as in
            `dmm_core.inference.sampling.sample`. The weights are those of temperature 1.
        u: (T, u_dim) actions, for a model with actions.
        c: (T, c_dim) covariates, for a model with covariates.
        progress: called after each frame with the share of the frames that are done.

    Raises:
        DataError: if `count` or `particles` is less than 1, the features of the model are no
            symbols, the sets, actions or covariates do not fit the model, the work is too large, or
            no particle can meet the sets of a frame.

    Example:
        >>> import numpy as np
        >>> from dmm_core import complete, load_run, sample
        >>> from dmm_core.inference import fixed
        >>> model = load_run("bundled:chorales").model
        >>> x = sample(model, count=1, frames=8, seed=0).x[0].numpy()
        >>> top = np.arange(88) >= 48  # keep the notes from middle A flat up
        >>> keep = fixed(x, np.tile(top, (8, 1)), 2)
        >>> result = complete(model, keep, count=2, seed=1, particles=16)
        >>> result.x.shape, bool((result.x[:, :, top] == x[:, top]).all())
        ((2, 8, 88), True)
    """
    require_count("count", count)
    require_count("particles", particles)
    model.eval()
    allowed = _checked(model, allowed, particles * count)
    sets = torch.as_tensor(allowed, device=model.device)
    whole = (allowed.sum(-1) == 1).all(-1)
    binary = model.frame(model.initial().loc).support is constraints.boolean
    x = allowed.argmax(-1).astype(np.uint8 if binary else np.float32)
    generator = generator_for(model, seed)
    batch = batch_of(model, x, u=u, c=c)
    particle = Particles(model, batch, (particles, count), generator)
    summaries = _summaries(model, batch, whole)
    log_weight = batch.x.new_zeros(count)
    way = _Way([], [], [])
    for t in range(len(x)):
        summary = summaries.get(t)
        if summary is None:
            particle.move(t, z_temperature)
            step = _draw(particle, sets[t], batch.x[:, t], t, x_temperature)
        else:
            step = _read(particle, summary, t)
        log_weight = log_weight + step.gain
        assert particle.z is not None and particle.x_before is not None, "a step was made"
        way.z.append(particle.z)
        way.x.append(particle.x_before)
        way.source.append(step.source)
        if progress is not None:
            progress((t + 1) / len(x))
    best = log_weight.argsort(descending=True)
    last = torch.multinomial(particle.log_w.t().exp(), 1, generator=generator)
    z, frames = (path[best] for path in _traced(way, last.t()))
    return _completed(model, batch, z, frames, z_temperature, log_weight[best], binary)


class _Step(NamedTuple):
    """What a frame does to the particles.

    Attributes:
        gain: (alternative,), estimates of the log-probability of the frame's sets, given those of
            the frames before.
        source: (particle, alternative), each particle's ancestor of the frame before.
    """

    gain: Tensor
    source: Tensor


class _Way(NamedTuple):
    """The particles of every frame, after they were resampled, and their ancestors."""

    z: list[Tensor]
    x: list[Tensor]
    source: list[Tensor]


def _read(particle: Particles, summary: Summary, t: int) -> _Step:
    """Weight the particles by a frame that is fixed as a whole."""
    gain = particle.advance(t, summary)
    _require_possible(gain, t)
    return _Step(gain, particle.resample())


def _draw(
    particle: Particles,
    sets: Bool[Tensor, "slot category"],
    x: Float[Tensor, "one slot"],
    t: int,
    temperature: float,
) -> _Step:
    """Draw the slots of a frame one after another, and resample where the weights degenerate."""
    emission = particle.emission()
    whole = x.expand(*particle.shape, -1).clone()
    source = torch.arange(particle.shape[0], device=x.device)[:, None].expand(particle.shape)
    gain = x.new_zeros(particle.shape[1])
    for at in _blocks(sets, emission):
        log_p = emission.log_symbols(whole, at)
        within = log_p.masked_fill(~sets[at] | (log_p < _IMPOSSIBLE), -torch.inf)
        share = within.logsumexp(-1)
        if not bool((sets[at].sum(-1) == 1).all()):
            noise = torch.rand(
                share.shape, generator=particle.generator, device=x.device, dtype=x.dtype
            )
            logits = emission.tempered(within - share[..., None], temperature)
            whole[..., at] = chosen(logits, noise).to(whole)
        if bool(sets[at].all()):
            continue
        step = particle.weigh(share.sum(-1))
        _require_possible(step, t)
        gain = gain + step
        ancestor = particle.resample()
        whole, source = taken(whole, ancestor), source.gather(0, ancestor)
        emission = particle.emission()
    particle.x_before = whole
    return _Step(gain, source)


def _blocks(sets: Bool[Tensor, "slot category"], emission: FrameDistribution) -> Iterator[slice]:
    """Slots that are scored together: independent ones, or fixed ones that follow each other."""
    if emission.marginalises:
        yield slice(0, len(sets))
        return
    single = (sets.sum(-1) == 1).tolist()
    first = 0
    for i, is_fixed in enumerate(single):
        if not is_fixed or i + 1 == len(single) or not single[i + 1]:
            yield slice(first, i + 1)
            first = i + 1


def _traced(
    way: _Way, last: Int[Tensor, "one alternative"]
) -> tuple[Float[Tensor, "alternative time latent"], Float[Tensor, "alternative time slot"]]:
    """The path of the particle `last` of each alternative."""
    found = []
    for z, x, source in zip(*(part[::-1] for part in way), strict=True):
        found.append((taken(z, last)[0], taken(x.expand(*source.shape, -1), last)[0]))
        last = source.gather(0, last)
    z, x = (torch.stack(steps[::-1], dim=1) for steps in zip(*found, strict=True))
    return z, x


def _completed(
    model: DMM,
    batch: SequenceBatch,
    z: Float[Tensor, "alternative time latent"],
    x: Float[Tensor, "alternative time slot"],
    z_temperature: float,
    log_weight: Float[Tensor, " alternative"],
    binary: bool,
) -> Completed:
    """The result, with what the model says about the paths."""
    u, c = (None if part is None else part.expand(len(x), -1, -1) for part in (batch.u, batch.c))
    mask, lengths = batch.mask.expand(len(x), -1), batch.lengths.expand(len(x))
    drawn = SequenceBatch(x, mask, lengths, u, None, c)
    p = model.emit(z, drawn).log_prob(x).exp()
    return Completed(
        x.cpu().numpy().astype(np.uint8 if binary else np.float32),
        torch.where(x > 0, p, 1 - p) if binary else p,
        z,
        z_temperature * model.prior(z, drawn).scale,
        log_weight.cpu().double().numpy(),
    )


def _summaries(model: DMM, batch: SequenceBatch, whole: np.ndarray) -> dict[int, Summary]:
    """The network's summary of each frame that is fixed as a whole, from its run of such frames."""
    edges = np.flatnonzero(np.diff(np.pad(whole.astype(int), 1)))
    found = {}
    for start, end in edges.reshape(-1, 2).tolist():
        summary = model.summarise(batch.between(start, end))
        found |= {t: summary.at(t - start) for t in range(start, end)}
    return found


def _checked(model: DMM, allowed: np.ndarray, paths: int) -> np.ndarray:
    """The sets as an array that fits the model.

    Raises:
        DataError: if they do not fit, a set is empty, or the work is too large.
    """
    emission = model.frame(model.initial().loc)
    if emission.categories is None:
        emission.log_symbols(model.initial().loc, slice(None))  # says what to use instead
    wanted = (model.x_dim, emission.categories)
    allowed = np.asarray(allowed)
    if allowed.ndim != 3 or allowed.shape[1:] != wanted or not len(allowed):
        raise DataError(
            f"The sets are (frames, {wanted[0]} slots, {wanted[1]} symbols) for this model, not "
            f"{allowed.shape}."
        )
    if allowed.dtype != bool:
        raise DataError(f"The sets are true or false, not {allowed.dtype}.")
    if not (some := allowed.any(-1)).all():
        t, i = np.argwhere(~some)[0]
        raise DataError(f"Slot {i + 1} of frame {t + 1} may take no symbol: allow at least one.")
    stored = len(allowed) * paths * (model.z_dim + model.x_dim)
    if stored > _MOST_STORED:
        raise DataError(
            f"{len(allowed):,} frames and {paths:,} particles in all alternatives are {stored:,} "
            f"values, more than {_MOST_STORED:,}: use fewer particles, alternatives or frames."
        )
    return allowed


def _require_possible(gain: Float[Tensor, " alternative"], t: int) -> None:
    """Check that some particle of each filter meets the sets of the frame `t`."""
    if not bool(gain.isfinite().all()):
        raise DataError(
            f"What is kept in frame {t + 1} cannot follow what came before: no particle reaches "
            "it. Keep less there or in the frames before, or use more particles."
        )
