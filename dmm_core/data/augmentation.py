"""Random transposition of pieces in four voices, so that a model learns no key by heart."""

import numpy as np
import torch

from dmm_core.data.batching import SequenceBatch
from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import DataSpec
from dmm_core.errors import DataError
from dmm_core.music.symbols import HIGHEST_OF, LOWEST_OF, decode_symbols
from dmm_core.music.voices import REST

__all__ = ["RandomTransposition"]

_DOWN, _UP = 5, 6
"""Largest numbers of semitones: together with 0, every key once."""


class RandomTransposition:
    """Transposes each piece by a random number of semitones within the ranges of its voices.

    Every number from 5 down to 6 up by which no note leaves its voice's range is equally likely.

    Args:
        sequences: the pieces, in symbols (`dmm_core.music.symbols`).
        spec: the description of the data.

    Raises:
        DataError: if the data are not music in four voices.

    Attributes:
        lowest: (N,) int64, the largest step down of each piece, as a number up to 0.
        highest: (N,) int64, the largest step up.
    """

    def __init__(self, sequences: Sequences, spec: DataSpec) -> None:
        if not spec.is_voices:
            raise DataError(
                f"train.transpose is on, but only music in four voices can be transposed, and "
                f"these data are {spec.x_dim} {spec.kind} features: turn it off."
            )
        limits = np.array([_limits(x) for x in sequences], dtype=np.int64)
        self.lowest, self.highest = limits.T

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """(N,) int64: semitones for every piece, from 5 down to 6 up."""
        return rng.integers(self.lowest, self.highest, endpoint=True)

    @staticmethod
    def apply(batch: SequenceBatch, semitones: np.ndarray) -> SequenceBatch:
        """The batch with each of its pieces transposed.

        Args:
            batch: pieces in symbols. A rest, and padding, is 0 and stays 0.
            semitones: (batch,) semitones of each piece.
        """
        shift = torch.as_tensor(semitones, device=batch.x.device, dtype=batch.x.dtype)
        return batch._replace(x=torch.where(batch.x > 0, batch.x + shift[:, None, None], 0.0))


def _limits(symbols: np.ndarray) -> tuple[int, int]:
    """How far down and up a piece can be transposed."""
    pitches = decode_symbols(symbols).pitches
    sounds = (pitches != REST).any(axis=1)
    low = np.where(pitches == REST, 999, pitches).min(axis=1)
    down = (low - LOWEST_OF)[sounds].min(initial=_DOWN)
    up = (HIGHEST_OF - pitches.max(axis=1))[sounds].min(initial=_UP)
    return -int(down), int(up)
