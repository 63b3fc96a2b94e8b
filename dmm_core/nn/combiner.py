"""Combiners, which compute the Gaussian q(z_t) from z_{t-1} and the summaries of the RNNs."""

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Normal

from dmm_core.nn.mlp import scale_of, to_float32
from dmm_core.nn.recurrence import latent_recurrence
from dmm_core.nn.summary import Summary

__all__ = [
    "Combiner",
    "LatentPath",
    "MeanFieldCombiner",
    "PriorCombiner",
    "StructuredCombiner",
    "product_of",
    "stack_steps",
]


class LatentPath(NamedTuple):
    """A path drawn from q(z given x), with the Gaussian from which each state was drawn.

    Without flows, a state is a draw from its Gaussian. With flows, it is the flow's output for the
    draw `base`.

    Attributes:
        z: (..., batch, time, latent), the states.
        loc: (..., batch, time, latent), the mean of the Gaussian. In a structured network it
            depends on z_{t-1} of the same path.
        scale: (..., batch, time, latent), the standard deviation of the Gaussian.
        base: (..., batch, time, latent), the draw that the flow transformed; None without flows.
        log_scale: (..., batch, time, latent), log of the diagonal of the flow's Jacobian; None
            without flows.
    """

    z: Tensor
    loc: Tensor
    scale: Tensor
    base: Tensor | None = None
    log_scale: Tensor | None = None

    @property
    def q(self) -> Normal:
        """The Gaussians along the path."""
        return Normal(self.loc, self.scale, validate_args=False)

    @property
    def log_q(self) -> Tensor:
        """The log-density of each state under its conditional, (..., batch, time, latent).

        With flows, the density of a dimension is conditional on the dimensions that the last flow
        reads before it.
        """
        if self.base is None or self.log_scale is None:
            return self.q.log_prob(self.z)
        return self.q.log_prob(self.base) - self.log_scale


def stack_steps(steps: list[LatentPath]) -> LatentPath:
    """Stack steps without a time axis, each (..., batch, latent), to a path."""
    z, loc, scale, base, log_scale = zip(*steps, strict=True)
    path = LatentPath(*(torch.stack(part, dim=-2) for part in (z, loc, scale)))
    if base[0] is None:
        return path
    return path._replace(base=torch.stack(base, dim=-2), log_scale=torch.stack(log_scale, dim=-2))


@runtime_checkable
class Combiner(Protocol):
    """A module that computes the Gaussian of a step from z_{t-1} and the summaries of the RNNs.

    Attributes:
        needs_prior: whether `step` uses p(z_t given z_{t-1}). If not, calling the combiner with a
            summary and noise draws a whole path.
    """

    needs_prior: bool

    def step(self, summary: Summary, before: Tensor | None, prior: Normal | None = None) -> Normal:
        """q(z_t) of one step, given z_{t-1}; None at the first step."""
        ...


def product_of(a: Normal, b: Normal) -> Normal:
    """The normalised product of two Gaussian densities.

    Its precision is the sum of both precisions, and its mean is the average of both means, weighted
    by their precisions.
    """
    left, right = a.scale.pow(-2), b.scale.pow(-2)
    precision = left + right
    loc = (left * a.loc + right * b.loc) / precision
    return Normal(loc, precision.rsqrt(), validate_args=False)


class StructuredCombiner(nn.Module):
    """q(z_t given z_{t-1}, summary_t) of a structured inference network (paper, section 4).

    c = (tanh(W z_{t-1} + b) + sum of the summaries) / n; loc = V c + d; variance = softplus(U c +
    e). n is the number of summaries plus one: 2 for DKS and ST-L, 3 for ST-LR (paper, table 1). z_0
    is zero or learned.

    Args:
        z_dim: number of latent dimensions.
        size: number of units of a summary.
        learn_start: whether z_0 is learned.
    """

    needs_prior = False

    def __init__(self, *, z_dim: int, size: int, learn_start: bool) -> None:
        super().__init__()
        self.transition = nn.Linear(z_dim, size)
        self.loc = nn.Linear(size, z_dim)
        self.variance = nn.Linear(size, z_dim)
        self.start = nn.Parameter(torch.zeros(z_dim), requires_grad=learn_start)

    def forward(
        self, summary: Summary, noise: Float[Tensor, "*draw batch time latent"]
    ) -> LatentPath:
        """Draw one path per sequence for each leading index of `noise`, by reparameterisation."""
        weight, bias = self._head(summary)
        # The part of both heads that does not depend on z, for all steps at once.
        heads = to_float32(nn.functional.linear(summary.together.transpose(0, 1), weight, bias))
        *draws, batch, steps, z_dim = noise.shape
        if draws:
            heads = heads.view(steps, *(1 for _ in draws), batch, -1)
            heads = heads.expand(steps, *draws, batch, -1).reshape(steps, -1, 2 * z_dim)
        by_time = noise.movedim(-2, 0).reshape(steps, -1, z_dim)
        states = latent_recurrence(
            heads,
            by_time,
            self.start.expand(by_time.shape[1], -1),
            self.transition.weight,
            self.transition.bias,
            weight,
        )
        return LatentPath(*(s.view(steps, *draws, batch, z_dim).movedim(0, -2) for s in states))

    def step(
        self,
        summary: Summary,
        before: Float[Tensor, "*draw batch latent"] | None,
        prior: Normal | None = None,
    ) -> Normal:
        """q(z_t given z_{t-1}, summary_t).

        Args:
            summary: the summaries of step t, each (batch, hidden).
            before: z_{t-1}; None at the first step.
            prior: not used.
        """
        weight, bias = self._head(summary)
        before = self.start if before is None else before
        combined = torch.tanh(self.transition(before)) + summary.together
        loc, unconstrained = nn.functional.linear(combined, weight, bias).chunk(2, dim=-1)
        return Normal(to_float32(loc), scale_of(unconstrained), validate_args=False)

    def _head(self, summary: Summary) -> tuple[Tensor, Tensor]:
        share = 1.0 / (len(summary.parts) + 1)
        weight = share * torch.cat([self.loc.weight, self.variance.weight])
        return weight, torch.cat([self.loc.bias, self.variance.bias])


