"""The bound that training minimises, and the log-weights of importance sampling."""

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
    "BoundAndWeights",
    "bound_and_weights",
    "bound_of",
    "importance_bound",
    "kl_of",
    "kl_weight",
    "log_weights",
    "penalty",
]


class Bound(NamedTuple):
    """The terms of the negative ELBO of each step, in nats; bound = nll + kl. Padding has 0.

    Attributes:
        nll: (..., batch, time), -log p(x_t given z_t).
        kl: (..., batch, time), KL(q(z_t given ...) || p(z_t given z_{t-1})).
    """

    nll: Tensor
    kl: Tensor


class BoundAndWeights(NamedTuple):
    """Bound and log-weights of the same path, computed with one pass over prior and emission.

    Attributes:
        bound: the result of `bound_of`.
        log_weights: (..., batch), the result of `log_weights`.
    """

    bound: Bound
    log_weights: Tensor


def kl_of(path: LatentPath, prior: Normal) -> Float[Tensor, "*draw batch time latent"]:
    """KL(q(z_t given ..) || p(z_t given z_{t-1})) of every latent dimension, in nats.

    Between Gaussians it is exact. With flows it is estimated from the one sample of the path.
    """
    if path.base is None:
        return kl_divergence(path.q, prior)
    return path.log_q - prior.log_prob(path.z)


def bound_of(model: DMM, batch: SequenceBatch, path: LatentPath) -> Bound:
    """The bound of `batch` along a path drawn from its posterior.

    The bound of a step is -log p(x_t given z_t) + KL(q(z_t given ..) || p(z_t given z_{t-1}))
    (paper, equation 6). Prior, KL and emission are computed for all steps at once.
    """
    log_likelihood = model.log_likelihood(path.z, batch)
    return _bound(path, model.prior(path.z, batch), log_likelihood, batch)


def log_weights(model: DMM, batch: SequenceBatch, path: LatentPath) -> Float[Tensor, "*draw batch"]:
    """The log-weight log p(x, z) - log q(z given x) of each sequence, in nats.

    The mean of exp(log-weight) over paths is an unbiased estimate of p(x).
    """
    return -_annealed_cost(model, batch, path, 1.0)


def bound_and_weights(model: DMM, batch: SequenceBatch, path: LatentPath) -> BoundAndWeights:
    """`bound_of` and `log_weights` of the same path, with one pass over prior and emission."""
    prior, log_likelihood = model.prior(path.z, batch), model.log_likelihood(path.z, batch)
    gain = (log_likelihood - _log_ratio(path, prior)) * batch.mask
    return BoundAndWeights(_bound(path, prior, log_likelihood, batch), gain.sum(-1))


def importance_bound(
    model: DMM, batch: SequenceBatch, path: LatentPath, weight: float | Tensor
) -> Float[Tensor, " batch"]:
    """Importance-weighted bound on -log p(x): -log of the mean weight over the paths (IWAE).

    It is tighter than the negative ELBO. Source: Burda, Grosse and Salakhutdinov, "Importance
    weighted autoencoders" (ICLR 2016), equation 8.

    Args:
        model: a model of the sequences.
        batch: the sequences.
        path: two or more paths along the first axis.
        weight: factor of log q - log p(z), for KL annealing; 1 for the bound itself.
    """
    costs = _annealed_cost(model, batch, path, weight)
    return math.log(len(costs)) - torch.logsumexp(-costs, dim=0)


def _annealed_cost(
    model: DMM, batch: SequenceBatch, path: LatentPath, weight: float | Tensor
) -> Float[Tensor, "*draw batch"]:
    """-log p(x given z) + weight (log q(z given x) - log p(z)) of each sequence along its path."""
    ratio = _log_ratio(path, model.prior(path.z, batch))
    return ((weight * ratio - model.log_likelihood(path.z, batch)) * batch.mask).sum(-1)


def _bound(path: LatentPath, prior: Normal, log_likelihood: Tensor, batch: SequenceBatch) -> Bound:
    kl = kl_of(path, prior).sum(-1)
    return Bound(-log_likelihood * batch.mask, kl * batch.mask)


def _log_ratio(path: LatentPath, prior: Normal) -> Tensor:
    """Log q(z_t given ..) - log p(z_t given z_{t-1}) of each step."""
    return (path.log_q - prior.log_prob(path.z)).sum(-1)


def kl_weight(update: int, anneal_updates: int) -> float:
    """The weight of the KL in the annealed bound: min(1, 0.01 + update / anneal_updates).

    Args:
        update: number of updates before this one.
        anneal_updates: number of updates over which the weight rises; 0 for no annealing.
    """
    return 1.0 if anneal_updates == 0 else min(1.0, 0.01 + update / anneal_updates)


def penalty(parameters: list[nn.Parameter], l1: float, l2: float) -> Tensor | float:
    """The penalty `l1 * sum |w| + l2 * sum w^2` over `parameters`."""
    total: Tensor | float = 0.0
    for parameter in parameters:
        if l1:
            total = total + l1 * parameter.abs().sum()
        if l2:
            total = total + l2 * torch.square(parameter).sum()
    return total
