"""Times of frames, and splits in time."""

import numpy as np
import pytest

from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import DataSpec
from dmm_core.data.time_axis import TimeAxis
from dmm_core.data.time_split import MIN_SERIES, split_in_time, time_bounds, window_bounds
from dmm_core.errors import DataError


@pytest.mark.parametrize(
    ("unit", "step", "first", "third"),
    [
        ("year", 1, "1871", "1873"),
        ("month", 3, "1871-10", "1872-04"),
        ("week", 1, "1958-03-29", "1958-04-12"),
        ("day", 7, "0000-01-01", "0000-01-15"),
        ("hour", 6, "2020-02-28T18", "2020-02-29T06"),
        ("minute", 15, "2020-12-31T23:45", "2021-01-01T00:15"),
        ("second", 30, "1969-12-31T23:59:30", "1970-01-01T00:00:30"),
    ],
)
def test_calendars_count_from_1970(unit, step, first, third):
    time = TimeAxis("t", unit, step)
    start = np.datetime64(first).astype(int) / (7 if unit == "week" else 1)
    values = time.values(start, 3)
    assert values[[0, 2]].tolist() == np.array([first, third], values.dtype).tolist()
    assert time.label(start) == first.replace("T", " ")


def test_numbers_and_fractions_of_seconds():
    time = TimeAxis("t", "number", 0.1)
    assert np.allclose(time.values(2.5, 3), [2.5, 2.6, 2.7]) and time.label(2.5) == "2.5"
    values = TimeAxis("t", "second", 0.04).values(1.0, 2)
    assert values[1] == np.datetime64("1970-01-01T00:00:01.040000")


def test_titles():
    assert TimeAxis("year", "year").title == "year"
    assert TimeAxis("Date", "day", 7).title == "Date (every 7 days)"
    assert TimeAxis("", "hour").title == "time (every hour)"
    assert TimeAxis("depth").title == "depth"


@pytest.mark.parametrize(
    "values",
    [
        {"name": 3, "unit": "day", "step": 1},
        {"name": "t", "unit": "fortnight", "step": 1},
        {"name": "t", "unit": "day", "step": 0},
        {"name": "t", "unit": "day", "step": float("nan")},
        {"name": "t", "unit": "month", "step": 0.5},
        {"name": "t", "unit": "day", "step": "1"},
        {"name": "t", "unit": "day"},
        [],
        None,
    ],
)
def test_what_is_no_axis_is_refused(values):
    with pytest.raises(DataError):
        TimeAxis.from_json(values)


def test_the_years_0_to_9999_are_allowed():
    for unit, first, last in (("year", "0000", "9999"), ("month", "0000-01", "9999-12")):
        start, end = (int(np.datetime64(t).astype(int)) for t in (first, last))
        time = TimeAxis("t", unit)
        assert str(time.values(start, end - start + 1)[-1]) == last
        for wrong in (start - 1, end + 1):
            with pytest.raises(DataError, match="years 0 to 9999"):
                time.label(wrong)


@pytest.mark.parametrize(
    ("unit", "start", "frames"),
    [("day", 1e18, 3), ("year", 8000, 100), ("second", float("nan"), 1), ("number", 1.0e308, 2)],
)
def test_times_out_of_bounds_are_refused(unit, start, frames):
    step = 1e308 if unit == "number" else 1
    with pytest.raises(DataError):
        TimeAxis("t", unit, step).values(start, frames)


def test_a_spec_keeps_its_time():
    spec = DataSpec("real", 1, "nile", features=("volume",), time=TimeAxis("year", "year"))
    again = DataSpec.from_json(spec.to_json())
    assert again.time == spec.time and again.features == ("volume",)
    assert again == DataSpec("real", 1, "nile") and "time" not in DataSpec("real", 1).to_json()
    with pytest.raises(DataError):
        DataSpec.from_json({"kind": "real", "x_dim": 1, "time": {"name": "t"}})


def test_starts_follow_their_sequences():
    x = tuple(np.zeros((n, 1)) for n in (4, 5))
    data = Sequences(x, ("a", "b"), starts=(10, 20), step=2)
    assert data.one(1).starts == (20.0,) and data.subset(np.array([1, 0])).starts == (20.0, 10.0)
    assert data.between(3, 4).starts == (16.0, 26.0)
    for starts in ((1,), (1, float("inf"))):
        with pytest.raises(DataError):
            Sequences(x, ("a", "b"), starts=starts)


@pytest.mark.parametrize("frames", [20, 21, 59, 100, 309, 2284])
@pytest.mark.parametrize("window", [None, 2, 7, 50, 5000])
def test_no_frame_is_in_two_windows(frames, window):
    x = np.arange(frames, dtype=np.float32)[:, None]
    series = Sequences(
        (x, -x), ("a", "b"), (x, x), (np.uint8(x >= 0),) * 2, (x + 1, x), (10_000, 20_000), 0.5
    )
    splits = split_in_time("s", "real", series, window=window, time=TimeAxis("t", "number", 0.5))
    parts = [splits.train, splits.valid, splits.test]
    for sign in (1, -1):
        chosen = [x for part in parts for x in part.x if sign * x[-1] > 0]
        assert np.array_equal(np.concatenate(chosen), sign * x)
    for part in parts:
        for x, u, c, start in zip(part.x, part.u, part.c, part.starts, strict=True):
            assert np.array_equal(abs(x), u) and abs(start % 10_000 - 0.5 * u[0, 0]) < 1e-6
            assert np.array_equal(c, u + (start < 20_000 and x[-1] > 0))
        if window:
            tiny = max(2, window // 4)
            assert all(min(tiny, len(x)) <= len(x) < window + tiny for x in part.x)
    assert splits.whole.sequences is series and splits.spec.time.step == 0.5
    assert list(zip(splits.whole.valid_from, splits.whole.test_from, strict=True)) == (
        [time_bounds(frames)] * 2
    )
    assert abs(splits.whole.valid_from[0] / frames - 0.7) < 0.5 / frames + 1e-9


def test_windows_are_never_tiny():
    assert list(window_bounds(10, 20, 4)) == [(10, 14), (14, 18), (18, 20)]
    assert list(window_bounds(0, 102, 50)) == [(0, 50), (50, 102)]
    assert list(window_bounds(0, 3, 50)) == [(0, 3)]


def test_a_short_series_is_not_split_in_time():
    series = Sequences((np.zeros((MIN_SERIES - 1, 1)),), ("a",))
    with pytest.raises(DataError, match="at least 20 frames, not 19"):
        split_in_time("s", "real", series)
    with pytest.raises(DataError, match="at least 2 frames, not 1"):
        split_in_time("s", "real", Sequences((np.zeros((50, 1)),), ("a",)), window=1)
