"""Emissions p(x_t given z_t): networks that map the latent state to a distribution of the frame.

An emission declares the kinds of data that it explains and the class of its distribution. The
distribution (`dmm_core.nn.frame`) evaluates, draws and constrains a frame, and declares whether
missing features can be left out of the likelihood. In a DMM-Aug, the emission also depends on the
previous frame, x_{t-1}.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from dmm_core.data.spec import Kind
from dmm_core.nn.categorical import CategoricalFrame, PlainSlots, SlotScores
from dmm_core.nn.distributions import (
    BernoulliFrame,
    CountFrame,
    NormalFrame,
    StudentTFrame,
)
from dmm_core.nn.frame import FrameDistribution
from dmm_core.nn.intervals import VoiceSlots
from dmm_core.nn.mlp import concat_context, mlp, scale_of, to_float32
from dmm_core.nn.nade import NADE

__all__ = [
    "EMISSIONS",
    "BernoulliEmission",
    "CategoricalEmission",
    "Emission",
    "GaussianEmission",
    "NADEEmission",
    "NegativeBinomialEmission",
    "PoissonEmission",
    "StudentTEmission",
    "emissions_for",
]


_LEAST_RATE = 1e-6
"""Added to rates of counts, which keeps their logarithms finite."""


class Emission(nn.Module):
    """An MLP of the state; a subclass adds linear heads for the parameters of its distribution.

    Args:
        z_dim: latent dimensions.
        x_dim: number of features per frame.
        hidden: width of the hidden layers of the MLP.
        layers: number of hidden layers; with 0 the heads are linear in z.
        nonlinearity: a name in `NONLINEARITIES`.
        context_dim: width of the context, for example of the previous frame; 0 without context.

    Attributes:
        explains: the kinds of data that the emission explains.
        distribution: the class of the distribution that `forward` returns.
        kept_per_frame: how many numbers autograd stores per frame for the backward pass, in
            addition to the inputs of matrix products. The memory estimate uses it.
    """

    explains: ClassVar[tuple[Kind, ...]]
    distribution: ClassVar[type[FrameDistribution]]
    kept_per_frame: int = 0

    def __init__(
        self,
        *,
        z_dim: int,
        x_dim: int,
        hidden: int,
        layers: int,
        nonlinearity: str,
        context_dim: int = 0,
    ) -> None:
        super().__init__()
        self.trunk = mlp(z_dim + context_dim, hidden, layers, nonlinearity=nonlinearity)
        self.x_dim = x_dim
        self.width = hidden if layers else z_dim + context_dim

    def features(self, z: Tensor, context: Tensor | None) -> Tensor:
        """The MLP's output, (..., width), from which the heads compute their parameters."""
        return self.trunk(concat_context(z, context))


