"""Inverse autoregressive flows, which make the Gaussian of an inference network more flexible.

Kingma et al., "Improving variational inference with inverse autoregressive flow" (NeurIPS 2016),
with the networks of Germain et al., "MADE" (ICML 2015); as in Pyro's Deep Markov Model.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, logsigmoid

from dmm_core.nn.mlp import to_float32

__all__ = ["FlowInverse", "FlowOutput", "InverseAutoregressiveFlow", "InverseAutoregressiveFlows"]

_OPEN = 2.0
"""Added to the logit of every scale, so that a new flow is close to the identity."""


class FlowOutput(NamedTuple):
    """The output of a flow.

    Attributes:
        z: (..., latent), the transformed values.
        log_scale: (..., latent), log of the diagonal of the flow's triangular Jacobian; its sum is
            the log-determinant.
    """

    z: Tensor
    log_scale: Tensor


class FlowInverse(NamedTuple):
    """The input of a flow, computed from its output.

    Attributes:
        base: (..., latent), the input.
        log_scale: (..., latent), as in `FlowOutput`.
    """

    base: Tensor
    log_scale: Tensor


_FARTHEST = 1e6
"""Bound on the iterates of the inverse, so that an overflow does not spread to other dimensions."""


class InverseAutoregressiveFlow(nn.Module):
    """z_i = s_i base_i + (1 - s_i) m_i, where m_i and s_i = sigmoid(..) depend on base_{<i}.

    This is the numerically stable form of the paper (equations 13 and 14).

    Args:
        z_dim: number of latent dimensions.
        hidden: width of the single hidden layer of the autoregressive network.
        descending: whether the dimensions are ordered from the last to the first.
    """

    inward: Tensor
    outward: Tensor

    def __init__(self, *, z_dim: int, hidden: int, descending: bool) -> None:
        super().__init__()
        order = torch.arange(z_dim)
        order = order.flip(0) if descending else order
        # Hidden unit k reads the dimensions whose place in the order is at most reach[k].
        reach = torch.arange(hidden) % max(1, z_dim - 1)
        self.hidden = nn.Linear(z_dim, hidden)
        self.loc = nn.Linear(hidden, z_dim)
        self.gate = nn.Linear(hidden, z_dim)
        self.register_buffer("inward", (reach[:, None] >= order).float(), persistent=False)
        self.register_buffer("outward", (order[:, None] > reach).float(), persistent=False)

    def forward(self, base: Float[Tensor, "*draw latent"]) -> FlowOutput:
        """Transform `base`; the order of the dimensions does not change."""
        loc, gate = self._at(base)
        return FlowOutput(torch.lerp(loc, base, torch.sigmoid(gate)), logsigmoid(gate))

    def _at(self, base: Tensor) -> tuple[Tensor, Tensor]:
        """The means m and the logits of the scales s."""
        hidden = torch.relu(linear(base, self.hidden.weight * self.inward, self.hidden.bias))
        loc = to_float32(linear(hidden, self.loc.weight * self.outward, self.loc.bias))
        gate = to_float32(linear(hidden, self.gate.weight * self.outward, self.gate.bias)) + _OPEN
        return loc, gate

    def inverse(self, z: Float[Tensor, "*draw latent"]) -> FlowInverse:
        """The base whose image is `z`, by fixed-point iteration.

        Each iteration makes one more dimension exact, in the order of the flow. There are therefore
        at most as many iterations as dimensions, and they stop early when nothing changes.
        """
        base = z
        for _ in range(z.shape[-1]):
            loc, gate = self._at(base)
            found = (z - torch.sigmoid(-gate) * loc) / torch.sigmoid(gate)
            found = found.clamp(-_FARTHEST, _FARTHEST)
            if torch.equal(found, base):
                break
            base = found
        return FlowInverse(base, logsigmoid(self._at(base)[1]))


class InverseAutoregressiveFlows(nn.Module):
    """A composition of flows that alternate between ascending and descending order.

    Args:
        z_dim: number of latent dimensions.
        hidden: width of the hidden layer of each flow.
        count: number of flows.
    """

    def __init__(self, *, z_dim: int, hidden: int, count: int) -> None:
        super().__init__()
        self.flows = nn.ModuleList(
            InverseAutoregressiveFlow(z_dim=z_dim, hidden=hidden, descending=bool(i % 2))
            for i in range(count)
        )

    def forward(self, base: Float[Tensor, "*draw latent"]) -> FlowOutput:
        """Transform `base` by all flows, one after another."""
        z, log_scale = base, torch.zeros_like(base)
        for flow in self.flows:
            output = flow(z)
            z, log_scale = output.z, log_scale + output.log_scale
        return FlowOutput(z, log_scale)

    def inverse(self, z: Float[Tensor, "*draw latent"]) -> FlowInverse:
        """The base whose image under all flows is `z`."""
        base, log_scale = z, torch.zeros_like(z)
        for flow in reversed(self.flows):
            assert isinstance(flow, InverseAutoregressiveFlow)
            inverted = flow.inverse(base)
            base, log_scale = inverted.base, log_scale + inverted.log_scale
        return FlowInverse(base, log_scale)
