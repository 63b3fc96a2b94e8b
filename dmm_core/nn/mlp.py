"""The multilayer perceptron that every part is built from, and how weights are initialised."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = [
    "INITIALISERS",
    "NONLINEARITIES",
    "VARIANCE_FLOOR",
    "concat_context",
    "initialise",
    "mlp",
    "scale_of",
    "to_float32",
]

VARIANCE_FLOOR = 1e-5
"""Added to every variance of a latent or a real observation, so that no Gaussian degenerates."""

NONLINEARITIES: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "elu": nn.ELU,
}

INITIALISERS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "uniform": lambda w, g: nn.init.uniform_(w, -0.1, 0.1, generator=g),
    "normal": lambda w, g: nn.init.normal_(w, 0.0, 0.1, generator=g),
    "xavier": lambda w, g: nn.init.xavier_uniform_(w, generator=g),
    "he": lambda w, g: nn.init.kaiming_normal_(w, nonlinearity="relu", generator=g),
    "orthogonal": lambda w, g: nn.init.orthogonal_(w, generator=g),
}


def mlp(inputs: int, hidden: int, layers: int, *, nonlinearity: str) -> nn.Sequential:
    """`layers` times a linear map and a nonlinearity: (..., inputs) -> (..., hidden).

    With no layer it is the identity, so that a head on it is linear in its input.

    Args:
        inputs: width of the input.
        hidden: width of every layer.
        layers: how many, 0 or more.
        nonlinearity: a name in `NONLINEARITIES`.
    """
    stack: list[nn.Module] = []
    for _ in range(layers):
        stack += [nn.Linear(inputs, hidden), NONLINEARITIES[nonlinearity]()]
        inputs = hidden
    return nn.Sequential(*stack)


def concat_context(z: Tensor, context: Tensor | None) -> Tensor:
    """`z` with what else a network sees beside it: (..., latent + context).

    Args:
        z: (..., latent).
        context: (*batch, context), for the trailing batch dimensions of `z`, or None.
    """
    if context is None:
        return z
    return torch.cat([z, context.expand(*z.shape[:-1], context.shape[-1])], dim=-1)


def to_float32(values: Tensor) -> Tensor:
    """`values`, in float32 where a product under autocast left them in bfloat16."""
    return values.float() if values.dtype == torch.bfloat16 else values


def scale_of(unconstrained: Tensor) -> Tensor:
    """Standard deviation sqrt(softplus(unconstrained) + floor), elementwise."""
    return torch.sqrt(nn.functional.softplus(to_float32(unconstrained)) + VARIANCE_FLOOR)


@torch.no_grad()
def initialise(module: nn.Module, scheme: str, generator: torch.Generator) -> None:
    """Draw every weight matrix below `module` by `scheme`, and set every bias to zero.

    The stacked gates of an RNN's matrices are drawn one by one, each at its own fan.

    Args:
        module: what to initialise, in place; parts with a start of their own set it afterwards.
        scheme: a name in `INITIALISERS`.
        generator: source of all randomness, on the CPU.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            INITIALISERS[scheme](part.weight, generator)
            if part.bias is not None:
                part.bias.zero_()
        elif isinstance(part, nn.RNNBase):
            for name, parameter in part.named_parameters():
                if name.startswith("weight"):
                    for gate in parameter.split(part.hidden_size):
                        INITIALISERS[scheme](gate, generator)
                else:
                    parameter.zero_()
