"""Inference networks q(z given x): an RNN's summary of the frames, then a combiner.

The names are those of the paper's table 1.

| name | q | combiner |
|---|---|---|
| DKS (= ST-R) | z_t given z_{t-1}, x_{t:T} | `StructuredCombiner` |
| ST-L | z_t given z_{t-1}, x_{1:t} | `StructuredCombiner` |
| ST-LR | z_t given z_{t-1}, x_{1:T} | `StructuredCombiner` |
| MF-L, MF-R | z_t given x_{1:t}, x_{t:T} | `MeanFieldCombiner` |
| MF-LR | z_t given x_{1:T} | `MeanFieldCombiner`, the product of two Gaussians |
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import Normal

from dmm_core.nn.mlp import NONLINEARITIES, scale_of
from dmm_core.nn.recurrence import latent_recurrence

__all__ = [
    "RNNS",
    "Combiner",
    "InferenceNetwork",
    "LatentPath",
    "MeanFieldCombiner",
    "StructuredCombiner",
    "Summariser",
    "Summary",
    "reversal",
]

RNNS: dict[str, Callable[[int, int, int], nn.RNNBase]] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": nn.RNN,
}


class LatentPath(NamedTuple):
    """A path drawn from q, with the Gaussian that each of its states was drawn from.

    Attributes:
        z: (..., batch, time, latent), the states.
        loc: same shape, mean of q(z_t given ...), for structured networks given the path's z_{t-1}.
        scale: same shape, standard deviation of the same.
    """

    z: Tensor
    loc: Tensor
    scale: Tensor

    @property
    def q(self) -> Normal:
        """The conditional distributions along the path."""
        return Normal(self.loc, self.scale, validate_args=False)


class Summary(NamedTuple):
    """What the RNNs say of each step; None where the network does not look that way.

    Attributes:
        past: (batch, time, hidden), of x_{1:t}.
        future: (batch, time, hidden), of x_{t:T}.
    """

    past: Tensor | None
    future: Tensor | None

    @property
    def parts(self) -> tuple[Tensor, ...]:
        """The summaries that there are, past first."""
        return tuple(part for part in self if part is not None)

    @property
    def together(self) -> Tensor:
        """Their sum."""
        return sum(self.parts[1:], start=self.parts[0])

    def at(self, t: int) -> "Summary":
        """The summaries of step `t` alone, each (batch, hidden)."""
        return Summary(*(None if part is None else part[:, t] for part in self))


def reversal(lengths: Int[Tensor, " batch"], steps: int) -> Int[Tensor, "batch time"]:
    """The index that reverses each left-aligned sequence in place and leaves its padding behind.

    It is its own inverse: gathering twice by it gives back the start.
    """
    t = torch.arange(steps, device=lengths.device)
    mirrored = lengths[:, None] - 1 - t
    return torch.where(mirrored >= 0, mirrored, t)


class Summariser(nn.Module):
    """An embedding of each frame, then an RNN over the past, the future, or one over each.

    Sequences are left-aligned, and the future's RNN reads each one reversed by its own length, so
    no state passes through padding and all shapes are static.

    Args:
        x_dim: features of a frame.
        cell: a name in `RNNS`.
        size: units of the embedding and of each RNN layer.
        layers: stacked RNN layers.
        dropout: probability of dropping an RNN output in training mode.
        past: look at x_{1:t}.
        future: look at x_{t:T}.
        nonlinearity: of the embedding, a name in `NONLINEARITIES`.
    """

    def __init__(
        self,
        *,
        x_dim: int,
        cell: str,
        size: int,
        layers: int,
        dropout: float,
        past: bool,
        future: bool,
        nonlinearity: str,
    ) -> None:
        super().__init__()
        self.embedding = nn.Sequential(nn.Linear(x_dim, size), NONLINEARITIES[nonlinearity]())
        self.past = RNNS[cell](size, size, layers) if past else None
        self.future = RNNS[cell](size, size, layers) if future else None
        self.dropout = dropout
        for rnn in (self.past, self.future):
            for name, parameter in rnn.named_parameters() if rnn is not None else ():
                # The published cells have one bias a gate; torch's second stays at zero.
                parameter.requires_grad_(not name.startswith("bias_hh"))

    @torch.no_grad()
    def start(self, forget_bias: float) -> None:
        """Set the bias of every LSTM's forget gate."""
        for rnn in (self.past, self.future):
            if isinstance(rnn, nn.LSTM):
                for name, parameter in rnn.named_parameters():
                    if name.startswith("bias_ih"):  # gates in torch's order: i, f, g, o
                        parameter[rnn.hidden_size : 2 * rnn.hidden_size] = forget_bias

    def forward(
        self,
        x: Float[Tensor, "batch time feature"],
        lengths: Int[Tensor, " batch"],
        generator: torch.Generator | None = None,
    ) -> Summary:
        """Summarise every step.

        Args:
            x: frames, left-aligned; what padding holds does not matter.
            lengths: valid steps of each sequence.
            generator: source of the dropout's randomness in training mode; torch's own without it.
        """
        embedded = self.embedding(x.transpose(0, 1))  # time first, as the RNNs run
        past = future = None
        if self.past is not None:
            past = self._drop(self.past(embedded)[0], generator).transpose(0, 1)
        if self.future is not None:
            index = reversal(lengths, x.shape[1]).t()[..., None].expand_as(embedded)
            states = self.future(embedded.gather(0, index))[0]
            future = self._drop(states.gather(0, index), generator).transpose(0, 1)
        return Summary(past, future)

    def _drop(self, h: Tensor, generator: torch.Generator | None) -> Tensor:
        if not self.training or self.dropout == 0.0:
            return h
        keep = torch.empty_like(h).bernoulli_(1.0 - self.dropout, generator=generator)
        return h * keep.div_(1.0 - self.dropout)


