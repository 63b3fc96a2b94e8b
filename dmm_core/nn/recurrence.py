"""The latent recurrence of a structured inference network, with a backward pass of its own.

What depends on z_{t-1} is all that runs step by step. Its weights' gradients are sums over time, so
the backward pass collects the steps' factors and takes each sum as one matrix product at the end,
which autograd's step-by-step accumulation cannot do.
"""

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
        heads: what does not depend on z, for mean and unconstrained variance side by side.
        noise: standard normal draws; no gradient reaches them.
        start: z_0.
        weight: W.
        bias: b.
        head_weight: V.

    Returns:
        z, loc and scale, each (time, rows, latent).
    """
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
        z, loc, scale = torch.empty_like(noise), torch.empty_like(noise), torch.empty_like(noise)
        hidden = noise.new_empty(steps if keep else 1, rows, len(weight))
        slope = torch.empty_like(noise) if keep else None
        weight_t, head_weight_t = weight.t(), head_weight.t()
        before = start
        for t in range(steps):
            a = torch.addmm(bias, before, weight_t, out=hidden[t if keep else 0]).tanh_()
            step = torch.addmm(heads[t], a, head_weight_t)
            loc[t] = step[:, :z_dim]
            unconstrained = step[:, z_dim:]
            variance = torch.nn.functional.softplus(unconstrained) + VARIANCE_FLOOR
            torch.sqrt(variance, out=scale[t])
            before = torch.addcmul(loc[t], scale[t], noise[t], out=z[t])
            if slope is not None:  # d scale / d unconstrained = sigmoid / (2 scale)
                torch.div(torch.sigmoid(unconstrained), scale[t], out=slope[t])
        if slope is not None:
            slope.mul_(0.5)
            ctx.save_for_backward(z, noise, hidden, slope, start, weight, head_weight)
        return z, loc, scale

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        grad_z, grad_loc, grad_scale = grad_outputs
        z, noise, hidden, slope, start, weight, head_weight = ctx.saved_tensors
        steps, rows, z_dim = z.shape
        grad_heads = z.new_empty(steps, rows, 2 * z_dim)
        grad_hidden = torch.empty_like(hidden)
        carry = torch.zeros_like(start)
        for t in range(steps - 1, -1, -1):
            grad_state = grad_z[t] + carry
            torch.add(grad_loc[t], grad_state, out=grad_heads[t, :, :z_dim])
            grad_spread = torch.addcmul(grad_scale[t], grad_state, noise[t])
            torch.mul(grad_spread, slope[t], out=grad_heads[t, :, z_dim:])
            a = hidden[t]
            inner = torch.mm(grad_heads[t], head_weight, out=grad_hidden[t])
            inner.addcmul_(inner, a * a, value=-1.0)
            carry = torch.mm(inner, weight)
        flat_hidden = grad_hidden.flatten(0, 1)
        before = torch.cat([start[None], z[:-1]])
        return (
            grad_heads,
            None,
            carry,
            flat_hidden.t() @ before.flatten(0, 1),
            flat_hidden.sum(0),
            grad_heads.flatten(0, 1).t() @ hidden.flatten(0, 1),
        )
