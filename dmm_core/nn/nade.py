"""The neural autoregressive distribution (NADE) of a binary frame, with its own backward pass.

Larochelle and Murray, "The neural autoregressive distribution estimator" (AISTATS 2011); with a
latent state as in Krishnan, Shalit and Sontag (2017), DMM-Aug-NADE.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import constraints
from torch.nn.functional import binary_cross_entropy_with_logits

from dmm_core.nn.constraints import Constraint
from dmm_core.nn.frame import DrawnFrame, FrameDistribution, log_binary
from dmm_core.nn.note_counts import CountedNADE

__all__ = ["NADE", "nade_logits"]


class NADE(FrameDistribution):
    """p(x) = prod_i Bernoulli(x_i; logit_i), logit_i = b_i + V_i sigmoid(c + sum_{j<i} x_j W_j).

    Args:
        start: c, (..., unit).
        bias: b, (..., feature).
        read: W, (feature, unit).
        write: V, (feature, unit).
    """

    marginalises = False
    categories = 2
    support = constraints.boolean  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __init__(self, start: Tensor, bias: Tensor, read: Tensor, write: Tensor) -> None:
        super().__init__(batch_shape=bias.shape, validate_args=False)
        self.start = start
        self.bias = bias
        self.read = read
        self.write = write

    def log_prob(self, value: Float[Tensor, "*batch feature"]) -> Float[Tensor, "*draw feature"]:
        """Log-probability of each feature given those before it; the sum is that of the frame."""
        x = value.expand(self.batch_shape)
        logits = nade_logits(self.start, self.bias, self.read, self.write, x)
        return -binary_cross_entropy_with_logits(logits, x, reduction="none")

    def log_symbols(
        self, x: Float[Tensor, "*draw feature"], at: slice
    ) -> Float[Tensor, "*draw some category"]:
        """The log-probabilities of 0 and 1 of the features `at`, given the features before each."""
        first, end, _ = at.indices(self.bias.shape[-1])
        past = self.start + x[..., :first] @ self.read[:first]
        within = (x[..., first:end, None] * self.read[first:end]).cumsum(-2)
        past = past[..., None, :] + nn.functional.pad(within[..., :-1, :], (0, 0, 1, 0))
        return log_binary(self.bias[..., at] + (torch.sigmoid(past) * self.write[at]).sum(-1))

    def noise(self, generator: torch.Generator) -> Tensor:
        """Uniform draws, one for each feature."""
        like = self.bias
        return torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)

    def mean_frame(self, generator: torch.Generator) -> Tensor:
        """The mean that one frame was drawn with."""
        return self.draw(self.noise(generator), 1.0).mean

    def constrained(self, constraint: Constraint) -> FrameDistribution:
        """This NADE with constrained logits of all conditionals, or a `CountedNADE`.

        Raises:
            DataError: if the constraint has another number of features, or no frame meets it.
        """
        nade = NADE(self.start, constraint.applied_to(self.bias), self.read, self.write)
        if constraint.counts is None:
            return nade
        return CountedNADE(nade, constraint.counts, constraint.room_among(self.bias.shape[-1]))

    def draw(self, noise: Float[Tensor, "*draw feature"], temperature: float) -> DrawnFrame:
        """A frame by ancestral sampling, in the order of the features.

        Args:
            noise: uniform draws, from `noise`.
            temperature: divides every logit; 0 takes the more likely value.
        """
        units = self.start.clone()
        x, mean = torch.empty_like(self.bias), torch.empty_like(self.bias)
        for i in range(self.bias.shape[-1]):
            # A sum of products is faster than a matrix-vector product of this size, which spends
            # most of its time on starting threads (30 times as long on two cores).
            logit = self.bias[..., i] + (torch.sigmoid(units) * self.write[i]).sum(-1)
            mean[..., i] = torch.sigmoid(logit)
            chance = torch.sigmoid(logit / temperature) if temperature else (logit > 0).to(logit)
            x[..., i] = (noise[..., i] < chance).to(logit)
            units.add_(x[..., i, None] * self.read[i])
        return DrawnFrame(x, mean)


def nade_logits(
    start: Float[Tensor, "*draw unit"],
    bias: Float[Tensor, "*draw feature"],
    read: Float[Tensor, "feature unit"],
    write: Float[Tensor, "feature unit"],
    x: Float[Tensor, "*draw feature"],
) -> Float[Tensor, "*draw feature"]:
    """The logit of each feature given the features before it.

    Time and memory are linear in the number of features.

    Args:
        start: c, the initial activations.
        bias: b, the biases of the logits.
        read: W, the weights from the features.
        write: V, the weights to the logits.
        x: features, 0 or 1; they get no gradient.
    """
    with torch.autocast(x.device.type, enabled=False):  # no product here is large enough to gain
        flat = _Logits.apply(start.flatten(0, -2), read, write, x.reshape(-1, x.shape[-1]))
    return bias + flat.view(bias.shape)


class _Logits(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, start: Tensor, read: Tensor, write: Tensor, x: Tensor) -> Tensor:
        features = x.shape[1]
        keep = any(ctx.needs_input_grad)
        x = x.t().contiguous()
        logits = x.new_empty(x.shape)
        hidden = start.new_empty(features if keep else 1, *start.shape)
        hiddens = hidden.unbind() if keep else hidden.unbind() * features
        units = start.clone()
        for i, (column, logit, h) in enumerate(
            zip(x.unbind(), logits.unbind(), hiddens, strict=True)
        ):
            torch.sigmoid(units, out=h)
            torch.mv(h, write[i], out=logit)
            units.addr_(column, read[i])
        if keep:
            ctx.save_for_backward(read, write, x, hidden)
        return logits.t()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        read, write, x, hidden = ctx.saved_tensors
        grads = grad_outputs[0].t().contiguous()
        grad_read, grad_write = torch.empty_like(read), torch.empty_like(write)
        grad_units = torch.zeros_like(hidden[0])
        slope = torch.empty_like(grad_units)
        for i in range(len(x) - 1, -1, -1):
            h, grad = hidden[i], grads[i]
            grad_read[i] = x[i] @ grad_units  # gradients of the features after i only
            grad_write[i] = grad @ h
            torch.addcmul(h, h, h, value=-1, out=slope)
            grad_units.addcmul_(slope, torch.outer(grad, write[i]))
        return grad_units, grad_read, grad_write, None
