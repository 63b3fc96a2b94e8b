"""A table of frame bigrams: the simplest model of a roll, as a baseline for learned ones."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from dmm_core.errors import DataError
from dmm_core.music.pianoroll import as_roll

__all__ = ["FrameBigrams"]


class FrameBigrams:
    """The next frame is one of those that followed this frame in the training data.

    p(x_t given x_{t-1}) is the share of the occurrences of x_{t-1} that x_t follows, and the first
    frame is the first of a training piece. Where a frame has only occurred at the end of pieces,
    the next frame is the first of a piece again.

    Args:
        rolls: (T, 88) training pieces, boolean or 0 and 1.

    Raises:
        DataError: if there are none, or one is not a piano-roll.
    """

    def __init__(self, rolls: Iterable[np.ndarray]) -> None:
        self._first: list[np.ndarray] = []
        self._next: dict[bytes, list[np.ndarray]] = defaultdict(list)
        for roll in rolls:
            on = as_roll(roll)
            self._first.append(on[0])
            for before, after in pairwise(on):
                self._next[before.tobytes()].append(after)
        if not self._first:
            raise DataError("A table of bigrams needs at least one piece.")

    def draw(self, *, count: int, frames: int, seed: int) -> list[np.ndarray]:
        """Draw `count` rolls (frames, 88) of booleans."""
        rng = np.random.default_rng(seed)
        rolls = []
        for _ in range(count):
            roll = [self._chosen(self._first, rng)]
            while len(roll) < frames:
                roll.append(self._chosen(self._next.get(roll[-1].tobytes()) or self._first, rng))
            rolls.append(np.stack(roll))
        return rolls

    @staticmethod
    def _chosen(frames: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
        return frames[int(rng.integers(len(frames)))]
