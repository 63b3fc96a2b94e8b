"""The neural autoregressive distribution of a frame of symbols (a NADE over categories).

p(x) = prod_i p(x_i given x_{<i}): slot after slot, in the order of the data. The hidden units of a
slot are a sum of what the state says and of a vector for each symbol before it, so that a frame
costs one pass. Uria et al., "Neural autoregressive distribution estimation" (JMLR 2016), section 4
for units of several values.
"""

from abc import abstractmethod
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import constraints

from dmm_core.nn.frame import DrawnFrame, FrameDistribution

__all__ = ["CategoricalFrame", "GivenDraw", "PlainSlots", "SlotScores"]

_BELOW_ONE = 1.0 - 2.0**-20
"""The largest uniform number of a draw: rounding must not select a symbol without probability."""


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
            at: the slots to score: all of them, or a single one.
        """
        index = x + self.categories * torch.arange(self.slots, device=x.device)
        first, end, _ = at.indices(self.slots)
        if end - first == 1:
            # The sum over the slots before a single slot.
            past = nn.functional.embedding(index[:, :first], self.read).sum(1, keepdim=True)
        else:
            read = nn.functional.embedding(index, self.read)
            # A product with a triangle of ones is faster than a cumulative sum.
            ones = torch.ones(self.slots, self.slots, device=x.device, dtype=read.dtype)
            past = ones.tril(-1)[at] @ read
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
        self, log_p: Float[Tensor, "frame category"], temperature: float
    ) -> Float[Tensor, "frame category"]:
        """Logits of one slot at a temperature; 0 leaves only the most likely symbol.

        Args:
            log_p: log-probabilities at temperature 1.
            temperature: 0 or above.
        """
        if temperature:
            return log_p / temperature
        best = log_p == log_p.max(-1, keepdim=True).values
        return torch.where(best, 0.0, -torch.inf)


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


class GivenDraw(NamedTuple):
    """A frame some of whose slots were given.

    Attributes:
        x: (..., slot), the frame: the given symbols, and drawn ones in the other slots.
        mean: (..., slot), the probability that each slot's symbol had.
        log_prob: (...), the sum over the given slots of the log-probability of their symbols given
            the slots before them, in nats: the log-weight of this frame among draws with other
            symbols in the free slots.
    """

    x: Tensor
    mean: Tensor
    log_prob: Tensor


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
        drawn = self.draw_given(noise, temperature, torch.zeros_like(noise), noise < 0)
        return DrawnFrame(drawn.x, drawn.mean)

    def draw_given(
        self,
        noise: Float[Tensor, "*draw slot"],
        temperature: float,
        value: Float[Tensor, "*batch slot"],
        given: Tensor,
    ) -> GivenDraw:
        """A frame whose given slots keep their symbols.

        A free slot is drawn given the slots before it, so it does not know given slots that come
        later: `GivenDraw.log_prob` says how well the frame fits them.

        Args:
            noise: uniform draws, from `noise`.
            temperature: as in `draw`; it does not change the log-probability.
            value: the symbols of the given slots; other values do not matter.
            given: (..., slot) bool, whether a slot is given.
        """
        slots = self.slots.slots
        flat_noise, values, known = (
            part.expand(self.batch_shape).reshape(-1, slots) for part in (noise, value, given)
        )
        x = torch.zeros(flat_noise.shape, dtype=torch.int64, device=self.start.device)
        scored = []
        for i in range(slots):
            log_p = self._scored(x, slice(i, i + 1))[:, 0]
            drawn = _chosen(self.slots.tempered(log_p, temperature), flat_noise[:, i])
            x[:, i] = torch.where(known[:, i], values[:, i].long(), drawn)
            scored.append(log_p.gather(-1, x[:, i, None]))
        log_probs = torch.cat(scored, dim=-1)
        return GivenDraw(
            x.view(self.batch_shape).to(self.start),
            log_probs.exp().view(self.batch_shape),
            torch.where(known, log_probs, 0.0).sum(-1).view(self.batch_shape[:-1]),
        )

    def mean_frame(self, generator: torch.Generator) -> Tensor:
        """The probability that each slot's symbol had in one draw."""
        return self.draw(self.noise(generator), 1.0).mean

    def _scored(self, x: Tensor, at: slice) -> Tensor:
        start = self.start.reshape(-1, self.start.shape[-1])
        before = None if self.before is None else self.before.reshape(-1, self.slots.slots)
        return self.slots(start, x, before, at)


def _chosen(logits: Tensor, noise: Tensor) -> Tensor:
    """The symbol that each uniform number selects."""
    below = logits.softmax(-1).cumsum(-1)
    return (below <= noise[:, None].clamp_max(_BELOW_ONE) * below[:, -1:]).sum(-1)
