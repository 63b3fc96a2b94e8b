"""Particle filters and smoothers: estimates of the likelihood, and weighted states of each frame.

States are drawn from `dmm_core.inference.proposal` and weighted by the model. Particles are
resampled when their weights degenerate. The estimate of p(x) is unbiased for any inference network,
so the estimate of -log p(x) is an upper bound in expectation (Doucet and Johansen, "A tutorial on
particle filtering and smoothing", 2009; Maddison et al., "Filtering variational objectives", 2017).
"""

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Normal

from dmm_core.data.batching import SequenceBatch, in_order
from dmm_core.data.sequences import Sequences
from dmm_core.inference.checks import require_count
from dmm_core.inference.evaluation import Estimate, estimate_of
from dmm_core.inference.proposal import TRANSITION_SHARE, propose
from dmm_core.inference.seeded_sampling import (
    FRAMES_AT_ONCE,
    draw_noise,
    generator_for,
    resident,
)
from dmm_core.nn.dmm import DMM
from dmm_core.nn.frame import FrameDistribution
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
    "taken",
]


class Particles:
    """Weighted particles of several independent filters, of shape (particle, filter, ..).

    Args:
        model: the model whose states are filtered.
        batch: the observations: one sequence for each filter, or one sequence for all of them.
        shape: number of particles of a filter, and number of filters.
        generator: generator of the random numbers, on the model's device.
        share: share of the particles that the transition proposes.

    Attributes:
        z: (particle, filter, latent), states of the last step; None before the first step.
        log_w: (particle, filter), log-weights, normalised over the particles.
        x_before: the previous frame, of a shape that broadcasts to (particle, filter, feature);
            None before the first step.
        c: the covariates of the current step, of a shape that broadcasts in the same way; None
            without covariates.
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
        self.x_before: Tensor | None = None
        self.c: Tensor | None = None
        self.log_w = batch.x.new_full(shape, -math.log(shape[0]))

    def prior(self, t: int) -> Normal:
        """p(z_t given z_{t-1}) of the particles; step `t` becomes the current step."""
        self.c = None if self.batch.c is None else self.batch.c[:, t]
        if self.z is None:
            return self.model.first_state(self.c)
        u = self.batch.u_before[:, t] if self.model.u_dim else None
        return self.model.next_state(self.z, self.x_before, u, self.c)

    def emission(self) -> FrameDistribution:
        """p(x_t given z_t) of the particles."""
        assert self.z is not None, "a step was made"
        return self.model.frame(self.z, self.x_before, self.c)

    def advance(self, t: int, summary: Summary) -> Float[Tensor, " filter"]:
        """Propose the states of step `t`, and weight them by its frame.

        Args:
            t: the step, counted from 0.
            summary: the inference network's summary of the step.

        Returns:
            An estimate of log p(x_t given x_{1:t-1}) of each filter, in nats.
        """
        prior = self.prior(t)
        proposed = propose(
            self.model, summary, self.z, prior, self.shape, self.generator, self.share
        )
        self.z, x = proposed.z, self.batch.x[:, t]
        terms = self.emission().log_prob(x)
        if self.batch.observed is not None:
            terms = terms * self.batch.observed[:, t]
        self.x_before = x
        return self.weigh((terms.sum(-1) + proposed.gain) * self.batch.mask[:, t])

    def move(self, t: int, temperature: float) -> Float[Tensor, "particle filter latent"]:
        """Draw the states of step `t` from the transition.

        Args:
            t: the step, counted from 0.
            temperature: factor of the standard deviation.

        Returns:
            The standard deviation of the draws.
        """
        prior = self.prior(t)
        noise = draw_noise((*self.shape, self.model.z_dim), self.generator, prior.loc)
        scale = temperature * prior.scale.expand_as(noise)
        self.z = prior.loc + scale * noise
        return scale

    def weigh(self, gain: Float[Tensor, "particle filter"]) -> Float[Tensor, " filter"]:
        """Add to the log-weights, and normalise them.

        Returns:
            The log of the mean of exp(gain), weighted by the weights before.
        """
        log_w = self.log_w + gain
        step = torch.logsumexp(log_w, dim=0)
        self.log_w = log_w - step
        return step

    def resample(self) -> Int[Tensor, "particle filter"]:
        """Resample the filters whose weights degenerate.

        Returns:
            The index of each particle's ancestor.
        """
        assert self.z is not None, "a step was made"
        source, self.log_w = resampled(self.log_w, self.generator)
        self.z = taken(self.z, source)
        if self.x_before is not None and self.x_before.ndim == self.z.ndim:  # each has its own
            self.x_before = taken(self.x_before, source)
        return source


@torch.no_grad()
def smc_log_likelihood(
    model: DMM, batch: SequenceBatch, particles: int, generator: torch.Generator
) -> Float[Tensor, " batch"]:
    """An estimate of log p(x) of each sequence, in nats; its exponential is unbiased.

    Resampling is systematic. It takes place when the effective number of particles falls below half
    their number.

    Args:
        model: a model of the sequences.
        batch: the sequences.
        particles: number of particles of each filter.
        generator: generator of the random numbers, on the model's device.
    """
    summary = model.summarise(batch)
    rows, steps = batch.mask.shape
    filters = Particles(model, batch, (particles, rows), generator)
    total = batch.x.new_zeros(rows)
    for t in range(steps):
        total = total + filters.advance(t, summary.at(t))
        filters.resample()
    return total


class Weighted(NamedTuple):
    """Weighted states of one frame of each sequence.

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
    """p(z_T given x_{1:T}) of sequences of equal length, as weighted particles.

    Args:
        model: the model whose states are filtered.
        batch: sequences of equal length.
        particles: number of particles of each sequence.
        generator: generator of the random numbers, on the model's device.
    """
    (last,) = deque(_filtered(model, batch, particles, generator), maxlen=1)
    return last


