"""Inverse autoregressive flows, which bend the Gaussian of an inference network.

Kingma et al., "Improving variational inference with inverse autoregressive flow" (NeurIPS 2016),
with the networks of Germain et al., "MADE" (ICML 2015); as in Pyro's Deep Markov Model.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, logsigmoid

from dmm_core.nn.mlp import to_float32

__all__ = ["Bent", "InverseAutoregressiveFlow", "InverseAutoregressiveFlows", "Unbent"]

_OPEN = 2.0
"""Added to what the sigmoid of a scale sees, so that a flow starts near the identity."""


class Bent(NamedTuple):
    """States that a flow made.

    Attributes:
        z: (..., latent).
        log_scale: (..., latent), log of the diagonal of the flow's triangular Jacobian; its sum is
            the log-determinant.
    """

    z: Tensor
    log_scale: Tensor


class Unbent(NamedTuple):
    """What a flow made states from.

    Attributes:
        base: (..., latent), what the flow bends to those states.
        log_scale: (..., latent), as `Bent` has it.
    """

    base: Tensor
    log_scale: Tensor


_FARTHEST = 1e6
"""Bound of a base while it is sought: an overflow in one dimension must not reach the others."""


class InverseAutoregressiveFlow(nn.Module):
    """z_i = s_i base_i + (1 - s_i) m_i, with m_i and s_i = sigmoid(..) functions of base_{<i}.

    The paper's numerically stable form (equations 13 and 14).

    Args:
        z_dim: latent dimensions.
        hidden: width of the autoregressive network's one hidden layer.
        descending: read the dimensions from the last to the first.
    """

    inward: Tensor
    outward: Tensor

    def __init__(self, *, z_dim: int, hidden: int, descending: bool) -> None:
        super().__init__()
        order = torch.arange(z_dim)
        order = order.flip(0) if descending else order
        reach = torch.arange(hidden) % max(1, z_dim - 1)  # a unit sees the dimensions up to here
        self.hidden = nn.Linear(z_dim, hidden)
        self.loc = nn.Linear(hidden, z_dim)
        self.gate = nn.Linear(hidden, z_dim)
        self.register_buffer("inward", (reach[:, None] >= order).float(), persistent=False)
        self.register_buffer("outward", (order[:, None] > reach).float(), persistent=False)

    def forward(self, base: Float[Tensor, "*draw latent"]) -> Bent:
        """Bend `base`; its dimensions keep their places."""
        loc, gate = self._at(base)
        return Bent(torch.lerp(loc, base, torch.sigmoid(gate)), logsigmoid(gate))

    def _at(self, base: Tensor) -> tuple[Tensor, Tensor]:
        """M, and what the sigmoid of s sees."""
        hidden = torch.relu(linear(base, self.hidden.weight * self.inward, self.hidden.bias))
        loc = to_float32(linear(hidden, self.loc.weight * self.outward, self.loc.bias))
        gate = to_float32(linear(hidden, self.gate.weight * self.outward, self.gate.bias)) + _OPEN
        return loc, gate

    def unbend(self, z: Float[Tensor, "*draw latent"]) -> Unbent:
        """The base that bends to `z`, by fixed-point iteration.

        Each round makes one more dimension exact, in the order in which the flow reads them, so as
        many rounds as dimensions are enough, and it ends sooner where nothing changes any more.
        """
        base = z
        for _ in range(z.shape[-1]):
            loc, gate = self._at(base)
            found = (z - torch.sigmoid(-gate) * loc) / torch.sigmoid(gate)
            found = found.clamp(-_FARTHEST, _FARTHEST)
            if torch.equal(found, base):
                break
            base = found
        return Unbent(base, logsigmoid(self._at(base)[1]))


class InverseAutoregressiveFlows(nn.Module):
    """Several flows in a row, each reading the dimensions in the direction opposite to the last.

    Args:
        z_dim: latent dimensions.
        hidden: width of each one's hidden layer.
        count: how many.
    """

    def __init__(self, *, z_dim: int, hidden: int, count: int) -> None:
        super().__init__()
        self.flows = nn.ModuleList(
            InverseAutoregressiveFlow(z_dim=z_dim, hidden=hidden, descending=bool(i % 2))
            for i in range(count)
        )

    def forward(self, base: Float[Tensor, "*draw latent"]) -> Bent:
        """Bend `base` through all of them."""
        z, log_scale = base, torch.zeros_like(base)
        for flow in self.flows:
            bent = flow(z)
            z, log_scale = bent.z, log_scale + bent.log_scale
        return Bent(z, log_scale)

    def unbend(self, z: Float[Tensor, "*draw latent"]) -> Unbent:
        """The base that all of them together bend to `z`."""
        base, log_scale = z, torch.zeros_like(z)
        for flow in reversed(self.flows):
            assert isinstance(flow, InverseAutoregressiveFlow)
            unbent = flow.unbend(base)
            base, log_scale = unbent.base, log_scale + unbent.log_scale
        return Unbent(base, log_scale)
