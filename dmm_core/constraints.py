"""What drawn notes have to keep to: which may sound at all, and how many of them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.distributions import Bernoulli, Distribution

from dmm_core.errors import DataError
from dmm_core.nn.nade import NADE

__all__ = ["Constraint", "constrained"]

_STEEPEST = 20.0


@dataclass(frozen=True, eq=False)
class Constraint:
    """A constraint on binary frames at the time of drawing; the model stays as it is.

    Attributes:
        allowed: (x_dim,) boolean, the features that may be 1, or None for all of them.
        shift: nats added to the logit of every feature, -20 to 20: above 0 more of them are drawn,
            below 0 fewer.

    Raises:
        DataError: if nothing is allowed, or the shift is out of bounds.
    """

    allowed: np.ndarray | None = None
    shift: float = 0.0

    def __post_init__(self) -> None:
        """Check the values."""
        if self.allowed is not None and not self.allowed.any():
            raise DataError("No note is left that may sound: widen the range or the scale.")
        if not abs(self.shift) <= _STEEPEST:
            raise DataError(f"A logit is shifted by -20 to 20 nats, not {self.shift:g}.")


def constrained(emission: Distribution, constraint: Constraint | None) -> Distribution:
    """`emission` under `constraint`: shifted logits, and probability 0 of what is not allowed.

    A logit of minus infinity stays there at any temperature. Of a NADE every conditional is
    changed alike, so that what is forbidden is neither drawn nor read by the features after it.

    Args:
        emission: p(x_t given z_t).
        constraint: None leaves it as it is.

    Raises:
        DataError: if it is no distribution of notes, or has another number of them.
    """
    if constraint is None:
        return emission
    if isinstance(emission, NADE):
        logits = emission.bias
    elif isinstance(emission, Bernoulli):
        logits = emission.logits
    else:
        raise DataError("Only a model of notes can be held to a key, a register or a density.")
    logits = logits + constraint.shift
    if constraint.allowed is not None:
        if constraint.allowed.shape != logits.shape[-1:]:
            raise DataError(
                f"The model draws {logits.shape[-1]} notes a frame, and the constraint is "
                f"about {constraint.allowed.size}."
            )
        allowed = torch.as_tensor(constraint.allowed, dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(~allowed, -torch.inf)
    if isinstance(emission, NADE):
        return NADE(emission.start, logits, emission.read, emission.write)
    return Bernoulli(logits=logits, validate_args=False)