@torch.no_grad()
def smoothed_states(
    model: DMM, batch: SequenceBatch, particles: int, generator: torch.Generator
) -> list[Weighted]:
    """p(z_t given x_{1:T}) for every t of sequences of equal length, as weighted particles.

    A backward pass computes new weights for the particles of the filter (Doucet and Johansen, 2009,
    section 5.1). With w the weights of the filter and v those of the smoother,

        v(z) = w(z) sum_{z'} v(z') p(z' given z) / sum_{z''} w(z'') p(z' given z''),

    where z and z'' are particles of step t and z' are particles of step t + 1.

    Args:
        model: the model whose states are smoothed.
        batch: sequences of equal length.
        particles: number of particles of each sequence; the cost is quadratic in it.
        generator: generator of the random numbers, on the model's device.
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
    summary = model.summarise(batch)
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


def taken(
    values: Float[Tensor, "particle filter size"], source: Int[Tensor, "some filter"]
) -> Float[Tensor, "some filter size"]:
    """The values of the particles that `source` names."""
    return values.gather(0, source[..., None].expand(*source.shape, values.shape[-1]))


class Resampled(NamedTuple):
    """The result of a resampling.

    Attributes:
        source: (particle, batch), the index of the ancestor of each particle.
        log_w: (particle, batch), the log-weights after the resampling.
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
    """The index of the ancestor of each particle, by systematic resampling."""
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
    """Estimate -log p(x) of a set of sequences in nats per frame, by independent particle filters.

    Each filter's estimate of p(x) is unbiased, so the result is an upper bound in expectation. It
    approaches the exact value as the number of particles grows.

    Args:
        model: a model on any device. It is put in evaluation mode.
        sequences: the sequences to evaluate.
        particles: number of particles of each filter, 1 or more.
        replicates: number of independent filters of each sequence, 2 or more. Their estimates are
            averaged.
        seed: seed of all random draws.

    Raises:
        DataError: if `particles` or `replicates` is too small, or the sequences do not fit the
            model.

    Example:
        >>> from dmm_core import Sequences, load_run, sample
        >>> from dmm_core.inference import smc_nll
        >>> model = load_run("bundled:chorales").model
        >>> x = sample(model, count=2, frames=8, seed=0).x.numpy().astype(bool)
        >>> estimate = smc_nll(model, Sequences(tuple(x), ("a", "b")), particles=16, seed=0)
        >>> estimate.nll > 0, estimate.standard_error > 0
        (True, True)
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
