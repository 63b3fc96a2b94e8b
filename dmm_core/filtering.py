"""Filtering: what z_t is, given x_{1:t} alone, by a particle filter.

An inference network that looks ahead, such as DKS, smooths. Filtering with the same model is a
particle filter, and the network may still propose, as long as it is shown nothing but the past and
the present. Half of the particles come from the transition whatever the network says, and all are
weighed by the mixture (Owen and Zhou, "Safe and effective importance sampling", 2000), so no
particle weighs more than twice its likelihood.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Normal

from dmm_core.data.batching import SequenceBatch
from dmm_core.draws import batch_of, draw_noise, generator_for
from dmm_core.model import DMM
from dmm_core.nn.summary import Summary
from dmm_core.smc import systematic

__all__ = ["FilteredMoments", "particle_filter"]


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
        model: whose states; where flows bend its posterior, the transition alone proposes.
        x: (T, x_dim) frames, uint8 or float32, as `Sequences` hold them.
        seed: decides all draws.
        particles: an even number.
        u: (T, u_dim) actions, for a model of actions.
        observed: (T, x_dim), 1 where a feature was seen; all by default.

    Raises:
        DataError: if the actions are not those the model was made for.
    """
    model.eval()
    generator = generator_for(model, seed)
    batch = batch_of(model, x, u=u, observed=observed)
    summary = None if model.inference.flow is not None else _seen_so_far(model, batch)
    x_before = batch.x_before
    steps: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    z, log_w = None, batch.x.new_full((particles,), -math.log(particles))
    for t in range(batch.x.shape[1]):
        noise = draw_noise((particles, 1, model.z_dim), generator, batch.x)
        prior = model.prior_of_step(batch, t, z)
        prior = Normal(prior.loc.expand_as(noise), prior.scale.expand_as(noise))
        if summary is None:
            z = prior.loc + prior.scale * noise
            log_w = log_w + _likelihood(model, batch, x_before, z, t)
        else:
            q = model.inference.combiner.step(summary.at(t), z, prior)
            half = particles // 2
            proposed = q.loc + q.scale * noise
            z = torch.cat([proposed[:half], (prior.loc + prior.scale * noise)[half:]])
            log_prior, log_q = prior.log_prob(z).sum((-1, -2)), q.log_prob(z).sum((-1, -2))
            gain = log_prior - torch.logaddexp(log_prior, log_q) + math.log(2.0)
            log_w = log_w + gain + _likelihood(model, batch, x_before, z, t)
        step = torch.logsumexp(log_w, dim=0)
        log_w = log_w - step
        w = log_w.exp()[:, None]
        loc = (w * z[:, 0]).sum(0)
        scale = (w * (z[:, 0] - loc).square()).sum(0).sqrt()
        effective = w.square().sum().reciprocal()
        steps.append((loc, scale, step, effective))
        # A half of the particles is drawn otherwise than the other: whoever stands in it must not
        # depend on its history, so every step resamples.
        chosen = systematic(w, generator)[:, 0]
        z = z[chosen[torch.randperm(particles, generator=generator, device=chosen.device)]]
        log_w = torch.full_like(log_w, -math.log(particles))
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


def _likelihood(
    model: DMM,
    batch: SequenceBatch,
    x_before: Tensor,
    z: Float[Tensor, "particle 1 latent"],
    t: int,
) -> Float[Tensor, " particle"]:
    terms = model.frame(z, x_before[:, t]).log_prob(batch.x[:, t])
    if batch.observed is not None:
        terms = terms * batch.observed[:, t]
    return terms.sum((-1, -2))
