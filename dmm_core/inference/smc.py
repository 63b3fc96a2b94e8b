"""Particle filters: an estimate of the likelihood, and weighed states at any frame.

States come from `dmm_core.inference.proposal`, the model weighs them, and particles are resampled
where their weights degenerate. The estimate of p(x) is unbiased whatever the network sees, so that
of -log p(x) is an upper bound in expectation (Doucet and Johansen, 2009; Maddison et al.,
"Filtering variational objectives", 2017).
"""

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Distribution, Normal

from dmm_core.data.batching import SequenceBatch, in_order
from dmm_core.data.sequences import Sequences
from dmm_core.inference.checks import require_count
from dmm_core.inference.evaluation import Estimate, estimate_of
from dmm_core.inference.proposal import TRANSITION_SHARE, propose
from dmm_core.inference.seeded_sampling import FRAMES_AT_ONCE, generator_for, resident
from dmm_core.nn.dmm import DMM
from dmm_core.nn.summary import Summary

__all__ = [
    "Particles",
    "Resampled",
    "Weighted",
    "last_states",
    "resampled",
    "smc_log_likelihood",
    "smc_nll",
    "smoothed_states",
    "systematic",
]


class Particles:
    """Weighed particles of several filters side by side, (particle, filter, ..).

    Args:
        model: whose states they are.
        batch: what they are weighed by: a sequence for each filter, or one for all of them.
        shape: particles of a filter, and filters.
        generator: on the model's device.
        share: of the particles that the transition proposes.

    Attributes:
        z: (particle, filter, latent), states of the last step; None before the first.
        log_w: (particle, filter), log-weights, normalised over the particles.
        x_before: the frames that the next step sees, broadcasting to (particle, filter, feature).
    """

    def __init__(
        self,
        model: DMM,
        batch: SequenceBatch,
        shape: tuple[int, int],
        generator: torch.Generator,
        share: float = TRANSITION_SHARE,
    ) -> None:
        self.model = model
        self.batch = batch
        self.shape = shape
        self.generator = generator
        self.share = share
        self.z: Tensor | None = None
        self.x_before: Tensor = torch.zeros_like(batch.x[:, 0])
        self.log_w = batch.x.new_full(shape, -math.log(shape[0]))

    def prior(self, t: int) -> Normal:
        """p(z_t given the particles)."""
        if self.z is None:
            return self.model.initial()
        u = self.batch.u_before[:, t] if self.model.u_dim else None
        return self.model.next_state(self.z, self.x_before, u)

    def emission(self) -> Distribution:
        """p(x_t given the particles)."""
        assert self.z is not None, "a step was made"
        return self.model.frame(self.z, self.x_before)

    def advance(self, t: int, summary: Summary) -> Float[Tensor, " filter"]:
        """Move to step `t` and weigh by its frame; an estimate of log p(x_t given x_{1:t-1}).

        Args:
            t: the step; 0 is the first.
            summary: what the inference network says of it.
        """
        prior = self.prior(t)
        proposed = propose(
            self.model, summary, self.z, prior, self.shape, self.generator, self.share
        )
        self.z, x = proposed.z, self.batch.x[:, t]
        terms = self.emission().log_prob(x)
        if self.batch.observed is not None:
            terms = terms * self.batch.observed[:, t]
        log_w = self.log_w + (terms.sum(-1) + proposed.gain) * self.batch.mask[:, t]
        step = torch.logsumexp(log_w, dim=0)
        self.log_w, self.x_before = log_w - step, x
        return step

    def resample(self) -> Int[Tensor, "particle filter"]:
        """Resample the filters whose weights degenerate; for each place, where it came from."""
        assert self.z is not None, "a step was made"
        source, self.log_w = resampled(self.log_w, self.generator)
        self.z = self.z.gather(0, source[..., None].expand_as(self.z))
        return source


@torch.no_grad()
def smc_log_likelihood(
    model: DMM, batch: SequenceBatch, particles: int, generator: torch.Generator
) -> Float[Tensor, " batch"]:
    """An estimate of log p(x) of each sequence, in nats; its exponential is unbiased.

    Particles are resampled (systematically) where their effective number falls below half.

    Args:
        model: what explains the sequences.
        batch: the sequences.
        particles: how many.
        generator: on the model's device.
    """
    summary = model.inference.summarise(batch)
    rows, steps = batch.mask.shape
    filters = Particles(model, batch, (particles, rows), generator)
    total = batch.x.new_zeros(rows)
    for t in range(steps):
        total = total + filters.advance(t, summary.at(t))
        filters.resample()
    return total


class Weighted(NamedTuple):
    """Weighed states of one frame of each sequence.

    Attributes:
        z: (particle, batch, latent).
        log_w: (particle, batch), log-weights, normalised over the particles.
    """

    z: Tensor
    log_w: Tensor


@torch.no_grad()
def last_states(
    model: DMM, batch: SequenceBatch, particles: int, generator: torch.Generator
) -> Weighted:
    """p(z_T given x_{1:T}) of sequences of one length, as weighed particles.

    Args:
        model: whose states.
        batch: sequences of equal length.
        particles: of each sequence.
        generator: on the model's device.
    """
    (last,) = deque(_filtered(model, batch, particles, generator), maxlen=1)
    return last


