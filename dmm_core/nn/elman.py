"""A plain RNN with a faster backward pass on the CPU.

PyTorch's plain RNN accumulates the gradient of the recurrent weights step by step. Here the factors
of all steps are kept, and the gradient is one matrix product at the end. On a GPU, cuDNN already
does this. `dmm_core.nn.recurrence` does the same for the latent recurrence.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

__all__ = ["elman"]


def elman(
    rnn: nn.RNN, inputs: Float[Tensor, "time batch input"]
) -> Float[Tensor, "time batch hidden"]:
    """The states h_t = f(W x_t + b + U h_{t-1}) of the last layer, equal to `rnn(inputs)[0]`.

    Args:
        rnn: an RNN with time as first axis, one direction and no dropout between layers; f is relu
            or tanh.
        inputs: x.
    """
    states = inputs
    for layer in range(rnn.num_layers):
        read, recur, bias, bias_too = (
            getattr(rnn, f"{name}_l{layer}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        driven = linear(states, read, bias + bias_too)
        states = _Elman.apply(driven, recur.to(driven.dtype), rnn.nonlinearity)
    return states


class _Elman(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, driven: Tensor, weight: Tensor, nonlinearity: str) -> Tensor:
        states = torch.empty_like(driven)
        weight_t = weight.t()
        activation = {"relu": torch.relu_, "tanh": torch.tanh_}[nonlinearity]
        before = None
        for drive, state in zip(driven.unbind(), states.unbind(), strict=True):
            if before is None:
                before = activation(state.copy_(drive))
            else:
                before = activation(torch.addmm(drive, before, weight_t, out=state))
        ctx.save_for_backward(states, weight)
        ctx.nonlinearity = nonlinearity
        return states

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        states, weight = ctx.saved_tensors
        if ctx.nonlinearity == "relu":
            slopes = (states > 0).to(states)
        else:
            slopes = 1.0 - states * states
        # Back through time: the gradient of each step's pre-activation.
        driven = torch.empty_like(states)
        steps = zip(
            reversed(grad_outputs[0].unbind()),
            reversed(slopes.unbind()),
            reversed(driven.unbind()),
            strict=True,
        )
        after = None
        for grad, slope, found in steps:
            if after is None:
                torch.mul(grad, slope, out=found)
            else:
                torch.addmm(grad, after, weight, out=found).mul_(slope)
            after = found
        recur = driven[1:].flatten(0, 1).t() @ states[:-1].flatten(0, 1)
        return driven, recur, None
