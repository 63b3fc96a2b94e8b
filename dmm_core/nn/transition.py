"""Transitions p(z_t given z_{t-1}): networks that map a latent state to the Gaussian of the next.

A transition may also read a context: the frame x_{t-1} (DMM-Aug) and the action u_{t-1}.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Normal

from dmm_core.nn.mlp import NONLINEARITIES, concat_context, mlp, scale_of, to_float32

__all__ = ["BoundedTransition", "GatedTransition", "MLPTransition"]


class GatedTransition(nn.Module):
    """The paper's gated transition (section 5): each unit mixes a linear map and an MLP.

    g = sigmoid(MLP(s)); p = MLP(s); loc = (1 - g) (W s + b) + g p; variance = softplus(V f(p) + c),
    where s is the state and its context, f is the nonlinearity, and W is initialised to the
    identity.

    Args:
        z_dim: number of latent dimensions.
        hidden: width of both MLPs.
        layers: number of hidden layers of both MLPs.
        nonlinearity: a name in `NONLINEARITIES`.
        context_dim: width of the context.
    """

    def __init__(
        self, *, z_dim: int, hidden: int, layers: int, nonlinearity: str, context_dim: int = 0
    ) -> None:
        super().__init__()
        seen = z_dim + context_dim
        width = hidden if layers else seen
        self.gate = nn.Sequential(
            mlp(seen, hidden, layers, nonlinearity=nonlinearity), nn.Linear(width, z_dim)
        )
        self.proposal = nn.Sequential(
            mlp(seen, hidden, layers, nonlinearity=nonlinearity), nn.Linear(width, z_dim)
        )
        self.linear = nn.Linear(seen, z_dim)
        self.nonlinearity = NONLINEARITIES[nonlinearity]()
        self.variance = nn.Linear(z_dim, z_dim)

    @torch.no_grad()
    def set_identity(self) -> None:
        """Set the linear part to the identity, so that an untrained transition keeps z."""
        nn.init.eye_(self.linear.weight)
        self.linear.bias.zero_()

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> Normal:
        """The distribution of z_t given z_{t-1} = z, of shape (..., z_dim)."""
        seen = concat_context(z, context)
        gate = torch.sigmoid(to_float32(self.gate(seen)))
        proposal = to_float32(self.proposal(seen))
        loc = torch.lerp(to_float32(self.linear(seen)), proposal, gate)
        scale = scale_of(self.variance(self.nonlinearity(proposal)))
        return Normal(loc, scale, validate_args=False)


class BoundedTransition(nn.Module):
    """A gated transition whose mean cannot grow: it moves z towards a point between -1 and 1.

    g = sigmoid(G h + b); p = tanh(P h + d); loc = (1 - g) z + g p; variance = softplus(V p + c),
    where h = MLP(s), and s is the state and its context. With small variances it is a recurrent
    network like a GRU without reset gates, and stays stable over hundreds of steps, where the
    linear part of the paper's gated transition can grow exponentially.

    Args:
        z_dim: number of latent dimensions.
        hidden: width of the MLP.
        layers: its hidden layers, at least 1.
        nonlinearity: a name in `NONLINEARITIES`.
        context_dim: width of the context.
    """

    def __init__(
        self, *, z_dim: int, hidden: int, layers: int, nonlinearity: str, context_dim: int = 0
    ) -> None:
        super().__init__()
        seen = z_dim + context_dim
        self.trunk = mlp(seen, hidden, layers, nonlinearity=nonlinearity)
        self.gate = nn.Linear(hidden, z_dim)
        self.point = nn.Linear(hidden, z_dim)
        self.variance = nn.Linear(z_dim, z_dim)

    @torch.no_grad()
    def set_time_scales(self) -> None:
        """Set the biases of the gates, so that untrained dimensions forget at different rates.

        They range from -4 to 0: the first dimension moves 2 % of the way in a step, and the last
        one half of it (Tallec and Ollivier, "Can recurrent neural networks warp time?", 2018).
        """
        self.gate.bias.copy_(torch.linspace(-4.0, 0.0, len(self.gate.bias)))

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> Normal:
        """The distribution of z_t given z_{t-1} = z, of shape (..., z_dim)."""
        return self._moved(z, self.trunk(concat_context(z, context)))

    def projected(self, context: Float[Tensor, "*batch context"]) -> Float[Tensor, "*batch first"]:
        """The context's part of the first layer, for `after`; it is the same for every z.

        Computed for many steps at once, it saves most of a step's operations.
        """
        first = self._first
        return nn.functional.linear(context, first.weight[:, -context.shape[-1] :], first.bias)

    def after(
        self,
        z: Float[Tensor, "*draw latent"],
        projected: Float[Tensor, "*batch first"],
    ) -> Normal:
        """The distribution that `forward` returns, given `projected(context)`."""
        first = nn.functional.linear(z, self._first.weight[:, : z.shape[-1]]) + projected
        return self._moved(z, self.trunk[1:](first))

    @property
    def _first(self) -> nn.Linear:
        first = self.trunk[0]
        assert isinstance(first, nn.Linear), "a layer of an MLP"
        return first

    def _moved(self, z: Tensor, trunk: Tensor) -> Normal:
        point = torch.tanh(to_float32(self.point(trunk)))
        loc = torch.lerp(z, point, torch.sigmoid(to_float32(self.gate(trunk))))
        return Normal(loc, scale_of(self.variance(point)), validate_args=False)


class MLPTransition(nn.Module):
    """Mean and variance heads on one MLP: z_t ~ N(W h + b, softplus(V h + c)) with h = MLP(s).

    Args:
        z_dim: number of latent dimensions.
        hidden: width of the MLP.
        layers: number of hidden layers; with 0 the transition is linear.
        nonlinearity: a name in `NONLINEARITIES`.
        context_dim: width of the context.
    """

    def __init__(
        self, *, z_dim: int, hidden: int, layers: int, nonlinearity: str, context_dim: int = 0
    ) -> None:
        super().__init__()
        seen = z_dim + context_dim
        width = hidden if layers else seen
        self.trunk = mlp(seen, hidden, layers, nonlinearity=nonlinearity)
        self.loc = nn.Linear(width, z_dim)
        self.variance = nn.Linear(width, z_dim)

    def forward(
        self,
        z: Float[Tensor, "*draw latent"],
        context: Float[Tensor, "*batch context"] | None = None,
    ) -> Normal:
        """The distribution of z_t given z_{t-1} = z, of shape (..., z_dim)."""
        trunk = self.trunk(concat_context(z, context))
        loc, scale = to_float32(self.loc(trunk)), scale_of(self.variance(trunk))
        return Normal(loc, scale, validate_args=False)
