"""The neural autoregressive distribution of a frame of symbols (a NADE over categories).

p(x) = prod_i p(x_i given x_{<i}): slot after slot, in the order of the data. The hidden units of a
slot are a sum of what the state says and of a vector for each symbol before it, so that a frame
costs one pass. Uria et al., "Neural autoregressive distribution estimation" (JMLR 2016), section 4
for units of several values.
"""

from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import constraints

from dmm_core.nn.frame import DrawnFrame, FrameDistribution, chosen, sharpened

__all__ = ["CategoricalFrame", "PlainSlots", "SlotScores"]


class SlotScores(nn.Module):
    """Scores the symbols of slots, given the symbols of the slots before them.

    The hidden units of slot i are relu(c + b_i + sum_{j<i} R_j[x_j] + own), where c is `start` and
    `own` is what a subclass adds. A subclass turns them into log-probabilities.

    Args:
        slots: slots of a frame.
        categories: symbols of a slot.
        units: hidden units of a slot.
        dropout: probability of dropping a hidden unit in training mode.
    """

    def __init__(self, *, slots: int, categories: int, units: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.slots = slots
        self.categories = categories
        self.read = nn.Parameter(torch.empty(slots * categories, units))
        self.bias = nn.Parameter(torch.zeros(slots, units))

    def dropped(self, units: Float[Tensor, "frame some unit"]) -> Tensor:
        """The units with dropout; a unit is dropped in all slots of a frame or in none."""
        if not self.training or not self.drop.p:
            return units
        return units * self.drop(units.new_ones(len(units), 1, units.shape[-1]))

    @torch.no_grad()
    def reset(self, generator: torch.Generator) -> None:
        """Draw the initial weights that are no matrices of linear maps.

        Args:
            generator: where all random numbers come from, on the CPU.
        """
        self.read.normal_(0.0, 0.1, generator=generator)

    def forward(
        self,
        start: Float[Tensor, "frame unit"],
        x: Int[Tensor, "frame slot"],
        before: Int[Tensor, "frame slot"] | None,
        at: slice,
    ) -> Float[Tensor, "frame some category"]:
        """The log-probability of every symbol of the slots `at`.

        Args:
            start: c, the part of the hidden units that comes from the state.
            x: the symbols of the frame. Those of a slot count only for the slots after it.
            before: the symbols of the frame before; None where the model does not use them.
            at: the slots to score, without a step.
        """
        index = x + self.categories * torch.arange(self.slots, device=x.device)
        first, end, _ = at.indices(self.slots)
        if end - first > 1:
            read = nn.functional.embedding(index, self.read)
            # A product with a triangle of ones is faster than a cumulative sum.
            ones = torch.ones(self.slots, self.slots, device=x.device, dtype=read.dtype)
            past = ones.tril(-1)[at] @ read
        elif first:
            past = nn.functional.embedding_bag(index[:, :first], self.read, mode="sum")[:, None]
        else:
            past = torch.zeros_like(start[:, None])
        hidden = start[:, None] + self.bias[at] + past
        return self.scores(hidden, x, before, at).log_softmax(-1)

    @abstractmethod
    def scores(
        self,
        hidden: Float[Tensor, "frame some unit"],
        x: Int[Tensor, "frame slot"],
        before: Int[Tensor, "frame slot"] | None,
        at: slice,
    ) -> Float[Tensor, "frame some category"]:
        """Logits of the symbols of the slots `at`, from their units before the nonlinearity."""

    def tempered(
        self, log_p: Float[Tensor, "*draw category"], temperature: float
    ) -> Float[Tensor, "*draw category"]:
        """Logits of one slot at a temperature; 0 leaves only the most likely symbol.

        Args:
            log_p: log-probabilities at temperature 1.
            temperature: 0 or above.
        """
        return sharpened(log_p, temperature)


class PlainSlots(SlotScores):
    """Logits V_i relu(a_i) + d_i: nothing is known about what the symbols mean.

    The arguments are those of `SlotScores`.
    """

    def __init__(self, *, slots: int, categories: int, units: int, dropout: float = 0.0) -> None:
        super().__init__(slots=slots, categories=categories, units=units, dropout=dropout)
        self.write = nn.Parameter(torch.empty(slots, units, categories))
        self.offset = nn.Parameter(torch.zeros(slots, categories))

    @torch.no_grad()
    def reset(self, generator: torch.Generator) -> None:
        """Draw the initial weights."""
        super().reset(generator)
        self.write.normal_(0.0, self.write.shape[1] ** -0.5, generator=generator)

    def scores(
        self,
        hidden: Float[Tensor, "frame some unit"],
        x: Int[Tensor, "frame slot"],
        before: Int[Tensor, "frame slot"] | None,
        at: slice,
    ) -> Float[Tensor, "frame some category"]:
        """The logits."""
        units = self.dropped(torch.relu(hidden))
        return torch.einsum("fsu,suo->fso", units, self.write[at]) + self.offset[at]


class CategoricalFrame(FrameDistribution):
    """Symbols slot after slot.

    The "mean" of a drawn frame is the probability that each slot's symbol had when it was drawn.

    Args:
        start: (..., unit), the part of the hidden units that comes from the state.
        slots: scores the symbols.
        before: (..., slot), the symbols of the frame before; None where they are not used.
    """

    marginalises = False

    def __init__(
        self,
        start: Float[Tensor, "*draw unit"],
        slots: SlotScores,
        before: Int[Tensor, "*draw slot"] | None = None,
    ) -> None:
        super().__init__(torch.Size((*start.shape[:-1], slots.slots)), validate_args=False)
        self.start = start
        self.slots = slots
        self.before = before
        self.categories = slots.categories

    @property
    def support(self) -> Any:
        """Whole numbers below the number of categories."""
        return constraints.integer_interval(0, self.slots.categories - 1)

    def log_prob(self, value: Float[Tensor, "*batch slot"]) -> Float[Tensor, "*draw slot"]:
        """Each slot's log-probability given the slots before it, in nats."""
        x = value.expand(self.batch_shape).reshape(-1, self.slots.slots).long()
        found = self._scored(x, slice(None)).gather(-1, x[..., None])
        return found.view(self.batch_shape)

    def noise(self, generator: torch.Generator) -> Tensor:
        """Uniform draws, one for each slot."""
        like = self.start
        return torch.rand(
            self.batch_shape, generator=generator, device=like.device, dtype=like.dtype
        )

    def draw(self, noise: Float[Tensor, "*draw slot"], temperature: float) -> DrawnFrame:
        """A frame at a temperature, which `SlotScores.tempered` defines."""
        x, mean = torch.zeros_like(noise), torch.empty_like(noise)
        for i in range(self.slots.slots):
            log_p = self.log_symbols(x, slice(i, i + 1))[..., 0, :]
            symbol = chosen(self.tempered(log_p, temperature), noise[..., i])
            x[..., i] = symbol.to(x)
            mean[..., i] = log_p.gather(-1, symbol[..., None])[..., 0].exp()
        return DrawnFrame(x, mean)

    def log_symbols(
        self, x: Float[Tensor, "*draw slot"], at: slice
    ) -> Float[Tensor, "*draw some category"]:
        """The log-probability of every symbol of the slots `at`, given the slots before each."""
        found = self._scored(x.expand(self.batch_shape).reshape(-1, x.shape[-1]).long(), at)
        return found.view(*self.batch_shape[:-1], *found.shape[1:])

    def tempered(
        self, log_p: Float[Tensor, "*draw category"], temperature: float
    ) -> Float[Tensor, "*draw category"]:
        """Logits of one slot at a temperature, which `SlotScores.tempered` defines."""
        return self.slots.tempered(log_p, temperature)

    def mean_frame(self, generator: torch.Generator) -> Tensor:
        """The probability that each slot's symbol had in one draw."""
        return self.draw(self.noise(generator), 1.0).mean

    def _scored(self, x: Tensor, at: slice) -> Tensor:
        start = self.start.reshape(-1, self.start.shape[-1])
        before = None if self.before is None else self.before.reshape(-1, self.slots.slots)
        return self.slots(start, x, before, at)
