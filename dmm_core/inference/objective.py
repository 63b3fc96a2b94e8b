"""The bound that training minimises, and the log-weights that importance sampling averages."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from dmm_core.data.batching import SequenceBatch
from dmm_core.nn.combiner import LatentPath
from dmm_core.nn.dmm import DMM

__all__ = [
    "Bound",
    "Weighed",
    "bound_of",
    "importance_bound",
    "kl_of",
    "kl_weight",
    "log_weights",
    "penalty",
    "weigh",
]


class Bound(NamedTuple):
    """The negative ELBO of each step, in nats, 0 on padding; bound = nll + kl.

    Attributes:
        nll: (..., batch, time), -log p(x_t given z_t).
        kl: (..., batch, time), KL(q(z_t given ...) || p(z_t given z_{t-1})).
    """

    nll: Tensor
    kl: Tensor


class Weighed(NamedTuple):
    """What a path says of its sequences, both ways, at the cost of one.

    Attributes:
        bound: as `bound_of` has it.
        log_weights: (..., batch), as `log_weights` has them.
    """

    bound: Bound
    log_weights: Tensor


def kl_of(path: LatentPath, prior: Normal) -> Float[Tensor, "*draw batch time latent"]:
    """KL(q(z_t given ..) || p(z_t given z_{t-1})) of every latent dimension, in nats.

    In closed form between Gaussians; where flows bend q, its one-sample estimate at the path.
    """
    if path.base is None:
        return kl_divergence(path.q, prior)
    return path.log_q - prior.log_prob(path.z)


def bound_of(model: DMM, batch: SequenceBatch, path: LatentPath) -> Bound:
    """The bound of `batch` along a path drawn from its posterior.

    -log p(x_t given z_t) + KL(q(z_t given ..) || p(z_t given z_{t-1})), step by step (paper,
    equation 6); the prior, the KL and the emission are computed for all steps at once.
    """
    log_likelihood = model.log_likelihood(path.z, batch)
    return _bound(path, model.prior(path.z, batch), log_likelihood, batch)


def log_weights(model: DMM, batch: SequenceBatch, path: LatentPath) -> Float[Tensor, "*draw batch"]:
    """The log-weight log p(x, z) - log q(z given x) of each sequence, in nats.

    Their exponentials' mean over paths is an unbiased estimate of p(x).
    """
    return -_weighed(model, batch, path, 1.0)


def weigh(model: DMM, batch: SequenceBatch, path: LatentPath) -> Weighed:
    """`bound_of` and `log_weights`, with one look at the prior and one at the emission."""
    prior, log_likelihood = model.prior(path.z, batch), model.log_likelihood(path.z, batch)
    gain = (log_likelihood - _excess(path, prior)) * batch.mask
    return Weighed(_bound(path, prior, log_likelihood, batch), gain.sum(-1))


def importance_bound(
    model: DMM, batch: SequenceBatch, path: LatentPath, weight: float | Tensor
) -> Float[Tensor, " batch"]:
    """-log of the mean weight over the paths of each sequence: a tighter bound on -log p(x).

    Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders" (ICLR 2016), equation 8.

    Args:
        model: what explains the sequences.
        batch: the sequences.
        path: two or more paths, along the first axis.
        weight: of log q - log p(z) within a weight, for annealing; 1 gives the bound itself.
    """
    costs = _weighed(model, batch, path, weight)
    return math.log(len(costs)) - torch.logsumexp(-costs, dim=0)


def _weighed(
    model: DMM, batch: SequenceBatch, path: LatentPath, weight: float | Tensor
) -> Float[Tensor, "*draw batch"]:
    """-log p(x given z) + weight (log q(z given x) - log p(z)) of each sequence along its path."""
    excess = _excess(path, model.prior(path.z, batch))
    return ((weight * excess - model.log_likelihood(path.z, batch)) * batch.mask).sum(-1)


def _bound(path: LatentPath, prior: Normal, log_likelihood: Tensor, batch: SequenceBatch) -> Bound:
    kl = kl_of(path, prior).sum(-1)
    return Bound(-log_likelihood * batch.mask, kl * batch.mask)


def _excess(path: LatentPath, prior: Normal) -> Tensor:
    """Log q - log p of the states of each step."""
    return (path.log_q - prior.log_prob(path.z)).sum(-1)


def kl_weight(update: int, anneal_updates: int) -> float:
    """Weight of the KL in the annealed bound at an update: min(1, 0.01 + update / anneal_updates).

    Args:
        update: updates done before this one.
        anneal_updates: how long the annealing takes; 0 for none.
    """
    return 1.0 if anneal_updates == 0 else min(1.0, 0.01 + update / anneal_updates)


def penalty(parameters: list[nn.Parameter], l1: float, l2: float) -> Tensor | float:
    """l1 times the sum of absolute values plus l2 times the sum of squares, over `parameters`."""
    total: Tensor | float = 0.0
    for parameter in parameters:
        if l1:
            total = total + l1 * parameter.abs().sum()
        if l2:
            total = total + l2 * torch.square(parameter).sum()
    return total
