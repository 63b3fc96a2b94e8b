"""The latent recurrence of a structured inference network, with its own backward pass.

Only the computations that depend on z_{t-1} run step by step. The gradients of their weights are
sums over time. The backward pass keeps the factors of all steps and computes each sum as one matrix
product at the end; autograd would accumulate it step by step.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from dmm_core.nn.mlp import VARIANCE_FLOOR

__all__ = ["latent_recurrence"]


def latent_recurrence(
    heads: Float[Tensor, "time rows two_latent"],
    noise: Float[Tensor, "time rows latent"],
    start: Float[Tensor, "rows latent"],
    weight: Float[Tensor, "hidden latent"],
    bias: Float[Tensor, " hidden"],
    head_weight: Float[Tensor, "two_latent hidden"],
) -> tuple[
    Float[Tensor, "time rows latent"],
    Float[Tensor, "time rows latent"],
    Float[Tensor, "time rows latent"],
]:
    """Draw z_1, z_2, ... where each step's Gaussian depends on the state before it.

    a_t = tanh(W z_{t-1} + b); (loc_t, s_t) = heads_t + V a_t;
    scale_t = sqrt(softplus(s_t) + floor); z_t = loc_t + scale_t noise_t.

    Args:
        heads: the terms that do not depend on z, of the mean and the unconstrained variance,
            concatenated.
        noise: standard normal draws; they get no gradient.
        start: z_0.
        weight: W.
        bias: b.
        head_weight: V.

    Returns:
        z, loc and scale, each (time, rows, latent).
    """
    with torch.autocast(heads.device.type, enabled=False):  # bfloat16 does not pay at this size
        z, loc, scale = _LatentRecurrence.apply(heads, noise, start, weight, bias, head_weight)
    return z, loc, scale


class _LatentRecurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        heads: Tensor,
        noise: Tensor,
        start: Tensor,
        weight: Tensor,
        bias: Tensor,
        head_weight: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        steps, rows, z_dim = noise.shape
        keep = any(ctx.needs_input_grad)
        z, scale = torch.empty_like(noise), torch.empty_like(noise)
        raw = torch.empty_like(heads)  # loc and unconstrained variance, side by side
        hidden = noise.new_empty(steps if keep else 1, rows, len(weight))
        hiddens = hidden.unbind() if keep else hidden.unbind() * steps
        given = (heads, noise, start, weight, bias, head_weight)
        _steps_forward(*given, hiddens, raw, scale, z, floor=VARIANCE_FLOOR)
        if keep:
            # d scale / d unconstrained = sigmoid / (2 scale)
            slope = torch.sigmoid(raw[..., z_dim:]).div_(scale).mul_(0.5)
            ctx.save_for_backward(z, noise, hidden, slope, start, weight, head_weight)
        return z, raw[..., :z_dim].contiguous(), scale

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        grad_z, grad_loc, grad_scale = grad_outputs
        z, noise, hidden, slope, start, weight, head_weight = ctx.saved_tensors
        # All that does not depend on the step after, for all steps at once.
        given = (grad_z, grad_loc, grad_scale * slope, noise * slope)
        grad_heads = z.new_empty(*z.shape[:2], 2 * z.shape[2])
        grad_hidden = torch.empty_like(hidden)
        grad_start = _steps_backward(*given, hidden, weight, head_weight, grad_heads, grad_hidden)
        flat_hidden = grad_hidden.flatten(0, 1)
        before = torch.cat([start[None], z[:-1]])
        return (
            grad_heads,
            None,
            grad_start,
            flat_hidden.t() @ before.flatten(0, 1),
            flat_hidden.sum(0),
            grad_heads.flatten(0, 1).t() @ hidden.flatten(0, 1),
        )


def _steps_forward(
    heads: Tensor,
    noise: Tensor,
    start: Tensor,
    weight: Tensor,
    bias: Tensor,
    head_weight: Tensor,
    hiddens: Sequence[Tensor],
    raw: Tensor,
    scale: Tensor,
    z: Tensor,
    *,
    floor: float,
) -> None:
    """Fill `hiddens` (a_t), `raw` (loc_t and s_t concatenated), `scale` and `z` step by step."""
    weight_t, head_weight_t = weight.t(), head_weight.t()
    raws, scales = raw.unbind(), scale.unbind()
    locs, unconstrained = (half.unbind() for half in raw.chunk(2, dim=2))
    before = start
    for t, (head, draw, state) in enumerate(
        zip(heads.unbind(), noise.unbind(), z.unbind(), strict=True)
    ):
        a = torch.addmm(bias, before, weight_t, out=hiddens[t]).tanh_()
        torch.addmm(head, a, head_weight_t, out=raws[t])
        variance = torch.nn.functional.softplus(unconstrained[t]).add_(floor)
        torch.sqrt(variance, out=scales[t])
        before = torch.addcmul(locs[t], scales[t], draw, out=state)


def _steps_backward(
    grad_z: Tensor,
    grad_loc: Tensor,
    to_spread: Tensor,
    noise_to_spread: Tensor,
    hidden: Tensor,
    weight: Tensor,
    head_weight: Tensor,
    grad_heads: Tensor,
    grad_hidden: Tensor,
) -> Tensor:
    """Fill the gradients of heads and of what the tanh acts on; the gradient of z_0."""
    grad_zs, grad_locs = grad_z.unbind(), grad_loc.unbind()
    to_spreads, noise_to_spreads = to_spread.unbind(), noise_to_spread.unbind()
    tanh_slopes = (1.0 - hidden * hidden).unbind()
    both, inners = grad_heads.unbind(), grad_hidden.unbind()
    to_loc, to_variance = (half.unbind() for half in grad_heads.chunk(2, dim=2))
    grad_state = grad_zs[-1]
    for t in range(len(grad_zs) - 1, -1, -1):
        torch.add(grad_locs[t], grad_state, out=to_loc[t])
        torch.addcmul(to_spreads[t], grad_state, noise_to_spreads[t], out=to_variance[t])
        inner = torch.mm(both[t], head_weight, out=inners[t]).mul_(tanh_slopes[t])
        grad_state = torch.addmm(grad_zs[t - 1], inner, weight) if t else inner @ weight
    return grad_state
