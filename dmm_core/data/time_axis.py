"""`TimeAxis`: the times of the frames of a data set, for charts, exports and forecasts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np

from dmm_core.errors import DataError

__all__ = ["TimeAxis", "Unit"]

Unit = Literal["number", "year", "month", "week", "day", "hour", "minute", "second"]
"""Unit of time: "number" without a calendar, the others are those of the calendar."""

_CODES = {"year": "Y", "month": "M", "day": "D", "hour": "h", "minute": "m", "second": "s"}
_MAX_NAME = 200  # characters
_FIRST_DAY, _AFTER_LAST_DAY = -719_528, 2_932_897  # of the years 0 to 9999
_BOUNDS = {"year": (-1970, 8030), "month": (-1970 * 12, 8030 * 12)} | {
    unit: (_FIRST_DAY * per_day, _AFTER_LAST_DAY * per_day)
    for unit, per_day in (
        ("week", 1 / 7),
        ("day", 1),
        ("hour", 24),
        ("minute", 1440),
        ("second", 86_400),
    )
}
"""Unit -> the first time of the year 0, and the first time of the year 10000."""


@dataclass(frozen=True)
class TimeAxis:
    """The times of equally spaced frames.

    A time is a number of units. In units of the calendar it counts from the beginning of 1970, as
    in numpy's `datetime64`: the year 1871 is -99. Weeks count from Thursday, 1 January 1970; a
    number of weeks may have a fraction, because most weekly data are not from Thursdays.

    Attributes:
        name: name of the column that held the times, or "".
        unit: unit of the times.
        step: number of units from one frame to the next.

    Raises:
        DataError: if a value has another type or is out of bounds.

    Example:
        >>> from dmm_core.data.time_axis import TimeAxis
        >>> TimeAxis("year", "year").values(-99, 3).tolist()
        [datetime.date(1871, 1, 1), datetime.date(1872, 1, 1), datetime.date(1873, 1, 1)]
        >>> TimeAxis("date", "month", 3.0).title, TimeAxis("date", "month", 3.0).label(0)
        ('date (every 3 months)', '1970-01')
    """

    name: str = ""
    unit: Unit = "number"
    step: float = 1.0

    def __post_init__(self) -> None:
        """Check every value, since an axis may come from a file."""
        if not isinstance(self.name, str) or len(self.name) > _MAX_NAME:
            raise DataError(
                f"The name of a time axis is text of at most {_MAX_NAME} characters, not "
                f"{self.name!r:.40}."
            )
        if self.unit not in get_args(Unit):
            raise DataError(
                f"A unit of time is {', '.join(get_args(Unit)[:-1])} or second, not "
                f"{self.unit!r:.40}."
            )
        if type(self.step) not in (int, float) or not 0 < self.step < math.inf:
            raise DataError(f"A step of time is a number above 0, not {self.step!r:.40}.")
        whole = self.unit in ("number", "second") or self.step == int(self.step)
        if not whole:
            raise DataError(f"A step of time is a whole number of {self.unit}s, not {self.step}.")

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Create an axis from a JSON object with its attributes.

        Raises:
            DataError: if a value is missing, has another type or is out of bounds.
        """
        names = {"name", "unit", "step"}
        if not isinstance(values, Mapping) or not names <= values.keys():
            raise DataError("A time axis has a name, a unit and a step.")
        return cls(**{name: values[name] for name in names})

    def check(self, start: float, frames: int) -> None:
        """Check that the frames lie between the years 0 and 9999, or are finite numbers.

        Raises:
            DataError: if they do not.
        """
        end = start + self.step * max(0, frames - 1)
        if not math.isfinite(start) or not math.isfinite(end):
            raise DataError(f"A time is a finite number, not {start} to {end}.")
        if self.unit != "number":
            low, after = _BOUNDS[self.unit]
            if not low <= start <= end < after:
                raise DataError(
                    f"Times lie in the years 0 to 9999, but the frames are from {start:g} to "
                    f"{end:g} {self.unit}s after the beginning of 1970."
                )

    def values(self, start: float, frames: int) -> np.ndarray:
        """The times of the frames.

        Args:
            start: time of the first frame, as a number of units.
            frames: number of frames.

        Returns:
            (frames,) float64 for the unit "number", otherwise datetime64: of days for weeks, of
            microseconds for fractions of seconds, and else of the unit.

        Raises:
            DataError: if a time does not lie between the years 0 and 9999, or is not finite.
        """
        self.check(start, frames)
        counts = start + self.step * np.arange(frames)
        if self.unit == "number":
            return counts
        if self.unit == "week":
            return np.rint(7 * counts).astype(np.int64).astype("datetime64[D]")
        if self.unit == "second" and (counts != np.rint(counts)).any():
            return np.rint(1e6 * counts).astype(np.int64).astype("datetime64[us]")
        return np.rint(counts).astype(np.int64).astype(f"datetime64[{_CODES[self.unit]}]")

    def label(self, time: float) -> str:
        """A time as text: "12.5" for the unit "number", otherwise a date such as "1871-03"."""
        value = self.values(time, 1)[0]
        if self.unit == "number":
            return f"{value:.12g}"
        return str(np.datetime_as_string(value)).replace("T", " ")

    @property
    def title(self) -> str:
        """Title of an axis of a chart, such as "year" or "date (every week)"."""
        if self.unit == "number":
            return self.name or "time"
        if self.name.casefold() == self.unit and self.step == 1:
            return self.name
        every = self.unit if self.step == 1 else f"{self.step:g} {self.unit}s"
        return f"{self.name or 'time'} (every {every})"
