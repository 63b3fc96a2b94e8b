"""Conditions that drawn notes have to meet: which may sound, how many at once, and how close."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.distributions import Bernoulli, Distribution

from dmm_core.errors import DataError
from dmm_core.nn.nade import NADE
from dmm_core.nn.note_counts import CountedBernoulli, CountedNADE, Counts, room

__all__ = ["Constraint", "constrained"]

_STEEPEST = 20.0


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
            self.require_room(self.allowed)

    @property
    def counts(self) -> Counts | None:
        """The condition on the number of notes and on neighbours, or None where there is none."""
        found = Counts(self.least, self.most, self.apart)
        return None if found == Counts() else found

    def require_room(self, allowed: np.ndarray) -> list[int]:
        """How many notes fit among those that are allowed, from each on.

        Raises:
            DataError: if fewer fit than the constraint asks for.
        """
        found = room(allowed.tolist(), self.apart)
        if found[0] < self.least:
            apart = ", no two of them a semitone apart" if self.apart else ""
            raise DataError(
                f"At most {found[0]} notes fit into the range and the scale{apart}, but a frame "
                f"has to have {self.least}: widen the range or the scale, or ask for fewer notes."
            )
        return found


def constrained(emission: Distribution, constraint: Constraint | None) -> Distribution:
    """`emission` under `constraint`.

    Logits are shifted, and are minus infinity where a note is not allowed, which they stay at any
    temperature; of a NADE this changes every conditional. A condition on the number of notes or on
    neighbours makes a Bernoulli emission a `CountedBernoulli`, which is drawn exactly, and a NADE a
    `CountedNADE`, which is drawn approximately.

    Args:
        emission: p(x_t given z_t).
        constraint: None leaves it as it is.

    Raises:
        DataError: if it is no distribution of notes, has another number of them, or no frame meets
            the constraint.
    """
    if constraint is None:
        return emission
    if isinstance(emission, NADE):
        logits = emission.bias
    elif isinstance(emission, Bernoulli):
        logits = emission.logits
    else:
        raise DataError(
            "Only a model of notes can be held to a key, a register, a density or a number of "
            "notes."
        )
    logits = logits + constraint.shift
    allowed, features = constraint.allowed, logits.shape[-1]
    if allowed is None:
        allowed = np.ones(features, dtype=bool)
    elif allowed.shape != (features,):
        raise DataError(
            f"The model draws {features} notes a frame, and the constraint is about {allowed.size}."
        )
    else:
        mask = torch.as_tensor(allowed, dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(~mask, -torch.inf)
    counts = constraint.counts
    if isinstance(emission, NADE):
        nade = NADE(emission.start, logits, emission.read, emission.write)
        return (
            nade if counts is None else CountedNADE(nade, counts, constraint.require_room(allowed))
        )
    if counts is None:
        return Bernoulli(logits=logits, validate_args=False)
    constraint.require_room(allowed)
    return CountedBernoulli(logits, counts)
