"""Sequences of different lengths as NumPy arrays, and their split into train, valid and test.

The module does not import torch, so that the child processes that parse uploads stay small.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from dmm_core.data.spec import DataSpec, Kind
from dmm_core.data.time_axis import TimeAxis
from dmm_core.errors import DataError

__all__ = ["Sequences", "Splits", "WholeSeries", "split_by_seed"]


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of different lengths with the same features.

    Arrays of any numeric type are accepted if no value changes by more than float32 rounding.
    Booleans, and integers that are all 0 or 1, become uint8. Other integers and floats become
    float32.

    Attributes:
        x: one array (T_i, x_dim) for each sequence; uint8 with values 0 and 1 for binary data,
            float32 for real data.
        names: one name for each sequence, for display; never used as a path.
        u: one array (T_i, u_dim) of actions for each sequence, float32; u[t] acts on the step from
            t to t + 1. None without actions.
        observed: one array (T_i, x_dim) for each sequence, uint8, 1 where the feature was observed.
            None if all features were observed. Where a feature was not observed, `x` must be 0.
        c: one array (T_i, c_dim) of covariates for each sequence, float32; c[t] is known before
            x[t], such as the calendar or the metre. None without covariates.
        starts: time of the first frame of each sequence, in units of `DataSpec.time`. None if the
            frames have no times.
        step: units of time from one frame to the next, as in `DataSpec.time`.

    Raises:
        DataError: if the numbers of arrays and names differ; if arrays differ in width, length or
            type, or are empty; if a value or a time is not finite; or if a value of a uint8 array
            is not 0 or 1.

    Example:
        >>> import numpy as np
        >>> from dmm_core import Sequences
        >>> data = Sequences((np.zeros((3, 2)), np.ones((5, 2))), ("first", "second"))
        >>> len(data), data.x_dim, data.frames, data.lengths.tolist()
        (2, 2, 8, [3, 5])
        >>> data.one(1).names
        ('second',)
    """

    x: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    u: tuple[np.ndarray, ...] | None = None
    observed: tuple[np.ndarray, ...] | None = None
    c: tuple[np.ndarray, ...] | None = None
    starts: tuple[float, ...] | None = None
    step: float = 1.0

    def __post_init__(self) -> None:
        """Convert and check every sequence once."""
        object.__setattr__(self, "names", tuple(self.names))
        for part, called in _CALLED.items():
            arrays = getattr(self, part)
            if arrays is None:
                continue
            if len(arrays) != len(self.names):
                raise DataError(f"There are {len(arrays)} {called} but {len(self.names)} names.")
            found = _converted(arrays, self.names, real=part in ("u", "c"))
            object.__setattr__(self, part, found)
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
        for part, called in (("u", "actions"), ("c", "covariates")):
            if getattr(self, part) is not None:
                self._check_inputs(getattr(self, part), called)
        if self.observed is not None:
            self._check_observed(self.observed)
        if self.starts is not None:
            object.__setattr__(self, "starts", tuple(map(float, self.starts)))
            if len(self.starts) != len(self.names):
                raise DataError(f"There are {len(self.starts)} starts but {len(self.names)} names.")
            if not all(map(math.isfinite, (*self.starts, self.step))):
                raise DataError("The time of a first frame, or a step of time, is not finite.")

    def _check_inputs(self, inputs: tuple[np.ndarray, ...], called: str) -> None:
        for given, x, name in zip(inputs, self.x, self.names, strict=True):
            wanted = (len(x), inputs[0].shape[-1])
            if given.shape != wanted or given.dtype != np.float32 or not np.isfinite(given).all():
                raise DataError(
                    f"{name}: {called} are finite float32 of shape {wanted}, not {given.dtype} of "
                    f"shape {given.shape}."
                )

    def _check_observed(self, indicators: tuple[np.ndarray, ...]) -> None:
        for observed, x, name in zip(indicators, self.x, self.names, strict=True):
            if observed.shape != x.shape or observed.dtype != np.uint8 or observed.max() > 1:
                raise DataError(
                    f"{name}: what was observed is 0 or 1 in uint8 of shape {x.shape}, not "
                    f"{observed.dtype} of shape {observed.shape}."
                )
            if x[observed == 0].any():
                raise DataError(f"{name}: a feature that was not observed is 0.")

    def __len__(self) -> int:
        """The number of sequences."""
        return len(self.x)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Iterate over the arrays (T_i, x_dim)."""
        return iter(self.x)

    @property
    def lengths(self) -> np.ndarray:
        """(N,) int64, the number of frames of each sequence."""
        return np.array([len(x) for x in self.x], dtype=np.int64)

    @property
    def frames(self) -> int:
        """Total number of frames of all sequences."""
        return int(self.lengths.sum())

    @property
    def x_dim(self) -> int:
        """Number of features per frame; 0 if there is no sequence."""
        return self.x[0].shape[1] if self.x else 0

    @property
    def u_dim(self) -> int:
        """Number of actions per frame; 0 without actions."""
        return self.u[0].shape[1] if self.u else 0

    @property
    def c_dim(self) -> int:
        """Covariates of a frame; 0 without covariates."""
        return self.c[0].shape[1] if self.c else 0

    def between(self, first: int, after: int) -> "Sequences":
        """The frames from `first` up to, but not including, `after` of every sequence."""

        def cut(arrays: tuple[np.ndarray, ...] | None) -> tuple[np.ndarray, ...] | None:
            return None if arrays is None else tuple(array[first:after] for array in arrays)

        x = tuple(array[first:after] for array in self.x)
        starts = self.starts and tuple(start + self.step * first for start in self.starts)
        return Sequences(
            x, self.names, cut(self.u), cut(self.observed), cut(self.c), starts, self.step
        )

    def one(self, index: int) -> "Sequences":
        """The sequence at `index`, as `Sequences` of length 1."""
        return self.subset(np.array([index]))

    def subset(self, indices: np.ndarray) -> "Sequences":
        """The sequences at `indices`, in that order."""

        def chosen(arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
            return tuple(arrays[i] for i in indices)

        return Sequences(
            chosen(self.x),
            tuple(self.names[i] for i in indices),
            None if self.u is None else chosen(self.u),
            None if self.observed is None else chosen(self.observed),
            None if self.c is None else chosen(self.c),
            None if self.starts is None else tuple(self.starts[i] for i in indices),
            self.step,
        )


class WholeSeries(NamedTuple):
    """The uncut series of a data set that is split in time.

    Attributes:
        sequences: the series.
        valid_from: for each series, its first frame of the valid split, counted from 0.
        test_from: for each series, its first frame of the test split.
    """

    sequences: Sequences
    valid_from: tuple[int, ...]
    test_from: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Splits:
    """A data set: its train, valid and test sequences, and the description of its frames.

    Attributes:
        name: name of the data set, as in `DataConfig.name`.
        kind: what the features are, as in `DataSpec`.
        train: sequences for the training.
        valid: sequences that choose the best epoch.
        test: sequences for the evaluation.
        steps_per_quarter: frames per quarter note (1, 2 or 4), or None if the frames are not music.
        features: one name for each feature, or an empty tuple.
        actions: one name for each action, or an empty tuple.
        covariates: one name for each covariate, or an empty tuple.
        categories: number of symbols of a slot of categorical data; None for other kinds.
        whole: the uncut series, if the data are split in time.
        time: times of the frames, or None.

    Example:
        >>> import numpy as np
        >>> from dmm_core import Sequences, Splits
        >>> rng = np.random.default_rng(0)
        >>> def draw(count):
        ...     x = rng.standard_normal((count, 10, 2))
        ...     return Sequences(tuple(x), tuple(f"sequence {i}" for i in range(count)))
        >>> splits = Splits("noise", "real", draw(8), draw(1), draw(1))
        >>> splits.spec.x_dim, len(splits.train)
        (2, 8)
    """

    name: str
    kind: Kind
    train: Sequences
    valid: Sequences
    test: Sequences
    steps_per_quarter: int | None = None
    features: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    categories: int | None = None
    whole: WholeSeries | None = None
    time: TimeAxis | None = None

    @cached_property
    def spec(self) -> DataSpec:
        """The description of the frames, from which `build_model` takes the dimensions."""
        return DataSpec(
            kind=self.kind,
            x_dim=self.train.x_dim,
            name=self.name,
            steps_per_quarter=self.steps_per_quarter,
            u_dim=self.train.u_dim,
            missing=self.train.observed is not None,
            c_dim=self.train.c_dim,
            categories=self.categories,
            features=self.features,
            actions=self.actions,
            covariates=self.covariates,
            time=self.time,
        )

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


_CALLED = {
    "x": "sequences",
    "u": "arrays of actions",
    "observed": "masks",
    "c": "arrays of covariates",
}
"""Fields of `Sequences` -> their description in messages."""

_MOST_WHOLE = 2**24
"""The largest number up to which float32 represents every whole number."""


def _converted(
    arrays: Sequence[np.ndarray], names: tuple[str, ...], *, real: bool
) -> tuple[np.ndarray, ...]:
    """Convert arrays to the types of `Sequences`, if no information is lost.

    Args:
        arrays: the arrays of all sequences.
        names: names of the sequences, for messages.
        real: whether the values are real even if all are 0 or 1, as actions are.
    """
    found = tuple(np.asarray(array) for array in arrays)
    for array, name in zip(found, names, strict=True):
        if array.dtype.kind not in "buif":
            raise DataError(f"{name}: values are numbers, not {array.dtype}.")
    whole = all(a.dtype.kind in "bui" for a in found)
    if whole and not real and all(((a == 0) | (a == 1)).all() for a in found):
        return tuple(a.astype(np.uint8, copy=False) for a in found)
    return tuple(_as_float32(a, n, real) for a, n in zip(found, names, strict=True))


def _as_float32(array: np.ndarray, name: str, real: bool) -> np.ndarray:
    if array.dtype == np.float32 or (array.dtype in (bool, np.uint8) and not real):
        return array  # checked later: all sequences have to be of one type
    if (
        array.dtype.kind in "ui"
        and array.size
        and not (-_MOST_WHOLE <= int(array.min()) and int(array.max()) <= _MOST_WHOLE)
    ):
        raise DataError(
            f"{name}: whole numbers may not exceed 2^24, the largest that float32 holds exactly."
        )
    with np.errstate(over="ignore"):
        found = array.astype(np.float32)
    lost = np.isfinite(array) & ~np.isfinite(found)
    if lost.any():
        raise DataError(f"{name}: {array[lost][0]:g} is too large for float32.")
    return found


def split_by_seed(
    count: int, seed: int, valid: float = 0.1, test: float = 0.1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split `count` sequences at random into train, valid and test.

    Valid and test each get their share, rounded, and at least one sequence if there are three or
    more. Of two sequences, one is both valid and test. A single sequence is in all three splits.

    Args:
        count: number of sequences.
        seed: seed of the shuffle.
        valid: share of the validation split, between 0 and 1.
        test: share of the test split, between 0 and 1.

    Returns:
        Three int64 arrays: the indices of the train, valid and test sequences.

    Example:
        >>> from dmm_core import split_by_seed
        >>> train, valid, test = split_by_seed(20, seed=0)
        >>> len(train), len(valid), len(test)
        (16, 2, 2)
    """
    order = np.random.default_rng(seed).permutation(count)
    if count == 1:
        return order, order, order
    if count == 2:
        return order[:1], order[1:], order[1:]
    n_valid, n_test = max(1, round(count * valid)), max(1, round(count * test))
    return order[n_valid + n_test :], order[:n_valid], order[n_valid : n_valid + n_test]
