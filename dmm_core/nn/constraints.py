"""Constraints on drawn notes: which may sound, how many at once, and how close together."""

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
        least: fewest ones.
        most: most ones, or None for any number.
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
        shift: nats added to the logit of every feature, -20 to 20: above 0 more of them are drawn,
            below 0 fewer. It has no effect where `least` and `most` are equal.
        least: fewest features of a frame that are 1.
        most: most features of a frame that are 1, or None for any number.
        apart: whether no two neighbouring features may both be 1; for notes, no two a semitone
            apart may sound together.

    Raises:
        DataError: if no frame meets the constraint, or a value is out of bounds.
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
        """The condition on the number of notes and on neighbours, or None where there is none."""
        found = Counts(self.least, self.most, self.apart)
        return None if found == Counts() else found

    def applied_to(self, logits: Float[Tensor, "*draw feature"]) -> Float[Tensor, "*draw feature"]:
        """Logits with the shift, and minus infinity where a feature may not be 1.

        Raises:
            DataError: if the constraint is about another number of features.
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
        """How many features can be 1 among those from each feature on, as `room` counts them.

        Args:
            features: of a frame, where the constraint allows all of them.

        Raises:
            DataError: if fewer fit than the constraint asks for.
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
