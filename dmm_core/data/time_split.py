"""Splits series in time: the past is for the training, then come the valid and the test split."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dmm_core.data.sequences import Sequences, Splits, WholeSeries
from dmm_core.data.spec import Kind
from dmm_core.data.time_axis import TimeAxis
from dmm_core.errors import DataError

__all__ = [
    "MIN_SERIES",
    "MIN_WINDOW",
    "default_window",
    "split_in_time",
    "time_bounds",
    "window_bounds",
    "window_sizes",
]

MIN_SERIES = 20
"""Smallest number of frames of a series that is split in time."""

MIN_WINDOW = 2
"""Smallest number of frames of a window."""

_TRAIN, _TRAIN_AND_VALID = 0.7, 0.85
_WINDOWS = 8  # windows of the train split of the longest series, within the bounds below
_SHORTEST, _LONGEST = 25, 100


class _Bounds(NamedTuple):
    """The frames at which the valid and the test split begin."""

    valid_from: int
    test_from: int


def time_bounds(frames: int) -> _Bounds:
    """The first 70 % of a series are the train split, the next 15 % valid, the last 15 % test.

    Args:
        frames: number of frames of the series.

    Raises:
        DataError: if the series has fewer than `MIN_SERIES` frames.

    Example:
        >>> from dmm_core.data.time_split import time_bounds
        >>> time_bounds(100)
        _Bounds(valid_from=70, test_from=85)
    """
    if frames < MIN_SERIES:
        raise DataError(
            f"A series that is split in time has at least {MIN_SERIES} frames, not {frames}."
        )
    return _Bounds(round(_TRAIN * frames), round(_TRAIN_AND_VALID * frames))


def default_window(longest: int) -> int:
    """Length of the windows for a longest series of `longest` frames: 25 to 100 frames.

    The train split of the longest series gets about eight windows.
    """
    return min(_LONGEST, max(_SHORTEST, round(_TRAIN * longest) // _WINDOWS))


def window_bounds(first: int, after: int, window: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of successive windows over the frames from `first` up to `after`.

    The last window is shorter than `window` by up to three quarters; what is shorter than that
    belongs to the window before it.
    """
    starts = list(range(first, after, window))
    if len(starts) > 1 and after - starts[-1] < max(MIN_WINDOW, window // 4):
        starts.pop()
    yield from zip(starts, [*starts[1:], after], strict=True)


def window_sizes(lengths: Sequence[int], window: int) -> dict[str, tuple[int, int]]:
    """Return the numbers of windows and frames of each split that `split_in_time` makes.

    Args:
        lengths: number of frames of each series.
        window: frames of a window.

    Raises:
        DataError: if a series has fewer than `MIN_SERIES` frames.

    Example:
        >>> from dmm_core.data.time_split import window_sizes
        >>> window_sizes([100], 20)
        {'train': (4, 70), 'valid': (1, 15), 'test': (1, 15)}
    """
    sizes = {"train": (0, 0), "valid": (0, 0), "test": (0, 0)}
    for frames in lengths:
        ends = (0, *time_bounds(frames), frames)
        for split, first, after in zip(sizes, ends, ends[1:], strict=False):
            count = sum(1 for _ in window_bounds(first, after, window))
            sizes[split] = (sizes[split][0] + count, sizes[split][1] + after - first)
    return sizes


def split_in_time(
    name: str,
    kind: Kind,
    series: Sequences,
    *,
    window: int | None = None,
    time: TimeAxis | None = None,
    steps_per_quarter: int | None = None,
    features: tuple[str, ...] = (),
    actions: tuple[str, ...] = (),
    covariates: tuple[str, ...] = (),
) -> Splits:
    """Split every series in time, as `time_bounds` does, and cut each part into windows.

    No frame is in two windows.

    Args:
        name: name of the data set.
        kind: what the features are.
        series: the uncut series.
        window: frames of a window; by default `default_window` of the longest series.
        time: times of the frames, if `series` has `starts`.
        steps_per_quarter: as in `Splits`.
        features: names of the features.
        actions: names of the actions.
        covariates: names of the covariates.

    Returns:
        The windows of each split, and the uncut series as `Splits.whole`.

    Raises:
        DataError: if a series has fewer than `MIN_SERIES` frames, or a window fewer than
            `MIN_WINDOW`.

    Example:
        >>> import numpy as np
        >>> from dmm_core import Sequences
        >>> from dmm_core.data.time_split import split_in_time
        >>> series = Sequences((np.arange(100.0)[:, None],), ("a",))
        >>> splits = split_in_time("a", "real", series, window=20)
        >>> splits.train.lengths.tolist(), splits.valid.lengths.tolist(), splits.test.names
        ([20, 20, 20, 10], [15], ('a: frames 85 to 99',))
    """
    length = window or default_window(int(series.lengths.max()))
    if length < MIN_WINDOW:
        raise DataError(f"A window has at least {MIN_WINDOW} frames, not {length}.")
    bounds = [time_bounds(frames) for frames in series.lengths.tolist()]
    parts: dict[str, list[Sequences]] = {"train": [], "valid": [], "test": []}
    for index, (valid_from, test_from) in enumerate(bounds):
        one = series.one(index)
        ends = (0, valid_from, test_from, one.frames)
        for split, first, after in zip(parts, ends, ends[1:], strict=False):
            for low, high in window_bounds(first, after, length):
                parts[split].append(_window(one, low, high, time))
    return Splits(
        name,
        kind,
        *(_joined(windows, series) for windows in parts.values()),
        steps_per_quarter=steps_per_quarter,
        features=features,
        actions=actions,
        covariates=covariates,
        whole=WholeSeries(
            series,
            tuple(bound.valid_from for bound in bounds),
            tuple(bound.test_from for bound in bounds),
        ),
        time=time,
    )


def _window(one: Sequences, first: int, after: int, time: TimeAxis | None) -> Sequences:
    """Return the frames from `first` up to `after` of a single series, named after their times."""
    part = one.between(first, after)
    if time is not None and part.starts is not None:
        start = part.starts[0]
        shown = f"{time.label(start)} to {time.label(start + time.step * (after - first - 1))}"
    else:
        shown = f"frames {first} to {after - 1}"
    return Sequences(
        part.x,
        (f"{one.names[0]}: {shown}",),
        part.u,
        part.observed,
        part.c,
        part.starts,
        part.step,
    )


def _joined(windows: list[Sequences], series: Sequences) -> Sequences:
    """Return the windows as one `Sequences`."""

    def all_of(part: str) -> tuple[np.ndarray, ...] | None:
        if getattr(series, part) is None:
            return None
        return tuple(getattr(window, part)[0] for window in windows)

    return Sequences(
        all_of("x") or (),
        tuple(window.names[0] for window in windows),
        all_of("u"),
        all_of("observed"),
        all_of("c"),
        series.starts and tuple(window.starts[0] for window in windows if window.starts),
        series.step,
    )
