"""Filtering: the distribution of z_t given x_{1:t}, by a particle filter.

An inference network that reads the future, such as DKS, approximates the smoothing distribution.
Filtering with the same model needs a particle filter. The network can still contribute to the
proposal (`dmm_core.inference.proposal`) if its input ends at the current frame.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dmm_core.data.batching import SequenceBatch
from dmm_core.inference.checks import require_count
from dmm_core.inference.evaluation import effective_samples
from dmm_core.inference.seeded_sampling import batch_of, generator_for
from dmm_core.inference.smc import Particles
from dmm_core.nn.dmm import DMM
from dmm_core.nn.summary import Summary

__all__ = [
    "FILTER_TRANSITION_SHARE",
    "FilteredMoments",
    "particle_filter",
    "summaries_so_far",
]


FILTER_TRANSITION_SHARE = 0.5
"""Share of the particles that the transition proposes. It is large because the network was trained
on whole sequences, but here reads only their beginnings."""


class FilteredMoments(NamedTuple):
    """Moments of p(z_t given x_{1:t}) for every t of one sequence.

    Attributes:
        loc: (T, z_dim), the means.
        scale: (T, z_dim), the standard deviations.
        log_likelihood: (T,), estimates of log p(x_t given x_{1:t-1}), in nats.
        effective: (T,), effective number of particles from which the moments of each frame are
            computed.
    """

    loc: np.ndarray
    scale: np.ndarray
    log_likelihood: np.ndarray
    effective: np.ndarray


@torch.no_grad()
def particle_filter(
    model: DMM,
    x: np.ndarray,
    *,
    seed: int,
    particles: int = 1000,
    u: np.ndarray | None = None,
    observed: np.ndarray | None = None,
    c: np.ndarray | None = None,
) -> FilteredMoments:
    """Estimate p(z_t given x_{1:t}) for every frame of a sequence with a particle filter.

    Args:
        model: the model whose states are filtered.
        x: (T, x_dim) frames, uint8 or float32, as in `Sequences`.
        seed: seed of all random draws.
        particles: number of particles, 1 or more.
        u: (T, u_dim) actions, for a model with actions.
        observed: (T, x_dim), 1 where a feature was observed; None if all were.
        c: (T, c_dim) covariates, for a model with covariates.

    Raises:
        DataError: if `particles` is less than 1, or the sequence does not fit the model.

    Example:
        >>> from dmm_core import load_run, particle_filter, sample
        >>> model = load_run("bundled:chorales").model
        >>> x = sample(model, count=1, frames=8, seed=0).x[0].numpy()
        >>> moments = particle_filter(model, x, seed=0, particles=32)
        >>> moments.loc.shape, moments.log_likelihood.shape
        ((8, 64), (8,))
    """
    require_count("particles", particles)
    model.eval()
    generator = generator_for(model, seed)
    batch = batch_of(model, x, u=u, observed=observed, c=c)
    summary = summaries_so_far(model, batch)
    particle = Particles(model, batch, (particles, 1), generator, FILTER_TRANSITION_SHARE)
    steps: list[tuple[Tensor, ...]] = []
    for t in range(batch.x.shape[1]):
        gained = particle.advance(t, summary.at(t))
        assert particle.z is not None, "a step was made"
        z, w = particle.z[:, 0], particle.log_w.exp()
        loc = (w * z).sum(0)
        scale = (w * (z - loc).square()).sum(0).sqrt()
        steps.append((loc, scale, gained[0], effective_samples(particle.log_w)[0]))
        particle.resample()
    parts = (torch.stack(part).cpu().numpy() for part in zip(*steps, strict=True))
    return FilteredMoments(*parts)


def summaries_so_far(model: DMM, batch: SequenceBatch) -> Summary:
    """The summaries of every step t as if the sequence ended at t: of x_{1:t}, and of x_t alone."""
    seen = model.inference.read(model.encoded(batch))
    past = model.inference.summariser(seen, batch.lengths).past
    steps = seen.flatten(0, 1)[:, None]  # each step as a sequence of one
    alone = model.inference.summariser(steps, batch.lengths.new_ones(len(steps))).future
    return Summary(past, None if alone is None else alone[:, 0].unflatten(0, seen.shape[:2]))
