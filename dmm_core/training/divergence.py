"""Detects a training that diverged, from the bounds of its epochs."""

import math

__all__ = ["DivergenceMonitor"]

_NATS = 1.0
"""A rise of the bound up to this size does not count as divergence; in nats per frame."""

_SHARE_OF_START = 0.1
"""A rise up to this share of the bound before the first update does not count as divergence."""

_SHARE_OF_GAIN = 0.5
"""Share of its best improvement that a training has to lose to count as diverged."""


class DivergenceMonitor:
    """The bounds that decide whether a training diverged, in nats per frame.

    Attributes:
        start: the validation bound before the first update.
        last: the annealed training bound of the last epoch, which the training minimises.
        full: the training bound of the last epoch whose KL weight was 1.
        best: the lowest value that `full` has had.
    """

    def __init__(self) -> None:
        self.start: float | None = None
        self.last: float | None = None
        self.full: float | None = None
        self.best: float | None = None

    def note(self, *, annealed: float, train: float, kl_weight: float) -> None:
        """Record the bounds of an epoch.

        Args:
            annealed: the training bound with the KL weights of the epoch.
            train: the training bound with KL weight 1.
            kl_weight: the KL weight at the end of the epoch.
        """
        self.last = annealed
        if kl_weight >= 1.0:
            self.full = train
            if math.isfinite(train) and (self.best is None or train < self.best):
                self.best = train

    def state(self) -> dict[str, float | None]:
        """The values for a checkpoint, without those that are not finite."""
        return {k: v for k, v in vars(self).items() if v is None or math.isfinite(v)}

    def load(self, state: dict[str, float | None]) -> None:
        """Restore `state`; it is empty in checkpoints of earlier versions."""
        for name in vars(self):
            setattr(self, name, state.get(name))

    def diverged(self) -> str:
        """One sentence that says why the training counts as diverged; empty if it does not."""
        if self.start is None or self.last is None or not math.isfinite(self.start):
            return ""
        margin = max(_NATS, _SHARE_OF_START * abs(self.start))
        if not self.last <= self.start + margin:
            return (
                f"The training diverged: it ended at a train bound of {self.last:,.2f} nats per "
                f"frame, which is above the {self.start:,.2f} before the first update."
            )
        if self.full is None or self.best is None:
            return ""
        gain = self.start - self.best
        if not self.full <= self.best + max(margin, _SHARE_OF_GAIN * gain):
            return (
                f"The training diverged: it ended at a train bound of {self.full:,.2f} nats per "
                f"frame, after it had reached {self.best:,.2f}."
            )
        return ""
