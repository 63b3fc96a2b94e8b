"""The distributions of a frame that emissions return, and the conversion of any other one."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Distribution,
    NegativeBinomial,
    Normal,
    Poisson,
    StudentT,
)

from dmm_core.nn.constraints import Constraint
from dmm_core.nn.frame import DrawnFrame, FrameDistribution, SampledFrame, log_binary
from dmm_core.nn.note_counts import CountedBernoulli

__all__ = [
    "BernoulliFrame",
    "CountFrame",
    "NormalFrame",
    "StudentTFrame",
    "as_frame",
    "constrained",
]


class BernoulliFrame(Bernoulli, FrameDistribution):
    """Independent binary features."""

    categories = 2

    def noise(self, generator: torch.Generator) -> Tensor:
        """Uniform draws, one for each feature."""
        like = self.logits
        return torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)

    def draw(self, noise: Float[Tensor, "*draw feature"], temperature: float) -> DrawnFrame:
        """Features that are 1 with probability sigmoid(logit / temperature)."""
        logits = self.logits
        odds = torch.sigmoid(logits / temperature) if temperature else (logits > 0).to(logits)
        return DrawnFrame((noise < odds).to(logits), self.probs)

    def log_symbols(
        self, x: Float[Tensor, "*draw feature"], at: slice
    ) -> Float[Tensor, "*draw some category"]:
        """The log-probabilities of 0 and 1 of the features `at`."""
        return log_binary(self.logits[..., at])

    def constrained(self, constraint: Constraint) -> FrameDistribution:
        """This distribution with constrained logits, or a `CountedBernoulli` for limits on notes.

        Raises:
            DataError: if the constraint has another number of features, or no frame meets it.
        """
        logits = constraint.applied_to(self.logits)
        if constraint.counts is None:
            return BernoulliFrame(logits=logits, validate_args=False)
        constraint.room_among(logits.shape[-1])
        return CountedBernoulli(logits, constraint.counts)


class NormalFrame(Normal, FrameDistribution):
    """Independent Gaussian features."""

    def noise(self, generator: torch.Generator) -> Tensor:
        """Standard normal draws, one for each feature."""
        like = self.loc
        return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)

    def draw(self, noise: Float[Tensor, "*draw feature"], temperature: float) -> DrawnFrame:
        """Loc + temperature * scale * noise."""
        return DrawnFrame(self.loc + temperature * self.scale * noise, self.loc)


class StudentTFrame(SampledFrame):
    """Independent features with Student's t distribution, which allows for outliers.

    Args:
        df: (..., feature), degrees of freedom, above 2 for a finite variance.
        loc: (..., feature), the means.
        scale: (..., feature), positive.
    """

    def __init__(self, df: Tensor, loc: Tensor, scale: Tensor) -> None:
        super().__init__(StudentT(df, loc, scale, validate_args=False))

    def draw(self, noise: Float[Tensor, "*draw feature"], temperature: float) -> DrawnFrame:
        """A draw whose distance to the mean is multiplied by the temperature."""
        drawn = super().draw(noise, 1.0)
        return DrawnFrame(drawn.mean + temperature * (drawn.x - drawn.mean), drawn.mean)


class CountFrame(SampledFrame):
    """Independent counts: Poisson, or negative binomial where their variance exceeds their mean.

    Frames can be drawn at temperature 0 or 1.

    Args:
        rate: (..., feature), the means, positive.
        excess: (..., feature), positive; the variance is rate * (1 + excess), by a negative
            binomial distribution. None makes the counts Poisson, whose variance is their rate.
    """

    def __init__(self, rate: Tensor, excess: Tensor | None = None) -> None:
        self.rate, self.excess = rate, excess
        if excess is None:
            base = Poisson(rate, validate_args=False)
        else:  # logits = log(mean / total_count)
            base = NegativeBinomial(rate / excess, logits=excess.log(), validate_args=False)
        super().__init__(base)

    def times(self, factor: Tensor) -> "CountFrame":
        """Counts whose means and variances are multiplied by `factor`."""
        return CountFrame(self.rate * factor, self.excess)


def as_frame(distribution: Distribution) -> FrameDistribution:
    """Convert the result of an emission to a `FrameDistribution`, which the library needs.

    Bernoulli and Normal are converted to distributions with temperatures. Any other PyTorch
    distribution is wrapped by `SampledFrame`, which draws with its `sample` method.

    Args:
        distribution: p(x_t given z_t), of batch shape (..., feature), or of event shape (feature,).

    Example:
        >>> import torch
        >>> from torch.distributions import Poisson
        >>> from dmm_core.nn import as_frame
        >>> frame = as_frame(Poisson(torch.full((5, 3), 2.0)))
        >>> frame.log_prob(torch.ones(5, 3)).shape
        torch.Size([5, 3])
    """
    if isinstance(distribution, FrameDistribution):
        return distribution
    if isinstance(distribution, Bernoulli):
        return BernoulliFrame(logits=distribution.logits, validate_args=False)
    if isinstance(distribution, Normal):
        return NormalFrame(distribution.loc, distribution.scale, validate_args=False)
    return SampledFrame(distribution)


def constrained(distribution: Distribution, constraint: Constraint | None) -> FrameDistribution:
    """Restrict a distribution of binary features to the frames that meet a constraint.

    The logits are shifted, and those of features that may not be 1 are minus infinity at any
    temperature. For a NADE this applies to the logits of all conditionals. With a condition on the
    number of ones or on neighbours, a Bernoulli distribution becomes a `CountedBernoulli`, which is
    drawn exactly, and a NADE becomes a `CountedNADE`, which is drawn approximately.

    Args:
        distribution: p(x_t given z_t).
        constraint: the constraint, or None for no constraint.

    Raises:
        DataError: if the distribution is not one of binary features, if the constraint has another
            number of features, or if no frame meets it.
    """
    frame = as_frame(distribution)
    return frame if constraint is None else frame.constrained(constraint)