@torch.no_grad()
def smoothed_states(
    model: DMM, batch: SequenceBatch, particles: int, generator: torch.Generator
) -> list[Weighted]:
    """p(z_t given x_{1:T}) for every t of sequences of one length, as weighed particles.

    The filter's particles are weighed anew from the last frame backwards: the weight of z_t is its
    filter's weight times the sum over particles z_{t+1} of their weight, shared among the z_t in
    proportion to p(z_{t+1} given z_t) (Doucet and Johansen, 2009, section 5.1).

    Args:
        model: whose states.
        batch: sequences of equal length.
        particles: of each sequence; the cost grows with their square.
        generator: on the model's device.
    """
    states = list(_filtered(model, batch, particles, generator))
    for t in range(len(states) - 2, -1, -1):
        z, log_w = states[t]
        after = states[t + 1]
        moves = _log_densities(model.prior_of_step(batch, t + 1, z), after.z)
        predicted = torch.logsumexp(moves + log_w[:, None], dim=0)  # of each z_{t+1}
        log_w = log_w + torch.logsumexp(moves + (after.log_w - predicted), dim=1)
        states[t] = Weighted(z, log_w - torch.logsumexp(log_w, dim=0))
    return states


def _filtered(
    model: DMM, batch: SequenceBatch, particles: int, generator: torch.Generator
) -> Iterator[Weighted]:
    """The weighed states of every step, before they are resampled."""
    summary = model.inference.summarise(batch)
    rows, steps = batch.mask.shape
    filters = Particles(model, batch, (particles, rows), generator)
    for t in range(steps):
        filters.advance(t, summary.at(t))
        assert filters.z is not None, "a step was made"
        yield Weighted(filters.z, filters.log_w)
        filters.resample()


def _log_densities(
    prior: Normal, z: Float[Tensor, "to batch latent"]
) -> Float[Tensor, "from to batch"]:
    """Log p(z given each of the states that `prior` is of), for all pairs.

    The square is multiplied out, so that pairs cost a matrix product; in double precision, where
    the hardware has it, because that cancels.
    """
    wide = torch.float32 if z.device.type == "mps" else torch.float64
    loc, scale, to = (part.to(wide).transpose(0, 1) for part in (prior.loc, prior.scale, z))
    precision = scale.pow(-2)
    constant = (loc.square() * precision + 2 * scale.log()).sum(-1)
    cross = (loc * precision) @ to.mT
    square = constant[..., None] - 2 * cross + precision @ to.square().mT
    return (-0.5 * (square + z.shape[-1] * math.log(2 * math.pi))).to(z.dtype).movedim(0, -1)


class Resampled(NamedTuple):
    """Which particles live on.

    Attributes:
        source: (particle, batch), for each place the particle that takes it.
        log_w: (particle, batch), the log-weights afterwards.
    """

    source: Tensor
    log_w: Tensor


def resampled(log_w: Float[Tensor, "particle batch"], generator: torch.Generator) -> Resampled:
    """Resample the particles of each filter whose effective number is below half.

    Args:
        log_w: log-weights, normalised over the particles.
        generator: on their device.
    """
    particles = len(log_w)
    tired = torch.logsumexp(2 * log_w, dim=0).neg().exp() < particles / 2
    chosen = systematic(log_w.exp(), generator)
    kept = torch.arange(particles, device=log_w.device)[:, None].expand_as(chosen)
    source = torch.where(tired, chosen, kept)
    return Resampled(source, torch.where(tired, -math.log(particles), log_w))


def systematic(
    weights: Float[Tensor, "particle batch"], generator: torch.Generator
) -> Int[Tensor, "particle batch"]:
    """For each particle the one to take its place: each is chosen in proportion to its weight."""
    particles, rows = weights.shape
    edges = weights.cumsum(0)
    edges = edges / edges[-1]
    offset = torch.rand(rows, generator=generator, device=weights.device, dtype=weights.dtype)
    points = (torch.arange(particles, device=weights.device)[:, None] + offset) / particles
    return (
        torch.searchsorted(edges.t().contiguous(), points.t().contiguous())
        .t()
        .clamp_max(particles - 1)
    )


@torch.no_grad()
def smc_nll(
    model: DMM, sequences: Sequences, *, particles: int, replicates: int = 4, seed: int
) -> Estimate:
    """-log p(x) of a set of sequences, over all their frames, by independent particle filters.

    Each filter's estimate of p(x) is unbiased, so the result is an upper bound in expectation; it
    falls towards the exact value with more particles.

    Args:
        model: on any device; it is put in evaluation mode.
        sequences: what to explain.
        particles: of each filter, 1 or more.
        replicates: independent filters of each sequence, 2 or more; their estimates are averaged.
        seed: decides all draws.

    Raises:
        DataError: if a number is too small, or the model was not made for such sequences.
    """
    require_count("particles", particles)
    require_count("replicates", replicates, least=2)
    model.eval()
    generator = generator_for(model, seed)
    lying = resident(model, sequences)
    found = torch.empty(replicates, len(sequences), dtype=torch.float64)
    rows = max(1, FRAMES_AT_ONCE // (particles * replicates))
    for together in in_order(sequences.lengths, FRAMES_AT_ONCE // replicates):
        for indices in np.split(together, range(rows, len(together), rows)):
            batch = lying.batch(np.tile(indices, replicates))
            log_likelihood = smc_log_likelihood(model, batch, particles, generator)
            found[:, indices] = log_likelihood.cpu().double().view(replicates, -1)
    return estimate_of(found, sequences.frames)
