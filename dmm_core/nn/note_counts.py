"""Binary frames with a given number of ones, and optionally without neighbouring ones.

Independent Bernoullis under such a condition are drawn exactly, by dynamic programming over the
features: conditional Bernoulli sampling (Chen, Dempster and Liu, "Weighted finite population
sampling to maximize entropy", Biometrika 1994), extended by the condition on neighbours. Each
feature of a NADE depends on all features before it, so no such recursion exists; see `CountedNADE`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from dmm_core.nn.constraints import Counts
from dmm_core.nn.frame import DrawnFrame, FrameDistribution

if TYPE_CHECKING:
    from dmm_core.nn.nade import NADE

__all__ = ["CountedBernoulli", "CountedNADE"]

_CANDIDATES = 16
"""Candidate frames from which a `CountedNADE` takes one."""


class _Table(NamedTuple):
    """The probability of a 1 at each feature, by the number of ones before it.

    Attributes:
        on: (feature, ..., count), given that the previous feature is 0, or that neighbours may
            both be 1.
        next: (count,), the count after another 1.
    """

    on: Tensor
    next: Tensor


class CountedBernoulli(FrameDistribution):
    """Independent Bernoullis, conditional on the number of ones and on no neighbouring ones.

    p(x) ∝ prod_i exp(logit_i x_i) over the frames that meet the condition. With w_i = exp(logit_i),
    the total weight of all ways to set the features from i on, after c ones, is

        B_i(c) = B_{i+1}(c) + w_i B_{i+1}(c + 1),

    where the second term skips feature i + 1 if neighbours may not both be 1. The features are then
    drawn one after another with P(x_i = 1 given c) = w_i B_{i+1}(c + 1) / B_i(c).

    Args:
        logits: (..., feature); minus infinity where a feature cannot be 1.
        counts: the condition; at least one frame has to meet it.
    """

    def __init__(self, logits: Tensor, counts: Counts) -> None:
        super().__init__(batch_shape=logits.shape, validate_args=False)
        self.logits = logits
        self.counts = counts

    @property
    def mean(self) -> Float[Tensor, "*draw feature"]:
        """The probability that each feature is 1."""
        return self._marginals(self._table(1.0))

    def noise(self, generator: torch.Generator) -> Tensor:
        """Uniform draws, one for each feature."""
        like = self.logits
        return torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)

    def draw(self, noise: Float[Tensor, "*draw feature"], temperature: float) -> DrawnFrame:
        """A frame, and the probability of each feature at temperature 1.

        Args:
            noise: uniform draws, from `noise`.
            temperature: divides every logit; 0 takes the most likely frame that meets the
                condition.
        """
        usual = self._table(1.0)
        table = usual if temperature == 1 else self._table(temperature)
        x = torch.zeros_like(self.logits)
        count = torch.zeros_like(x[..., 0], dtype=torch.long)
        before = torch.zeros_like(count, dtype=torch.bool)
        for i in range(x.shape[-1]):
            chance = table.on[i].gather(-1, count[..., None])[..., 0]
            one = noise[..., i] < chance
            if self.counts.apart:
                one = one & ~before
            x[..., i] = one.to(x)
            count, before = torch.where(one, table.next[count], count), one
        return DrawnFrame(x, self._marginals(usual))

    def _table(self, temperature: float) -> _Table:
        """Compute B from the last feature to the first, and the conditionals from B."""
        least, most, apart = self.counts
        counted = torch.arange((least if most is None else most) + 1, device=self.logits.device)
        # Without an upper bound, the last entry stands for that count and all higher ones.
        after = (counted + 1).clamp_max(int(counted[-1]))
        logits = self.logits.double() / (temperature or 1.0)
        together = torch.logaddexp if temperature else torch.maximum
        ways = torch.where(counted >= least, 0.0, -torch.inf).to(logits)
        ways = ways.expand(*logits.shape[:-1], len(counted))
        behind = ways  # after a feature that is 1
        on = []
        for i in range(logits.shape[-1] - 1, -1, -1):
            one = logits[..., i, None] + behind[..., after]
            if most is not None:
                one[..., -1] = -torch.inf
            if temperature:
                chance = torch.sigmoid(one - ways)
            else:
                chance = (one > ways).to(logits)
            on.append(chance.nan_to_num(0.0))  # no way on either side: never reached
            before = ways
            ways = together(ways, one)
            behind = before if apart else ways
        return _Table(torch.stack(on[::-1]), after)

    def _marginals(self, table: _Table) -> Tensor:
        """The probability of a 1 at each feature, summed over the counts before it."""
        zero = table.on.new_zeros(table.on.shape[1:])
        free, after_one = zero.clone(), zero
        free[..., 0] = 1.0
        found = []
        for chance in table.on:
            one = free * chance
            found.append(one.sum(-1))
            moved = zero.index_add(-1, table.next, one)
            free, after_one = (
                (free - one + after_one, moved)
                if self.counts.apart
                else (free - one + moved, after_one)
            )
        return torch.stack(found, -1).to(self.logits)


class CountedNADE(FrameDistribution):
    """A NADE, conditional on the number of ones and on no neighbouring ones; approximate.

    16 candidate frames are drawn feature by feature. Where a value would make the condition
    impossible, the other value is forced. A candidate's weight is the probability that the NADE
    gives to its forced values, which is the ratio of its probability to that of its proposal. One
    candidate is then drawn by weight (sampling importance resampling; Rubin 1987). The condition
    always holds. The distribution is exact in the limit of many candidates, and close to exact
    where many frames meet the condition without being forced.

    Args:
        nade: the distribution without the condition.
        counts: the condition; at least one frame has to meet it.
        room: the result of the function `room` for the features that may be 1.
    """

    marginalises = False

    def __init__(self, nade: "NADE", counts: Counts, room: Sequence[int]) -> None:
        super().__init__(batch_shape=nade.batch_shape, validate_args=False)
        self.nade = nade
        self.counts = counts
        self.room = (*room, 0)

    def noise(self, generator: torch.Generator) -> Tensor:
        """Uniform draws: each candidate's features, and one to choose among the candidates."""
        *draw, features = self.batch_shape
        like = self.nade.bias
        shape = (*draw, _CANDIDATES, features + 1)
        return torch.rand(shape, generator=generator, device=like.device, dtype=like.dtype)

    def mean_frame(self, generator: torch.Generator) -> Tensor:
        """The mean that one frame was drawn with."""
        return self.draw(self.noise(generator), 1.0).mean

    def draw(
        self, noise: Float[Tensor, "*draw candidate feature_and_one"], temperature: float
    ) -> DrawnFrame:
        """A frame, and the probability of each feature given those drawn before it.

        Args:
            noise: uniform draws, from `noise`.
            temperature: divides every logit; 0 takes the more likely value of each feature that
                leaves the condition possible.
        """
        least, most, apart = self.counts
        nade, features = self.nade, self.batch_shape[-1]
        shape = noise.shape[:-1]
        units = nade.start[..., None, :].expand(*shape, -1).clone()
        bias = nade.bias[..., None, :]
        count = torch.zeros(shape, dtype=torch.long, device=units.device)
        before = torch.zeros_like(count, dtype=torch.bool)
        log_w = units.new_zeros(shape)
        x, mean = (units.new_empty(*shape, features) for _ in range(2))
        for i in range(features):
            logit = bias[..., i] + (torch.sigmoid(units) * nade.write[i]).sum(-1)
            warm = logit / temperature if temperature else logit
            chance = torch.sigmoid(warm) if temperature else (logit > 0).to(logit)
            # Which values the condition leaves open at this feature.
            can_be_on = count + 1 + self.room[i + 2 if apart else i + 1] >= least
            if most is not None:
                can_be_on &= count < most
            if apart:
                can_be_on &= ~before
            can_be_on &= logit > -torch.inf
            must_be_on = count + self.room[i + 1] < least
            one = (noise[..., i] < chance) & can_be_on | must_be_on
            forced = must_be_on | ~can_be_on
            gain = -softplus(torch.where(one, -warm, warm))
            log_w += torch.where(forced, gain, 0.0)
            x[..., i] = one.to(logit)
            mean[..., i] = torch.where(forced, one.to(logit), torch.sigmoid(logit))
            units += x[..., i, None] * nade.read[i]
            count += one
            before = one
        weights = log_w.softmax(-1) if temperature else torch.ones_like(log_w)
        bounds = weights.cumsum(-1)
        at = noise[..., 0, -1, None] * bounds[..., -1:]
        chosen = (bounds <= at).sum(-1).clamp_max(shape[-1] - 1)[..., None, None]
        frames = (
            part.gather(-2, chosen.expand(*chosen.shape[:-1], features))[..., 0, :]
            for part in (x, mean)
        )
        return DrawnFrame(*frames)