@runtime_checkable
class Combiner(Protocol):
    """What merges z_{t-1} with the RNNs' summaries: a module that draws paths, and single steps."""

    def __call__(self, summary: Summary, noise: Tensor) -> LatentPath:
        """Draw a path, or one for each leading index of `noise`."""
        ...

    def step(self, summary: Summary, before: Tensor | None) -> Normal:
        """The conditional of one step's states, given those of the step before."""
        ...


class StructuredCombiner(nn.Module):
    """q(z_t given z_{t-1}, summary_t): c_t = (tanh(W z_{t-1} + b) + sum of summaries) / count.

    loc = V c + d; variance = softplus(U c + e). Count is one more than the summaries: 2 for DKS and
    ST-L, 3 for ST-LR (paper, section 4 and table 1). z_0 is zero, or learned.

    Args:
        z_dim: latent dimensions.
        size: units of a summary.
        learn_start: learn z_0.
    """

    def __init__(self, *, z_dim: int, size: int, learn_start: bool) -> None:
        super().__init__()
        self.transition = nn.Linear(z_dim, size)
        self.loc = nn.Linear(size, z_dim)
        self.variance = nn.Linear(size, z_dim)
        self.start = nn.Parameter(torch.zeros(z_dim), requires_grad=learn_start)

    def forward(
        self, summary: Summary, noise: Float[Tensor, "*draw batch time latent"]
    ) -> LatentPath:
        """Draw a path, or one for each leading index of `noise`, by reparameterisation."""
        weight, bias = self._head(summary)
        # All that does not depend on z, for all steps at once.
        heads = nn.functional.linear(summary.together.transpose(0, 1), weight, bias)
        *draws, batch, steps, z_dim = noise.shape
        if draws:
            heads = heads.view(steps, *(1 for _ in draws), batch, -1)
            heads = heads.expand(steps, *draws, batch, -1).reshape(steps, -1, 2 * z_dim)
        by_time = noise.movedim(-2, 0).reshape(steps, -1, z_dim)
        states = latent_recurrence(
            heads,
            by_time,
            self.start.expand(by_time.shape[1], -1),
            self.transition.weight,
            self.transition.bias,
            weight,
        )
        return LatentPath(*(s.view(steps, *draws, batch, z_dim).movedim(0, -2) for s in states))

    def step(self, summary: Summary, before: Float[Tensor, "*draw batch latent"] | None) -> Normal:
        """The conditional of one step's states.

        Args:
            summary: of that step, each part (batch, hidden).
            before: the states of the step before; None at the first.
        """
        weight, bias = self._head(summary)
        before = self.start if before is None else before
        combined = torch.tanh(self.transition(before)) + summary.together
        loc, unconstrained = nn.functional.linear(combined, weight, bias).chunk(2, dim=-1)
        return Normal(loc, scale_of(unconstrained), validate_args=False)

    def _head(self, summary: Summary) -> tuple[Tensor, Tensor]:
        share = 1.0 / (len(summary.parts) + 1)
        weight = share * torch.cat([self.loc.weight, self.variance.weight])
        return weight, torch.cat([self.loc.bias, self.variance.bias])


