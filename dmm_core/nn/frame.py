"""The interface of p(x_t given z_t): log-probabilities by feature, draws and the mean.

Training, evaluation, filtering and sampling use only this interface. The model
wraps the result of an emission (`dmm_core.nn.distributions.as_frame`), so an emission may also
return any `torch.distributions.Distribution` with `log_prob` and `sample`.
"""

from abc import abstractmethod
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, constraints

from dmm_core.errors import DataError
from dmm_core.nn.constraints import Constraint

__all__ = ["DrawnFrame", "FrameDistribution", "SampledFrame"]


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
    """

    marginalises: bool = True

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
