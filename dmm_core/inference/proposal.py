"""The proposal of all particle methods: a mixture of the inference network and the transition.

An inference network may give a small density to states that are likely under the model. The weights
p / q are then unbounded. A fixed share of the particles is therefore drawn from the transition, and
all weights use the density of the mixture. No weight exceeds the likelihood divided by that share
(Owen and Zhou, "Safe and effective importance sampling", 2000, section 2).

The size of the share is a trade-off. A network that reads the future proposes states that explain
later frames, possibly at a cost in the current one. States from the transition are weighted by the
current frame only. If they dominate there, the filter loses the states that explain later frames.
See "A tenth of the particles" in docs/decisions.md.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Normal

from dmm_core.inference.seeded_sampling import draw_noise
from dmm_core.nn.dmm import DMM
from dmm_core.nn.summary import Summary

__all__ = ["TRANSITION_SHARE", "Proposed", "propose"]

TRANSITION_SHARE = 0.1
"""Share of the particles that the transition proposes; at least one of two or more particles."""


class Proposed(NamedTuple):
    """Proposed states of one step, with the log-ratio that enters their weights.

    Attributes:
        z: (particle, batch, latent), the states.
        gain: (particle, batch), log p(z_t given z_{t-1}) - log mixture(z_t), in nats.
    """

    z: Tensor
    gain: Tensor


def propose(
    model: DMM,
    summary: Summary,
    before: Float[Tensor, "particle batch latent"] | None,
    prior: Normal,
    shape: tuple[int, int],
    generator: torch.Generator,
    share: float = TRANSITION_SHARE,
) -> Proposed:
    """Draw the states of one step from the mixture of the inference network and the transition.

    For every step and sequence, the particles that the transition proposes are chosen at random and
    independently of their history. The estimates are therefore unbiased with and without
    resampling.

    Args:
        model: the model whose states are drawn.
        summary: the inference network's summary of this step.
        before: z_{t-1} of the particles; None at the first step.
        prior: p(z_t given z_{t-1}), of a shape that broadcasts to that of the particles.
        shape: (particle, batch).
        generator: generator of the random numbers, on the model's device.
        share: share of the particles that the transition proposes, rounded to a whole number and to
            at least one. A single particle comes from the network.
    """
    particles, columns = shape
    noise = draw_noise((*shape, model.z_dim), generator, prior.loc)
    drawn = model.inference.step(summary, before, prior, noise)
    by_transition = min(max(1, round(particles * share)), particles - 1)
    if not by_transition:
        return Proposed(drawn.z, (prior.log_prob(drawn.z) - drawn.log_q).sum(-1))
    # A random subset of each column's particles comes from the transition.
    ranks = torch.rand(
        particles, columns, generator=generator, device=noise.device, dtype=noise.dtype
    ).argsort(0)
    z = torch.where((ranks < by_transition)[..., None], prior.loc + prior.scale * noise, drawn.z)
    # The log-density of every state under the mixture of both proposals.
    exact = by_transition / particles
    log_p = prior.log_prob(z).sum(-1)
    log_q = model.inference.log_density(drawn, z)
    mixture = torch.logaddexp(log_p + math.log(exact), log_q + math.log1p(-exact))
    return Proposed(z, log_p - mixture)
