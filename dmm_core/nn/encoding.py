"""How frames enter the networks: unchanged, standardised, as logarithms of counts, or one-hot.

An encoder converts the data for the networks of a model. The inference network, and the
transition and emission of a DMM-Aug, read the encoded frame. The emission's distribution is mapped
back (`FrameEncoder.decode`), so everything outside the model is in the units of the data:
likelihoods, means, draws. The constants of an encoder are fitted once, on the train split, and are
a part of the model's state.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from dmm_core.nn.distributions import CountFrame
from dmm_core.nn.frame import DrawnFrame, FrameDistribution

__all__ = ["FrameEncoder", "LogCounts", "OneHot", "ScaledFrame", "Standardised"]

_CONSTANT = 1e-6
"""A feature whose standard deviation is below this share of its largest value counts as constant.
float32 keeps seven digits, so what varies less is rounding."""


class FrameEncoder(nn.Module):
    """The identity: frames enter the networks as they are in the data.

    Args:
        x_dim: features of a frame.

    Attributes:
        width: numbers of an encoded frame.
    """

    def __init__(self, x_dim: int) -> None:
        super().__init__()
        self.width = x_dim

    @property
    def fitted(self) -> bool:
        """Whether the encoder's constants were fitted; True where there are none."""
        return True

    def fit(self, x: Sequence[np.ndarray], observed: Sequence[np.ndarray] | None) -> None:
        """Fit the encoder's constants to the frames of the train split.

        Args:
            x: arrays (T_i, x_dim).
            observed: arrays (T_i, x_dim), 1 where a feature was observed; None if all were.
        """

    def forward(self, x: Float[Tensor, "*draw feature"]) -> Float[Tensor, "*draw width"]:
        """The encoded frames."""
        return x

    def decode(self, distribution: FrameDistribution) -> FrameDistribution:
        """The distribution in the units of the data.

        Args:
            distribution: what the emission returned, of batch shape (..., feature).
        """
        return distribution


class _FittedEncoder(FrameEncoder):
    """An encoder with a location and a scale for each feature.

    Attributes:
        loc: (feature,), subtracted from the transformed values.
        scale: (feature,), positive; divides them.
    """

    loc: Tensor
    scale: Tensor
    is_fitted: Tensor

    def __init__(self, x_dim: int) -> None:
        super().__init__(x_dim)
        self.register_buffer("loc", torch.zeros(x_dim))
        self.register_buffer("scale", torch.ones(x_dim))
        self.register_buffer("is_fitted", torch.zeros((), dtype=torch.bool))

    @property
    def fitted(self) -> bool:
        """Whether `fit` was called, or fitted constants were loaded."""
        return bool(self.is_fitted)

    def _set(self, loc: np.ndarray, scale: np.ndarray) -> None:
        self.loc.copy_(torch.from_numpy(loc))
        self.scale.copy_(torch.from_numpy(scale))
        self.is_fitted.fill_(True)


class Standardised(_FittedEncoder):
    """Real features, standardised: (x - mean) / deviation.

    Mean and standard deviation are those of the observed values of the train split. A constant
    feature keeps the deviation 1.

    Args:
        x_dim: features of a frame.
    """

    def fit(self, x: Sequence[np.ndarray], observed: Sequence[np.ndarray] | None) -> None:
        """Set mean and deviation, as `FrameEncoder.fit` describes."""
        self._set(*_moments(np.concatenate(x).astype(np.float64), _joined(observed)))

    def forward(self, x: Float[Tensor, "*draw feature"]) -> Float[Tensor, "*draw feature"]:
        """The standardised frames."""
        return (x - self.loc) / self.scale

    def decode(self, distribution: FrameDistribution) -> FrameDistribution:
        """The distribution of deviation * y + mean, where y has the given distribution."""
        return ScaledFrame(distribution, self.loc, self.scale)


