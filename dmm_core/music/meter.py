"""The meter of a piece in beats: where the bars are, for pieces on a grid of sixteenths."""

from dataclasses import dataclass

import numpy as np

from dmm_core.errors import DataError

__all__ = ["LONGEST_BAR", "Meter"]

LONGEST_BAR = 12
"""The largest number of beats of a bar."""


@dataclass(frozen=True)
class Meter:
    """Bars of equal length, perhaps after an upbeat.

    Args:
        beats: beats (quarter notes) of a bar, from 1 to `LONGEST_BAR`.
        upbeat: beats before the first full bar, less than `beats`.

    Raises:
        DataError: if a number is out of bounds.

    Example:
        >>> from dmm_core.music import Meter
        >>> Meter(3, upbeat=1).positions(6).tolist()
        [2, 0, 1, 2, 0, 1]
    """

    beats: int = 4
    upbeat: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 1 <= self.beats <= LONGEST_BAR:
            raise DataError(f"A bar has 1 to {LONGEST_BAR} beats, not {self.beats}.")
        if not 0 <= self.upbeat < self.beats:
            raise DataError(
                f"The upbeat of a bar of {self.beats} beats has 0 to {self.beats - 1} beats, not "
                f"{self.upbeat}."
            )

    def positions(self, beats: int) -> np.ndarray:
        """Return (beats,) int, the place of each beat in its bar, from 0."""
        return (np.arange(beats) - self.upbeat) % self.beats

    def lengths(self, beats: int) -> np.ndarray:
        """Return (beats,) int, the length of each beat's bar: the same for all."""
        return np.full(beats, self.beats)
