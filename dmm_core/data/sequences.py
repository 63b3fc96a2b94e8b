"""Ragged sequences in memory, as numpy arrays; no torch, so that a parser's process stays small."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dmm_core.errors import DataError

__all__ = ["Kind", "Sequences", "Splits", "split_by_seed"]

Kind = Literal["binary", "real"]
"""What the features are: 0 or 1 (a piano-roll), or real values."""


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of different lengths over the same features.

    Attributes:
        x: one array (T_i, x_dim) per sequence; uint8 holding 0 and 1 for binary data, float32 for
            real.
        names: one name per sequence, to show; never used as a path.

    Raises:
        DataError: if the arrays disagree in width, are empty, or hold anything but finite values
            (or anything but 0 and 1 in uint8 arrays).
    """

    x: tuple[np.ndarray, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check every sequence once, so that nothing behind this point has to."""
        if len(self.x) != len(self.names):
            raise DataError(f"There are {len(self.x)} sequences but {len(self.names)} names.")
        for x, name in zip(self.x, self.names, strict=True):
            if x.ndim != 2 or 0 in x.shape:
                raise DataError(
                    f"{name}: a sequence is (frames, features) and not empty, not {x.shape}."
                )
            if x.shape[1] != self.x[0].shape[1]:
                raise DataError(
                    f"{name}: {x.shape[1]} features, but the first has {self.x[0].shape[1]}."
                )
            if x.dtype != self.x[0].dtype or x.dtype not in (np.uint8, np.float32):
                raise DataError(f"{name}: sequences are all uint8 or all float32, not {x.dtype}.")
            if x.dtype == np.uint8 and x.max() > 1:
                raise DataError(f"{name}: a binary sequence holds 0 and 1, not {x.max()}.")
            if x.dtype == np.float32 and not np.isfinite(x).all():
                row = int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])
                raise DataError(f"{name}: frame {row} holds a value that is not finite.")

    def __len__(self) -> int:
        """How many sequences."""
        return len(self.x)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Iterate over the arrays (T_i, x_dim)."""
        return iter(self.x)

    @property
    def lengths(self) -> np.ndarray:
        """(N,) int64: frames of each sequence."""
        return np.array([len(x) for x in self.x], dtype=np.int64)

    @property
    def frames(self) -> int:
        """Frames of all sequences together."""
        return int(self.lengths.sum())

    @property
    def x_dim(self) -> int:
        """Features of a frame; 0 when there is no sequence."""
        return self.x[0].shape[1] if self.x else 0

    def subset(self, indices: np.ndarray) -> "Sequences":
        """The sequences at `indices`, in that order."""
        return Sequences(tuple(self.x[i] for i in indices), tuple(self.names[i] for i in indices))


@dataclass(frozen=True, eq=False)
class Splits:
    """A data set: train, valid and test sequences and what they are.

    Attributes:
        name: the data set's name, as `DataConfig.name` gives it.
        kind: binary or real.
        steps_per_quarter: frames of a quarter note (1, 2 or 4), or None where frames are no music.
    """

    name: str
    kind: Kind
    train: Sequences
    valid: Sequences
    test: Sequences
    steps_per_quarter: int | None = None

    @property
    def x_dim(self) -> int:
        """Features of a frame."""
        return self.train.x_dim

    def __getitem__(self, split: str) -> Sequences:
        """The sequences of the split called train, valid or test.

        Raises:
            DataError: for any other name.
        """
        if split not in ("train", "valid", "test"):
            raise DataError(
                f"There is no split {split!r:.40}; the splits are train, valid and test."
            )
        return getattr(self, split)


def split_by_seed(
    count: int, seed: int, valid: float = 0.1, test: float = 0.1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices (train, valid, test) of `count` sequences, shuffled with `seed`.

    Valid and test get their fraction, rounded, and at least one sequence each where there are three
    or more; with two, one is valid and test at once; with one, it stands in all three.
    """
    order = np.random.default_rng(seed).permutation(count)
    if count == 1:
        return order, order, order
    if count == 2:
        return order[:1], order[1:], order[1:]
    n_valid, n_test = max(1, round(count * valid)), max(1, round(count * test))
    return order[n_valid + n_test :], order[:n_valid], order[n_valid : n_valid + n_test]
