"""Filtering: what z_t is, given x_{1:t} alone, by a particle filter.

An inference network that looks ahead, such as DKS, smooths. Filtering with the same model is a
particle filter, and the network may still propose, as long as it is shown nothing but the past and
the present; `dmm_core.inference.proposal` mixes it with the transition.
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

__all__ = ["FilteredMoments", "particle_filter"]


_TRANSITION_SHARE = 0.5
"""Half, since the network was trained on whole sequences and is shown beginnings here."""


class FilteredMoments(NamedTuple):
    """What x_{1:t} says of z_t, for every t of one sequence.

    Attributes:
        loc: (T, z_dim), weighted means of the particles.
        scale: (T, z_dim), their weighted standard deviations.
        log_likelihood: (T,), estimates of log p(x_t given x_{1:t-1}), nats.
        effective: (T,), effective number of particles when the moments were taken.
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
) -> FilteredMoments:
    """Filter one sequence.

    Args:
        model: whose states.
        x: (T, x_dim) frames, uint8 or float32, as `Sequences` hold them.
        seed: decides all draws.
        particles: how many, 1 or more.
        u: (T, u_dim) actions, for a model of actions.
        observed: (T, x_dim), 1 where a feature was seen; all by default.

    Raises:
        DataError: if there are no particles, or the model was not made for such a sequence.
    """
    require_count("particles", particles)
    model.eval()
    generator = generator_for(model, seed)
    batch = batch_of(model, x, u=u, observed=observed)
    summary = _seen_so_far(model, batch)
    particle = Particles(model, batch, (particles, 1), generator, _TRANSITION_SHARE)
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


def _seen_so_far(model: DMM, batch: SequenceBatch) -> Summary:
    """The network's summaries when step t is the last there is: of x_{1:t}, and of x_t alone."""
    seen = model.inference.read(batch)
    past = model.inference.summariser(seen, batch.lengths).past
    alone = model.inference.summariser(
        seen.transpose(0, 1), torch.ones_like(batch.lengths).expand(seen.shape[1])
    ).future
    return Summary(past, None if alone is None else alone.transpose(0, 1))
