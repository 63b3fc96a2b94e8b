"""Transitions p(z_t given z_{t-1}): a network of one latent state returns the next's Gaussian."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Normal

from dmm_core.nn.mlp import NONLINEARITIES, mlp, scale_of

__all__ = ["GatedTransition", "MLPTransition", "Transition"]


class GatedTransition(nn.Module):
    """The paper's gated transition (section 5), between a linear map and an MLP, unit by unit.

    g = sigmoid(MLP(z)); p = MLP(z); loc = (1 - g) (W z + b) + g p; variance = softplus(V f(p) + c),
    with f the nonlinearity and W starting at the identity.

    Args:
        z_dim: latent dimensions.
        hidden: width of both MLPs.
        layers: hidden layers of both MLPs.
        nonlinearity: a name in `NONLINEARITIES`.
    """

    def __init__(self, *, z_dim: int, hidden: int, layers: int, nonlinearity: str) -> None:
        super().__init__()
        width = hidden if layers else z_dim
        self.gate = nn.Sequential(
            mlp(z_dim, hidden, layers, nonlinearity=nonlinearity), nn.Linear(width, z_dim)
        )
        self.proposal = nn.Sequential(
            mlp(z_dim, hidden, layers, nonlinearity=nonlinearity), nn.Linear(width, z_dim)
        )
        self.linear = nn.Linear(z_dim, z_dim)
        self.nonlinearity = NONLINEARITIES[nonlinearity]()
        self.variance = nn.Linear(z_dim, z_dim)

    @torch.no_grad()
    def start(self) -> None:
        """Set the linear part to the identity, so that the first transitions keep z."""
        nn.init.eye_(self.linear.weight)
        self.linear.bias.zero_()

    def forward(self, z: Float[Tensor, "*batch latent"]) -> Normal:
        """The distribution of z_t given z_{t-1} = z, of shape (..., z_dim)."""
        gate = torch.sigmoid(self.gate(z))
        proposal = self.proposal(z)
        loc = torch.lerp(self.linear(z), proposal, gate)
        scale = scale_of(self.variance(self.nonlinearity(proposal)))
        return Normal(loc, scale, validate_args=False)


class MLPTransition(nn.Module):
    """Mean and variance heads on one MLP: z_t ~ N(W h + b, softplus(V h + c)), h = MLP(z_{t-1}).

    Args:
        z_dim: latent dimensions.
        hidden: width of the MLP.
        layers: its hidden layers; 0 makes the transition linear.
        nonlinearity: a name in `NONLINEARITIES`.
    """

    def __init__(self, *, z_dim: int, hidden: int, layers: int, nonlinearity: str) -> None:
        super().__init__()
        width = hidden if layers else z_dim
        self.trunk = mlp(z_dim, hidden, layers, nonlinearity=nonlinearity)
        self.loc = nn.Linear(width, z_dim)
        self.variance = nn.Linear(width, z_dim)

    def forward(self, z: Float[Tensor, "*batch latent"]) -> Normal:
        """The distribution of z_t given z_{t-1} = z, of shape (..., z_dim)."""
        trunk = self.trunk(z)
        return Normal(self.loc(trunk), scale_of(self.variance(trunk)), validate_args=False)


Transition = GatedTransition | MLPTransition
"""Any transition: z_{t-1} -> distribution of z_t."""
