"""The interface of p(x_t given z_t): log-probabilities by feature, draws and the mean.

Training, evaluation, filtering and sampling use only this interface. The model
wraps the result of an emission (`dmm_core.nn.distributions.as_frame`), so an emission may also
return any `torch.distributions.Distribution` with `log_prob` and `sample`.
"""

from abc import abstractmethod
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn.functional import logsigmoid

from dmm_core.errors import DataError
from dmm_core.nn.constraints import Constraint

__all__ = ["DrawnFrame", "FrameDistribution", "SampledFrame", "chosen", "log_binary", "sharpened"]

_BELOW_ONE = 1.0 - 2.0**-20
"""The largest uniform number of a draw: rounding must not select a symbol without probability."""


class DrawnFrame(NamedTuple):
    """A drawn frame, with the mean of its distribution.

    Attributes:
        x: (..., feature), the drawn values.
        mean: (..., feature), the mean of each feature; for an autoregressive distribution, given
            the features that were drawn before it.
    """

    x: Tensor
    mean: Tensor


class FrameDistribution(Distribution):
    """A distribution of a frame, of batch shape (..., feature).

    A subclass implements `log_prob`, `noise` and `draw`. `log_prob` has a term for each feature;
    the sum of the terms is the frame's log-probability.

    Attributes:
        marginalises: whether leaving out a feature's term of `log_prob` integrates over that
            feature. This holds where the features are independent given the state.
        categories: number of values of a feature, which are 0, 1 and so on; None where the features
            are no symbols.
    """

    marginalises: bool = True
    categories: int | None = None

    @property
    def arg_constraints(self) -> dict[str, Any]:
        """Nothing: the parameters are not checked."""
        return {}

    @abstractmethod
    def noise(self, generator: torch.Generator) -> Tensor:
        """The random numbers that one call of `draw` uses, (..., feature) for most distributions.

        Args:
            generator: on the distribution's device.
        """

    @abstractmethod
    def draw(self, noise: Tensor, temperature: float) -> DrawnFrame:
        """A frame that is a function of `noise`.

        Args:
            noise: from `noise`, of this distribution or of one of the same shape.
            temperature: 1 draws from the distribution itself and 0 takes the most likely value.
                Between and above, a logit is divided by it, and a standard deviation is multiplied
                by it.

        Raises:
            DataError: if the distribution has no such temperature.
        """

    def mean_frame(self, generator: torch.Generator) -> Tensor:
        """The mean of the frame, (..., feature).

        Where it has no closed form, it is the mean that one frame was drawn with. The average over
        many calls converges to the mean.

        Args:
            generator: on the distribution's device; used only where there is no closed form.
        """
        return self.mean

    def log_symbols(
        self, x: Float[Tensor, "*draw feature"], at: slice
    ) -> Float[Tensor, "*draw some category"]:
        """The log-probability of every symbol of the features `at`, given the features before each.

        Args:
            x: the frame. The value of a feature counts only for the features after it.
            at: the features, without a step.

        Raises:
            DataError: if the features are no symbols.
        """
        raise DataError(
            "Only binary and categorical features can be drawn from sets of values: use infill for "
            "whole frames, or impute for missing values."
        )

    def tempered(
        self, log_p: Float[Tensor, "*draw category"], temperature: float
    ) -> Float[Tensor, "*draw category"]:
        """Logits of one feature's symbols at a temperature; 0 leaves only the most likely symbol.

        Args:
            log_p: log-probabilities at temperature 1.
            temperature: 0 or above.
        """
        return sharpened(log_p, temperature)

    def constrained(self, constraint: Constraint) -> "FrameDistribution":
        """This distribution, restricted to the frames that meet a constraint on notes.

        Raises:
            DataError: if it is not a distribution of notes, if the constraint is about another
                number of notes, or if no frame meets it.
        """
        raise DataError(
            "Only a model of notes can be held to a key, a register, a density or a number of "
            "notes."
        )


def sharpened(
    log_p: Float[Tensor, "*draw category"], temperature: float
) -> Float[Tensor, "*draw category"]:
    """Log-probabilities divided by a temperature; 0 leaves only the most likely symbols."""
    if temperature:
        return log_p / temperature
    best = log_p == log_p.max(-1, keepdim=True).values
    return torch.where(best, 0.0, -torch.inf)


def log_binary(logits: Float[Tensor, "*draw"]) -> Float[Tensor, "*draw category"]:
    """The log-probabilities of 0 and of 1."""
    return logsigmoid(torch.stack([-logits, logits], dim=-1))


def chosen(
    logits: Float[Tensor, "*draw category"], noise: Float[Tensor, "*draw"]
) -> Int[Tensor, "*draw"]:
    """The symbol that each uniform number selects, with probabilities softmax(logits)."""
    below = logits.softmax(-1).cumsum(-1)
    return (below <= noise[..., None].clamp_max(_BELOW_ONE) * below[..., -1:]).sum(-1)


class SampledFrame(FrameDistribution):
    """Any distribution of PyTorch's interface as a `FrameDistribution`, by `log_prob` and `sample`.

    Where the features are an event of the distribution (its `event_shape` is (feature,)), they
    share one term of `log_prob`, and none of them can be left out.

    Args:
        base: a distribution of batch shape (..., feature), or of batch shape (...) and event shape
            (feature,).
    """

    def __init__(self, base: Distribution) -> None:
        super().__init__(base.batch_shape + base.event_shape, validate_args=False)
        self.base = base
        self.marginalises = not base.event_shape

    @property
    def support(self) -> Any:
        """The support of the distribution; all real numbers if the base does not define one."""
        try:
            return self.base.support
        except NotImplementedError:
            return constraints.real

    @property
    def mean(self) -> Tensor:
        """The mean of the distribution.

        Raises:
            NotImplementedError: if the distribution has no closed form of it.
        """
        return self.base.mean

    def log_prob(self, value: Tensor) -> Float[Tensor, "*draw term"]:
        """A term for each feature, or a single term where the features are one event."""
        terms = self.base.log_prob(value)
        return terms[..., None] if self.base.event_shape else terms

    def noise(self, generator: torch.Generator) -> Tensor:
        """Numbers from which `draw` takes a seed."""
        return torch.rand(self.batch_shape, generator=generator, device=generator.device)

    def draw(self, noise: Tensor, temperature: float) -> DrawnFrame:
        """A frame at temperature 1, or the mode (or else the mean) at temperature 0.

        `sample` uses PyTorch's global random state, so it is seeded from `noise` and restored.

        Raises:
            DataError: if the temperature is another one.
        """
        if temperature == 0:
            x = self._most_likely()
        elif temperature == 1:
            devices = [noise.device] if noise.is_cuda else []
            with torch.random.fork_rng(devices):
                torch.manual_seed(int(noise.flatten()[0].double() * 2**53))
                x = self.base.sample()
        else:
            raise DataError(
                f"Frames of {type(self.base).__name__} can be drawn at temperature 0 or 1, not "
                f"{temperature:g}."
            )
        return DrawnFrame(x, self._mean_or(x))

    def mean_frame(self, generator: torch.Generator) -> Tensor:
        """The mean, or one draw where the distribution has no closed form of it."""
        try:
            return self.mean
        except NotImplementedError:
            return self.draw(self.noise(generator), 1.0).x

    def _most_likely(self) -> Tensor:
        try:
            return self.base.mode
        except NotImplementedError:
            return self.mean

    def _mean_or(self, x: Tensor) -> Tensor:
        try:
            return self.mean
        except NotImplementedError:
            return x