class MeanFieldCombiner(nn.Module):
    """q(z_t given summary_t): a Gaussian head on each summary; of two, their normalised product.

    loc = V h + d; variance = softplus(U h + e). The product of Gaussians adds precisions and weighs
    means by them (paper, table 1).

    Args:
        z_dim: latent dimensions.
        size: units of a summary.
        summaries: how many there are, 1 or 2.
    """

    def __init__(self, *, z_dim: int, size: int, summaries: int) -> None:
        super().__init__()
        self.loc = nn.ModuleList(nn.Linear(size, z_dim) for _ in range(summaries))
        self.variance = nn.ModuleList(nn.Linear(size, z_dim) for _ in range(summaries))

    def forward(
        self, summary: Summary, noise: Float[Tensor, "*draw batch time latent"]
    ) -> LatentPath:
        """Draw a path, or one for each leading index of `noise`, by reparameterisation."""
        q = self.step(summary, None)
        loc, scale = q.loc.expand_as(noise), q.scale.expand_as(noise)
        return LatentPath(torch.addcmul(loc, scale, noise), loc, scale)

    def step(self, summary: Summary, before: Float[Tensor, "*draw batch latent"] | None) -> Normal:
        """The conditional of any steps' states, whatever the states before them.

        Args:
            summary: of those steps, each part (..., hidden).
            before: not looked at.
        """
        locs = [head(h) for head, h in zip(self.loc, summary.parts, strict=True)]
        scales = [scale_of(head(h)) for head, h in zip(self.variance, summary.parts, strict=True)]
        loc, scale = locs[0], scales[0]
        if len(locs) == 2:
            precisions = [s.pow(-2) for s in scales]
            precision = precisions[0] + precisions[1]
            loc = (precisions[0] * locs[0] + precisions[1] * locs[1]) / precision
            scale = precision.rsqrt()
        return Normal(loc, scale, validate_args=False)


class InferenceNetwork(nn.Module):
    """q(z given x): a summariser and a combiner, such as those above or anything called alike.

    Args:
        summariser: frames, lengths, a generator -> `Summary`.
        combiner: that and noise -> `LatentPath`.
    """

    def __init__(self, *, summariser: nn.Module, combiner: Combiner) -> None:
        super().__init__()
        self.summariser = summariser
        self.combiner = combiner

    def forward(
        self,
        x: Float[Tensor, "batch time feature"],
        lengths: Int[Tensor, " batch"],
        noise: Float[Tensor, "*draw batch time latent"],
        generator: torch.Generator | None = None,
    ) -> LatentPath:
        """Draw a path given the frames, or one for each leading index of `noise`."""
        return self.combiner(self.summariser(x, lengths, generator), noise)