class PriorCombiner(nn.Module):
    """q(z_t given z_{t-1}, summary_t) as a product of two Gaussians.

    One factor is the transition p(z_t given z_{t-1}). The other one has loc = V h + d and
    variance = softplus(U h + e), where h is the mean of the summaries. It represents only the
    information of the observations, like the likelihood factor of the exact posterior. The
    published code calls this `use_generative_prior`.

    Args:
        z_dim: number of latent dimensions.
        size: number of units of a summary.
    """

    needs_prior = True

    def __init__(self, *, z_dim: int, size: int) -> None:
        super().__init__()
        self.loc = nn.Linear(size, z_dim)
        self.variance = nn.Linear(size, z_dim)

    def step(
        self,
        summary: Summary,
        before: Float[Tensor, "*draw batch latent"] | None,
        prior: Normal | None = None,
    ) -> Normal:
        """q(z_t given z_{t-1}, summary_t).

        Args:
            summary: the summaries of step t, each (batch, hidden).
            before: z_{t-1}; not used, because `prior` depends on it.
            prior: p(z_t given z_{t-1}).

        Raises:
            ValueError: if the prior is missing.
        """
        if prior is None:
            raise ValueError("A PriorCombiner needs the transition's Gaussian.")
        h = summary.together / len(summary.parts)
        head = Normal(to_float32(self.loc(h)), scale_of(self.variance(h)), validate_args=False)
        return product_of(prior, head)


class MeanFieldCombiner(nn.Module):
    """q(z_t given summary_t): a Gaussian head on each summary h (paper, table 1).

    loc = V h + d; variance = softplus(U h + e). With two summaries, q is the normalised product of
    both Gaussians (`product_of`).

    Args:
        z_dim: number of latent dimensions.
        size: number of units of a summary.
        summaries: number of summaries, 1 or 2.
    """

    needs_prior = False

    def __init__(self, *, z_dim: int, size: int, summaries: int) -> None:
        super().__init__()
        self.loc = nn.ModuleList(nn.Linear(size, z_dim) for _ in range(summaries))
        self.variance = nn.ModuleList(nn.Linear(size, z_dim) for _ in range(summaries))

    def forward(
        self, summary: Summary, noise: Float[Tensor, "*draw batch time latent"]
    ) -> LatentPath:
        """Draw one path per sequence for each leading index of `noise`, by reparameterisation."""
        q = self.step(summary)
        loc, scale = q.loc.expand_as(noise), q.scale.expand_as(noise)
        return LatentPath(torch.addcmul(loc, scale, noise), loc, scale)

    def step(
        self,
        summary: Summary,
        before: Float[Tensor, "*draw batch latent"] | None = None,
        prior: Normal | None = None,
    ) -> Normal:
        """q(z_t given summary_t) of one step or of many.

        Args:
            summary: the summaries of these steps, each (..., hidden).
            before: not used.
            prior: not used.
        """
        locs = [to_float32(head(h)) for head, h in zip(self.loc, summary.parts, strict=True)]
        scales = [scale_of(head(h)) for head, h in zip(self.variance, summary.parts, strict=True)]
        heads = [
            Normal(loc, scale, validate_args=False) for loc, scale in zip(locs, scales, strict=True)
        ]
        return heads[0] if len(heads) == 1 else product_of(*heads)
