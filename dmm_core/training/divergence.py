"""Whether a training ended further off than it had come: one sentence, or none."""

import math

__all__ = ["DivergenceMonitor"]

_NATS = 1.0
"""Rise of a bound that is never called divergence, in nats a frame."""

_SHARE_OF_START = 0.1
"""The same as a share of the bound before the first update."""

_SHARE_OF_GAIN = 0.5
"""Share of what a training had gained that it has to lose again."""


class DivergenceMonitor:
    """The few numbers of a training's course that divergence is judged by; nats a frame.

    Attributes:
        start: the valid bound before the first update.
        last: what was minimised (the annealed train bound) in the last epoch.
        full: the train bound of the last epoch, once the KL weight was 1.
        best: the lowest of these.
    """

    def __init__(self) -> None:
        self.start: float | None = None
        self.last: float | None = None
        self.full: float | None = None
        self.best: float | None = None

    def note(self, *, annealed: float, train: float, kl_weight: float) -> None:
        """Take an epoch's bounds into account.

        Args:
            annealed: the train bound with the KL weights in force.
            train: the true train bound.
            kl_weight: in force at the end of the epoch.
        """
        self.last = annealed
        if kl_weight >= 1.0:
            self.full = train
            if math.isfinite(train) and (self.best is None or train < self.best):
                self.best = train

    def state(self) -> dict[str, float | None]:
        """The numbers, for a checkpoint; one that is not finite is left out."""
        return {k: v for k, v in vars(self).items() if v is None or math.isfinite(v)}

    def load(self, state: dict[str, float | None]) -> None:
        """Go on from `state`; earlier versions kept none."""
        for name in vars(self):
            setattr(self, name, state.get(name))

    def diverged(self) -> str:
        """Why the training is to be called diverged, in a sentence; nothing if it is not."""
        if self.start is None or self.last is None or not math.isfinite(self.start):
            return ""
        margin = max(_NATS, _SHARE_OF_START * abs(self.start))
        if not self.last <= self.start + margin:
            return (
                f"The training diverged: it ended at a train bound of {self.last:,.2f} nats a "
                f"frame, above the {self.start:,.2f} before the first update."
            )
        if self.full is None or self.best is None:
            return ""
        gain = self.start - self.best
        if not self.full <= self.best + max(margin, _SHARE_OF_GAIN * gain):
            return (
                f"The training diverged: it ended at a train bound of {self.full:,.2f} nats a "
                f"frame, after it had reached {self.best:,.2f}."
            )
        return ""
