"""A particle filter's estimate of the likelihood: tight where importance weights degenerate.

The inference network proposes, the model weighs, and particles are resampled where their weights
degenerate. The estimate of p(x) is unbiased whatever the network sees (Doucet and Johansen, 2009;
Maddison et al., "Filtering variational objectives", 2017).
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from dmm_core.data.batching import ResidentSequences, SequenceBatch, in_order
from dmm_core.data.sequences import Sequences
from dmm_core.draws import FRAMES_AT_ONCE, draw_noise, generator_for
from dmm_core.evaluation import LogMeanExp, log_mean_exp
from dmm_core.model import DMM

__all__ = [
    "Resampled",
    "resampled",
    "smc_log_likelihood",
    "smc_nll",
    "systematic",
]


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
    x_before = batch.x_before
    total = batch.x.new_zeros(rows)
    log_w = batch.x.new_full((particles, rows), -math.log(particles))
    z = None
    for t in range(steps):
        noise = draw_noise((particles, rows, model.z_dim), generator, batch.x)
        prior = model.prior_of_step(batch, t, z)
        drawn = model.inference.step(summary.at(t), z, prior, noise)
        z = drawn.z
        terms = model.frame(z, x_before[:, t]).log_prob(batch.x[:, t])
        if batch.observed is not None:
            terms = terms * batch.observed[:, t]
        gain = terms.sum(-1) + (prior.log_prob(z) - drawn.log_q).sum(-1)
        log_w = log_w + gain * batch.mask[:, t]
        step = torch.logsumexp(log_w, dim=0)
        total, log_w = total + step, log_w - step
        source, log_w = resampled(log_w, generator)
        z = z.gather(0, source[..., None].expand_as(z))
    return total


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


def smc_nll(
    model: DMM, sequences: Sequences, *, particles: int, islands: int, seed: int
) -> LogMeanExp:
    """-log p(x) of a set of sequences, over all their frames, from independent filters.

    Args:
        model: on any device; it is put in evaluation mode.
        sequences: what to explain.
        particles: of each filter.
        islands: independent filters whose estimates of p(x) are averaged, 2 or more; their
            scatter gives the variance.
        seed: decides all draws.

    Returns:
        Estimate, in nats a frame, and its variance.
    """
    model.eval()
    generator = generator_for(model, seed)
    like = model.initial().loc
    resident = ResidentSequences(sequences, like.device, like.dtype)
    log_likelihood, variance = 0.0, 0.0
    for indices in in_order(sequences.lengths, max(1, FRAMES_AT_ONCE // particles)):
        batch = resident.batch(indices)
        estimates = torch.stack(
            [smc_log_likelihood(model, batch, particles, generator) for _ in range(islands)]
        )
        found = log_mean_exp(estimates.cpu().double())
        log_likelihood += float(found.value.sum())
        variance += float(found.variance.sum())
    frames = sequences.frames
    return LogMeanExp(torch.tensor(-log_likelihood / frames), torch.tensor(variance / frames**2))
