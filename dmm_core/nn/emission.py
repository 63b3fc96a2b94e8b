"""Emissions p(x_t given z_t): a network of the latent state returns a distribution of the frame."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal

from dmm_core.nn.mlp import mlp, scale_of

__all__ = ["BernoulliEmission", "Emission", "GaussianEmission"]


class BernoulliEmission(nn.Module):
    """Independent Bernoullis: x_t ~ Bernoulli(logits = W MLP(z_t) + b) (paper, section 5).

    Args:
        z_dim: latent dimensions.
        x_dim: features of a frame.
        hidden: width of the MLP.
        layers: its hidden layers; 0 makes the logits linear in z.
        nonlinearity: a name in `NONLINEARITIES`.
    """

    def __init__(
        self, *, z_dim: int, x_dim: int, hidden: int, layers: int, nonlinearity: str
    ) -> None:
        super().__init__()
        self.trunk = mlp(z_dim, hidden, layers, nonlinearity=nonlinearity)
        self.logits = nn.Linear(hidden if layers else z_dim, x_dim)

    def forward(self, z: Float[Tensor, "*batch latent"]) -> Bernoulli:
        """The distribution of x given z, of shape (..., x_dim)."""
        return Bernoulli(logits=self.logits(self.trunk(z)), validate_args=False)


class GaussianEmission(nn.Module):
    """A diagonal Gaussian: x_t ~ N(W MLP(z_t) + b, softplus(V MLP(z_t) + c)).

    Args:
        z_dim: latent dimensions.
        x_dim: features of a frame.
        hidden: width of the MLP.
        layers: its hidden layers; 0 makes the mean linear in z.
        nonlinearity: a name in `NONLINEARITIES`.
    """

    def __init__(
        self, *, z_dim: int, x_dim: int, hidden: int, layers: int, nonlinearity: str
    ) -> None:
        super().__init__()
        self.trunk = mlp(z_dim, hidden, layers, nonlinearity=nonlinearity)
        self.loc = nn.Linear(hidden if layers else z_dim, x_dim)
        self.variance = nn.Linear(hidden if layers else z_dim, x_dim)

    def forward(self, z: Float[Tensor, "*batch latent"]) -> Normal:
        """The distribution of x given z, of shape (..., x_dim)."""
        trunk = self.trunk(z)
        return Normal(self.loc(trunk), scale_of(self.variance(trunk)), validate_args=False)


Emission = BernoulliEmission | GaussianEmission
"""Any emission: z -> distribution of x."""
