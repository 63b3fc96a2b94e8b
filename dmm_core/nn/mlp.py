"""The multilayer perceptron that all networks use, and the initialisation of weights."""

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
"""Added to the variance of every latent state and real observation, which keeps it above zero."""

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
    """Hidden layers of a linear map and a nonlinearity each: (..., inputs) -> (..., hidden).

    Without layers it is the identity, so that a linear head is linear in the input.

    Args:
        inputs: width of the input.
        hidden: width of every layer.
        layers: number of layers, 0 or more.
        nonlinearity: a name in `NONLINEARITIES`.
    """
    stack: list[nn.Module] = []
    for _ in range(layers):
        stack += [nn.Linear(inputs, hidden), NONLINEARITIES[nonlinearity]()]
        inputs = hidden
    return nn.Sequential(*stack)


def concat_context(z: Tensor, context: Tensor | None) -> Tensor:
    """The concatenation of the state and a context, (..., latent + context).

    Args:
        z: (..., latent).
        context: `(*batch, context)`, broadcast over the leading dimensions of `z`; or None.
    """
    if context is None:
        return z
    return torch.cat([z, context.expand(*z.shape[:-1], context.shape[-1])], dim=-1)


def to_float32(values: Tensor) -> Tensor:
    """`values` in float32 if autocast computed them in bfloat16; otherwise unchanged."""
    return values.float() if values.dtype == torch.bfloat16 else values


def scale_of(unconstrained: Tensor) -> Tensor:
    """The standard deviation sqrt(softplus(unconstrained) + floor), elementwise."""
    return torch.sqrt(nn.functional.softplus(to_float32(unconstrained)) + VARIANCE_FLOOR)


@torch.no_grad()
def initialise(module: nn.Module, scheme: str, generator: torch.Generator) -> None:
    """Draw every weight matrix of `module` by `scheme`, and set every bias to zero.

    An RNN stacks the matrices of its gates. The matrix of each gate is drawn separately, with its
    own fan-in and fan-out.

    Args:
        module: the module, which is changed in place. Parts that need other initial values, such
            as the bias of a forget gate, are set afterwards.
        scheme: a name in `INITIALISERS`.
        generator: a CPU generator of all random numbers.
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