class LogCounts(_FittedEncoder):
    """Counts as standardised logarithms: (log(1 + x) - mean) / deviation.

    The emission's rates are relative to each feature's mean count in the train split.

    Args:
        x_dim: features of a frame.
    """

    rate: Tensor

    def __init__(self, x_dim: int) -> None:
        super().__init__(x_dim)
        self.register_buffer("rate", torch.ones(x_dim))

    def fit(self, x: Sequence[np.ndarray], observed: Sequence[np.ndarray] | None) -> None:
        """Set the mean count, and mean and deviation of log(1 + x)."""
        counts = np.concatenate(x).astype(np.float64).clip(min=0.0)
        seen = _joined(observed)
        self._set(*_moments(np.log1p(counts), seen))
        mean, _ = _moments(counts, seen)
        self.rate.copy_(torch.from_numpy(np.where(mean > 0, mean, 1.0)))

    def forward(self, x: Float[Tensor, "*draw feature"]) -> Float[Tensor, "*draw feature"]:
        """The encoded counts."""
        return (torch.log1p(x) - self.loc) / self.scale

    def decode(self, distribution: FrameDistribution) -> FrameDistribution:
        """The counts with the rates of the data; only a `CountFrame` is changed."""
        if isinstance(distribution, CountFrame):
            return distribution.times(self.rate)
        return distribution


class OneHot(FrameEncoder):
    """Categories as indicators: each slot becomes `categories` numbers, of which one is 1.

    Args:
        x_dim: slots of a frame.
        categories: symbols of a slot, numbered from 0.
    """

    def __init__(self, x_dim: int, categories: int) -> None:
        super().__init__(x_dim)
        self.width = x_dim * categories
        self.categories = categories

    def forward(self, x: Float[Tensor, "*draw slot"]) -> Float[Tensor, "*draw width"]:
        """The indicators, slot after slot."""
        return nn.functional.one_hot(x.long(), self.categories).to(x).flatten(-2)


class ScaledFrame(FrameDistribution):
    """The distribution of scale * y + loc, feature by feature.

    Its log-density is log p((x - loc) / scale) - log(scale).

    Args:
        base: the distribution of y, of batch shape (..., feature).
        loc: (feature,).
        scale: (feature,), positive.
    """

    def __init__(self, base: FrameDistribution, loc: Tensor, scale: Tensor) -> None:
        super().__init__(base.batch_shape, validate_args=False)
        self.base, self.loc, self.scale = base, loc, scale
        self.marginalises = base.marginalises

    @property
    def support(self) -> Any:
        """The support of the base."""
        return self.base.support

    @property
    def mean(self) -> Tensor:
        """The mean, (..., feature)."""
        return self.base.mean * self.scale + self.loc

    def log_prob(self, value: Tensor) -> Float[Tensor, "*draw feature"]:
        """The log-density of each feature, in nats."""
        return self.base.log_prob((value - self.loc) / self.scale) - self.scale.log()

    def noise(self, generator: torch.Generator) -> Tensor:
        """The base's random numbers."""
        return self.base.noise(generator)

    def draw(self, noise: Tensor, temperature: float) -> DrawnFrame:
        """A draw of the base, scaled and shifted; so is its mean."""
        drawn = self.base.draw(noise, temperature)
        return DrawnFrame(*(part * self.scale + self.loc for part in drawn))

    def mean_frame(self, generator: torch.Generator) -> Tensor:
        """The base's mean, scaled and shifted."""
        return self.base.mean_frame(generator) * self.scale + self.loc


def _joined(arrays: Sequence[np.ndarray] | None) -> np.ndarray | None:
    return None if arrays is None else np.concatenate(arrays)


def _moments(values: np.ndarray, observed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each column over the observed values, in double precision."""
    seen = np.ones(values.shape, bool) if observed is None else observed.astype(bool)
    count = np.maximum(seen.sum(0), 1)
    mean = np.where(seen, values, 0.0).sum(0) / count
    deviation = np.sqrt((np.where(seen, values - mean, 0.0) ** 2).sum(0) / count)
    largest = np.abs(np.where(seen, values, 0.0)).max(0)
    return mean, np.where(deviation > _CONSTANT * largest, deviation, 1.0)
