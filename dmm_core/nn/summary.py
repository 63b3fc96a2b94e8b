"""The RNNs of an inference network, which summarise the past and the future of each time step."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from dmm_core.nn.elman import elman
from dmm_core.nn.mlp import NONLINEARITIES, to_float32

__all__ = ["RNNS", "RandomSource", "SequenceRows", "Summariser", "Summary", "reversal"]

RNNS: dict[str, Callable[[int, int, int], nn.RNNBase]] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": nn.RNN,
    "rnn-relu": partial(nn.RNN, nonlinearity="relu"),
}


class SequenceRows(NamedTuple):
    """A source of random numbers for some rows of a batch, equal to those of the whole batch.

    In data-parallel training, each process holds some rows of a batch. It draws the numbers of the
    whole batch and uses those of its rows, so the result does not depend on how the batch is split.

    Attributes:
        generator: generator of the random numbers.
        rows: indices of the rows within the batch.
        batch: number of rows of the batch.
        steps: number of time steps of the batch.
    """

    generator: torch.Generator
    rows: slice
    batch: int
    steps: int


RandomSource = torch.Generator | SequenceRows | None
"""Source of the random numbers of dropout; None means PyTorch's global generator."""


class Summary(NamedTuple):
    """RNN states that summarise the observations around each step.

    Attributes:
        past: (batch, time, hidden), a summary of x_{1:t}; None if the network does not use the
            past.
        future: (batch, time, hidden), a summary of x_{t:T}; None if the network does not use the
            future.
    """

    past: Tensor | None
    future: Tensor | None

    @property
    def parts(self) -> tuple[Tensor, ...]:
        """The summaries that are not None, the past first."""
        return tuple(part for part in self if part is not None)

    @property
    def together(self) -> Tensor:
        """The sum of the summaries."""
        return sum(self.parts[1:], start=self.parts[0])

    def part(self, rows: slice, steps: int) -> "Summary":
        """The summaries of the sequences at `rows`, cut to `steps` time steps."""
        return Summary(*(None if part is None else part[rows, :steps] for part in self))

    def at(self, t: int) -> "Summary":
        """The summaries of step `t`, each (batch, hidden)."""
        return Summary(*(None if part is None else part[:, t] for part in self))


def reversal(lengths: Int[Tensor, " batch"], steps: int) -> Int[Tensor, "batch time"]:
    """The index that reverses the valid steps of each left-aligned sequence and keeps its padding.

    The index is its own inverse: gathering by it twice restores the original order.

    Args:
        lengths: number of valid steps of each sequence.
        steps: number of time steps, including padding.
    """
    t = torch.arange(steps, device=lengths.device)
    mirrored = lengths[:, None] - 1 - t
    return torch.where(mirrored >= 0, mirrored, t)


class Summariser(nn.Module):
    """An embedding of each step, followed by an RNN over the past, one over the future, or both.

    Sequences are left-aligned. The RNN over the future reads each sequence reversed within its own
    length, so no state passes through padding and all shapes are static.

    Args:
        inputs: width of the input of each step.
        cell: a name in `RNNS`.
        size: units of the embedding and of each RNN layer.
        layers: number of stacked RNN layers.
        dropout: probability of dropping an RNN output in training mode.
        past: whether to summarise x_{1:t}.
        future: whether to summarise x_{t:T}.
        nonlinearity: nonlinearity of the embedding, a name in `NONLINEARITIES`.
    """

    def __init__(
        self,
        *,
        inputs: int,
        cell: str,
        size: int,
        layers: int,
        dropout: float,
        past: bool,
        future: bool,
        nonlinearity: str,
    ) -> None:
        super().__init__()
        self.embedding = nn.Sequential(nn.Linear(inputs, size), NONLINEARITIES[nonlinearity]())
        self.past = RNNS[cell](size, size, layers) if past else None
        self.future = RNNS[cell](size, size, layers) if future else None
        self.dropout = dropout
        for rnn in (self.past, self.future):
            for name, parameter in rnn.named_parameters() if rnn is not None else ():
                # The published cells have one bias for each gate. PyTorch's second bias stays 0.
                parameter.requires_grad_(not name.startswith("bias_hh"))

    @torch.no_grad()
    def set_forget_bias(self, forget_bias: float) -> None:
        """Set the bias of every LSTM's forget gate."""
        for rnn in (self.past, self.future):
            if isinstance(rnn, nn.LSTM):
                for name, parameter in rnn.named_parameters():
                    if name.startswith("bias_ih"):  # PyTorch orders the gates i, f, g, o
                        parameter[rnn.hidden_size : 2 * rnn.hidden_size] = forget_bias

    def forward(
        self,
        seen: Float[Tensor, "batch time input"],
        lengths: Int[Tensor, " batch"],
        generator: RandomSource = None,
    ) -> Summary:
        """Summarise every step.

        Args:
            seen: the inputs of the steps, left-aligned; values of padding have no effect.
            lengths: valid steps of each sequence.
            generator: source of the random numbers of dropout, in training mode.
        """
        embedded = self.embedding(seen.transpose(0, 1))  # the RNNs run with time as first axis
        past = future = None
        if self.past is not None:
            past = self._drop(_states(self.past, embedded), generator).transpose(0, 1)
        if self.future is not None:
            # Reverse every sequence, run the RNN, and reverse its states back.
            index = reversal(lengths, seen.shape[1]).t()
            rows = (
                index * len(lengths) + torch.arange(len(lengths), device=index.device)
            ).flatten()
            states = _states(self.future, _Permuted.apply(embedded, rows))
            future = self._drop(_Permuted.apply(states, rows), generator).transpose(0, 1)
        return Summary(past, future)

    def _drop(self, h: Tensor, generator: RandomSource) -> Tensor:
        if not self.training or self.dropout == 0.0:
            return h
        if isinstance(generator, SequenceRows):
            whole = h.new_empty(generator.steps, generator.batch, h.shape[-1])
            whole.bernoulli_(1.0 - self.dropout, generator=generator.generator)
            keep = whole[: len(h), generator.rows].contiguous()
        else:
            keep = torch.empty_like(h).bernoulli_(1.0 - self.dropout, generator=generator)
        return h * keep.div_(1.0 - self.dropout)


def _states(rnn: nn.RNNBase, inputs: Tensor) -> Tensor:
    """The last layer's states of every step, with time as first axis."""
    if isinstance(rnn, nn.RNN) and inputs.device.type == "cpu" and torch.is_grad_enabled():
        # Our backward pass is faster on the CPU. Without a gradient both take the same time.
        return to_float32(elman(rnn, inputs))
    return to_float32(rnn(inputs)[0])


class _Permuted(torch.autograd.Function):
    """Rows of (time, batch, feature) in another order, where the order is its own inverse.

    The forward and the backward pass copy whole rows. `torch.gather` would copy single elements,
    and its gradient would add them one by one.
    """

    @staticmethod
    def forward(ctx: Any, steps: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return steps.flatten(0, 1).index_select(0, rows).view(steps.shape)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        (rows,) = ctx.saved_tensors
        grad = grad_outputs[0]
        return grad.flatten(0, 1).index_select(0, rows).view(grad.shape), None
