"""The proposal of every particle method: the inference network, mixed with the transition.

An inference network can put its states where the model gives them little weight, or miss some that
matter, and weights p / q then have no bound. A share of the particles therefore comes from the
transition whatever the network says, and all are weighed by the mixture, so no particle weighs more
than 1 / share times its likelihood. Owen and Zhou, "Safe and effective importance sampling" (2000),
section 2.

How large a share is a trade. A network that sees the future proposes states that explain it, at a
price in the present; states of the transition are weighed by the present alone, and where they win
it the filter loses what comes later. See "A tenth of the particles" in docs/decisions.md.
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
"""Share of the particles that the transition proposes, at least one of two or more."""


class Proposed(NamedTuple):
    """States of one step, and what their weights gain by the proposal.

    Attributes:
        z: (particle, batch, latent).
        gain: (particle, batch), log p(z_t given z_{t-1}) - log mixture(z_t), nats.
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

    Which particles the transition moves is drawn anew for every step and sequence, whatever their
    history, so that estimates stay unbiased with or without resampling.

    Args:
        model: whose states.
        summary: what its inference network says of this step.
        before: the states of the step before; None at the first.
        prior: p(z_t given them), of a shape that broadcasts to theirs.
        shape: (particle, batch).
        generator: on the model's device.
        share: of the particles that the transition proposes, rounded to a whole number of them and
            to at least one; a single particle is the network's.
    """
    particles, columns = shape
    noise = draw_noise((*shape, model.z_dim), generator, prior.loc)
    drawn = model.inference.step(summary, before, prior, noise)
    by_transition = min(max(1, round(particles * share)), particles - 1)
    if not by_transition:
        return Proposed(drawn.z, (prior.log_prob(drawn.z) - drawn.log_q).sum(-1))
    ranks = torch.rand(
        particles, columns, generator=generator, device=noise.device, dtype=noise.dtype
    ).argsort(0)
    z = torch.where((ranks < by_transition)[..., None], prior.loc + prior.scale * noise, drawn.z)
    exact = by_transition / particles
    log_p = prior.log_prob(z).sum(-1)
    log_q = model.inference.log_density(drawn, z)
    mixture = torch.logaddexp(log_p + math.log(exact), log_q + math.log1p(-exact))
    return Proposed(z, log_p - mixture)
