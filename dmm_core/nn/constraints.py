"""Constraints on drawn notes: which notes, how many in a frame, and no semitone clashes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dmm_core.errors import DataError

__all__ = ["Constraint", "Counts", "room"]

_STEEPEST = 20.0


class Counts(NamedTuple):
    """A condition on the ones of a frame.

    Attributes:
        least: smallest number of ones.
        most: largest number of ones, or None for no limit.
        apart: whether no two neighbouring features may both be 1.
    """

    least: int = 0
    most: int | None = None
    apart: bool = False


def room(allowed: Sequence[bool], apart: bool) -> list[int]:
    """The largest number of ones among the features from i on, for each i; the last entry is 0.

    Args:
        allowed: which features may be 1.
        apart: whether no two neighbours may both be 1.
    """
    found = [0, 0]
    for free in reversed(allowed):
        found.insert(0, max(found[0], free + found[1 if apart else 0]))
    return found[:-1]


@dataclass(frozen=True, eq=False)
class Constraint:
    """A constraint on binary frames when they are drawn; the model itself is not changed.

    Attributes:
        allowed: (x_dim,) boolean, the features that may be 1, or None for all of them.
        shift: number in nats, -20 to 20, that is added to the logit of every feature. A positive
            value makes more features 1, a negative one fewer. It has no effect if `least` equals
            `most`.
        least: smallest number of features of a frame that are 1.
        most: largest number of features of a frame that are 1, or None for no limit.
        apart: whether no two neighbouring features may both be 1. For notes, this excludes
            semitone clashes.

    Raises:
        DataError: if no frame meets the constraint, or a value is out of bounds.

    Example:
        >>> from dmm_core import load_run, sample
        >>> from dmm_core.nn import Constraint
        >>> model = load_run("bundled:chorales").model
        >>> four_voices = Constraint(least=4, most=4, apart=True)
        >>> x = sample(model, count=1, frames=8, seed=0, constraint=four_voices).x
        >>> x.sum(-1).unique().tolist()
        [4.0]
    """

    allowed: np.ndarray | None = None
    shift: float = 0.0
    least: int = 0
    most: int | None = None
    apart: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        if self.allowed is not None and not self.allowed.any():
            raise DataError("No note is left that may sound: widen the range or the scale.")
        if not abs(self.shift) <= _STEEPEST:
            raise DataError(f"A logit is shifted by -20 to 20 nats, not {self.shift:g}.")
        if self.least < 0 or (self.most is not None and self.most < max(self.least, 1)):
            most = "any number of" if self.most is None else self.most
            raise DataError(
                f"A frame cannot have at least {self.least} and at most {most} notes: the most is "
                "1 or higher, and no lower than the least."
            )
        if self.allowed is not None:
            self.room_among(len(self.allowed))

    @property
    def counts(self) -> Counts | None:
        """The condition on the number of ones and on neighbours, or None if there is none."""
        found = Counts(self.least, self.most, self.apart)
        return None if found == Counts() else found

    def applied_to(self, logits: Float[Tensor, "*draw feature"]) -> Float[Tensor, "*draw feature"]:
        """Add the shift to logits, and set those of features that may not be 1 to minus infinity.

        Raises:
            DataError: if `allowed` has another number of features.
        """
        logits = logits + self.shift
        if self.allowed is None:
            return logits
        if self.allowed.shape != logits.shape[-1:]:
            raise DataError(
                f"The model draws {logits.shape[-1]} notes a frame, and the constraint is about "
                f"{self.allowed.size}."
            )
        allowed = torch.as_tensor(self.allowed, dtype=torch.bool, device=logits.device)
        return logits.masked_fill(~allowed, -torch.inf)

    def room_among(self, features: int) -> list[int]:
        """The result of `room` for this constraint.

        Args:
            features: number of features of a frame; used if `allowed` is None.

        Raises:
            DataError: if fewer than `least` features can be 1.
        """
        allowed = np.ones(features, dtype=bool) if self.allowed is None else self.allowed
        found = room(allowed.tolist(), self.apart)
        if found[0] < self.least:
            apart = ", no two of them a semitone apart" if self.apart else ""
            raise DataError(
                f"At most {found[0]} notes fit into the range and the scale{apart}, but a frame "
                f"has to have {self.least}: widen the range or the scale, or ask for fewer notes."
            )
        return found