class BernoulliEmission(Emission):
    """Independent Bernoullis: x_t ~ Bernoulli(logits = W MLP(z_t) + b) (paper, section 5).

    The arguments are those of `Emission`.
    """

    explains = ("binary",)
    distribution = BernoulliFrame

    def __init__(self, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.logits = nn.Linear(self.width, self.x_dim)

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> BernoulliFrame:
        """The distribution of x given z, of shape (..., x_dim)."""
        logits = to_float32(self.logits(self.features(z, context)))
        return BernoulliFrame(logits=logits, validate_args=False)


class GaussianEmission(Emission):
    """A diagonal Gaussian with a learned mean and variance.

    x_t ~ N(mean = W MLP(z_t) + b, variance = softplus(V MLP(z_t) + c)).

    The arguments are those of `Emission`.
    """

    explains = ("real",)
    distribution = NormalFrame

    def __init__(self, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.loc = nn.Linear(self.width, self.x_dim)
        self.variance = nn.Linear(self.width, self.x_dim)

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> FrameDistribution:
        """The distribution of x given z, of shape (..., x_dim)."""
        return self.gaussian(z, context)

    def gaussian(self, z: Tensor, context: Tensor | None) -> NormalFrame:
        """The Gaussian of x given z, of shape (..., x_dim)."""
        features = self.features(z, context)
        loc, scale = to_float32(self.loc(features)), scale_of(self.variance(features))
        return NormalFrame(loc, scale, validate_args=False)


class StudentTEmission(GaussianEmission):
    """Student's t: loc and scale as in `GaussianEmission`, degrees of freedom for each feature.

    The degrees of freedom are 2 + softplus(w), so the variance is finite. They are learned, and do
    not depend on the state. The arguments are those of `Emission`.
    """

    distribution = StudentTFrame

    def __init__(self, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.tails = nn.Parameter(torch.full((self.x_dim,), 8.0))

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> FrameDistribution:
        """The distribution of x given z, of shape (..., x_dim)."""
        gaussian = self.gaussian(z, context)
        df = (2.0 + softplus(self.tails)).expand_as(gaussian.loc)
        return StudentTFrame(df, gaussian.loc, gaussian.scale)


class PoissonEmission(Emission):
    """Independent counts: x_t ~ Poisson(softplus(W MLP(z_t) + b)).

    The arguments are those of `Emission`.
    """

    explains = ("count",)
    distribution = CountFrame

    def __init__(self, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.rate = nn.Linear(self.width, self.x_dim)

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> CountFrame:
        """The distribution of x given z, of shape (..., x_dim)."""
        return CountFrame(_positive(self.rate(self.features(z, context))))


class NegativeBinomialEmission(PoissonEmission):
    """Independent counts whose variance exceeds their mean.

    The mean is m = softplus(W MLP(z_t) + b) and the variance m (1 + e), where e is
    softplus(V MLP(z_t) + c). The arguments are those of `Emission`.
    """

    def __init__(self, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.excess = nn.Linear(self.width, self.x_dim)

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> CountFrame:
        """The distribution of x given z, of shape (..., x_dim)."""
        features = self.features(z, context)
        return CountFrame(_positive(self.rate(features)), _positive(self.excess(features)))


def _positive(unconstrained: Tensor) -> Tensor:
    return softplus(to_float32(unconstrained)) + _LEAST_RATE


class NADEEmission(Emission):
    """Autoregressive over the features (DMM-NADE).

    p(x_t given z_t) = prod_i p(x_{t,i} given x_{t,<i}, z_t).

    The state sets the initial activations of the `NADE`'s hidden units and the biases of its
    logits. Both are linear heads on the MLP.

    Args:
        units: hidden units of the NADE.
        **sizes: the arguments of `Emission`.
    """

    explains = ("binary",)
    distribution = NADE

    def __init__(self, *, units: int, **sizes: Any) -> None:
        super().__init__(**sizes)
        self.start = nn.Linear(self.width, units)
        self.bias = nn.Linear(self.width, self.x_dim)
        self.read = nn.Linear(self.x_dim, units, bias=False)
        self.write = nn.Linear(units, self.x_dim, bias=False)
        self.kept_per_frame = units * self.x_dim  # the hidden units of every feature

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> NADE:
        """The distribution of x given z, of shape (..., x_dim)."""
        features = self.features(z, context)
        start, bias = to_float32(self.start(features)), to_float32(self.bias(features))
        return NADE(start, bias, self.read.weight.t(), self.write.weight)


class CategoricalEmission(Emission):
    """Symbols one after another: p(x_t) = prod_i p(x_{t,i} given x_{t,<i}, z_t) (a NADE).

    The state sets the initial activations of the hidden units, by a linear head on the MLP.

    Args:
        categories: symbols of a slot.
        units: hidden units of a slot.
        intervals: score pitches by their intervals (`VoiceSlots`); for the symbols of four voices,
            and a context that begins with the indicators of the frame before.
        dropout: probability of dropping a unit of the MLP's output, or a hidden unit of a slot, in
            training mode.
        **sizes: the arguments of `Emission`.
    """

    explains = ("categorical",)
    distribution = CategoricalFrame

    def __init__(
        self,
        *,
        categories: int,
        units: int,
        intervals: bool = False,
        dropout: float = 0.0,
        **sizes: Any,
    ) -> None:
        super().__init__(**sizes)
        self.drop = nn.Dropout(dropout)
        self.start = nn.Linear(self.width, units)
        self.categories = categories
        self.intervals = intervals
        self.slots: SlotScores = (
            VoiceSlots(units=units, dropout=dropout)
            if intervals
            else PlainSlots(slots=self.x_dim, categories=categories, units=units, dropout=dropout)
        )
        self.kept_per_frame = self.x_dim * (3 * units + 6 * categories)

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> CategoricalFrame:
        """The distribution of x given z, of shape (..., x_dim)."""
        start = to_float32(self.start(self.drop(self.features(z, context))))
        before = None
        if self.intervals and context is not None:
            seen = context[..., : self.x_dim * self.categories]
            symbols = seen.unflatten(-1, (self.x_dim, self.categories)).argmax(-1)
            before = symbols.expand(*start.shape[:-1], self.x_dim)
        return CategoricalFrame(start, self.slots, before)


EMISSIONS: dict[str, type[Emission]] = {
    "bernoulli": BernoulliEmission,
    "nade": NADEEmission,
    "gaussian": GaussianEmission,
    "student-t": StudentTEmission,
    "poisson": PoissonEmission,
    "negative-binomial": NegativeBinomialEmission,
    "categorical": CategoricalEmission,
}
"""The emissions by their name in `model.emission`."""


def emissions_for(kind: Kind, *, missing: bool = False) -> list[str]:
    """The names of the emissions that can explain data of this kind, the default first.

    Args:
        kind: kind of the features.
        missing: whether some features may be missing.
    """
    return [
        name
        for name, emission in EMISSIONS.items()
        if kind in emission.explains and (emission.distribution.marginalises or not missing)
    ]
