"""Emissions p(x_t given z_t): a network of the latent state returns a distribution of the frame.

Each distribution's `log_prob` gives a term for every feature, (..., x_dim), whose sum is the
frame's log-probability. An emission may see the frame before, x_{t-1}, beside the state (DMM-Aug).
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal

from dmm_core.nn.mlp import concat_context, mlp, scale_of, to_float32
from dmm_core.nn.nade import NADE

__all__ = ["BernoulliEmission", "GaussianEmission", "NADEEmission"]


class BernoulliEmission(nn.Module):
    """Independent Bernoullis: x_t ~ Bernoulli(logits = W MLP(z_t) + b) (paper, section 5).

    Args:
        z_dim: latent dimensions.
        x_dim: features of a frame.
        hidden: width of the MLP.
        layers: its hidden layers; 0 makes the logits linear in z.
        nonlinearity: a name in `NONLINEARITIES`.
        context_dim: width of what is seen beside the state.
    """

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
        self.logits = nn.Linear(hidden if layers else z_dim + context_dim, x_dim)

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> Bernoulli:
        """The distribution of x given z, of shape (..., x_dim)."""
        logits = to_float32(self.logits(self.trunk(concat_context(z, context))))
        return Bernoulli(logits=logits, validate_args=False)


class GaussianEmission(nn.Module):
    """A diagonal Gaussian: x_t ~ N(W MLP(z_t) + b, softplus(V MLP(z_t) + c)).

    Args:
        z_dim: latent dimensions.
        x_dim: features of a frame.
        hidden: width of the MLP.
        layers: its hidden layers; 0 makes the mean linear in z.
        nonlinearity: a name in `NONLINEARITIES`.
        context_dim: width of what is seen beside the state.
    """

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
        width = hidden if layers else z_dim + context_dim
        self.trunk = mlp(z_dim + context_dim, hidden, layers, nonlinearity=nonlinearity)
        self.loc = nn.Linear(width, x_dim)
        self.variance = nn.Linear(width, x_dim)

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> Normal:
        """The distribution of x given z, of shape (..., x_dim)."""
        trunk = self.trunk(concat_context(z, context))
        loc, scale = to_float32(self.loc(trunk)), scale_of(self.variance(trunk))
        return Normal(loc, scale, validate_args=False)


class NADEEmission(nn.Module):
    """Features one after another: p(x_t) = prod_i p(x_{t,i} given x_{t,<i}, z_t) (DMM-NADE).

    The state sets where the units of the `NADE` start and the biases of its logits; both are linear
    heads on an MLP.

    Args:
        z_dim: latent dimensions.
        x_dim: features of a frame, in the order in which they are explained.
        hidden: width of the MLP.
        layers: its hidden layers; 0 makes both heads linear in z.
        nonlinearity: a name in `NONLINEARITIES`.
        units: hidden units of the NADE.
        context_dim: width of what is seen beside the state.
    """

    def __init__(
        self,
        *,
        z_dim: int,
        x_dim: int,
        hidden: int,
        layers: int,
        nonlinearity: str,
        units: int,
        context_dim: int = 0,
    ) -> None:
        super().__init__()
        width = hidden if layers else z_dim + context_dim
        self.trunk = mlp(z_dim + context_dim, hidden, layers, nonlinearity=nonlinearity)
        self.start = nn.Linear(width, units)
        self.bias = nn.Linear(width, x_dim)
        self.read = nn.Linear(x_dim, units, bias=False)
        self.write = nn.Linear(units, x_dim, bias=False)

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> NADE:
        """The distribution of x given z, of shape (..., x_dim)."""
        trunk = self.trunk(concat_context(z, context))
        start, bias = to_float32(self.start(trunk)), to_float32(self.bias(trunk))
        return NADE(start, bias, self.read.weight.t(), self.write.weight)
