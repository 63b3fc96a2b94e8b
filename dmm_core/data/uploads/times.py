"""Reads the times of an untrusted table, and places its rows on a regular grid of time."""

import re
import warnings
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from dmm_core.data.time_axis import Unit
from dmm_core.data.uploads.report import display_name
from dmm_core.errors import UploadError

__all__ = [
    "Grid",
    "Times",
    "combined_times",
    "is_date",
    "is_row_number",
    "is_time_of_day",
    "regular_grid",
    "times_of",
]

_CLOCK = r"[T ](\d{1,2}):(\d\d)(?::(\d\d)(\.\d{1,9})?)?"
_ISO = re.compile(rf"\d{{4}}-\d\d-\d\d(?:{_CLOCK})?")
_ZONED = re.compile(rf"\d{{4}}-\d\d-\d\d{_CLOCK}(?:Z|[+-]\d\d:?\d\d)")
_LOOSE = re.compile(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}})(?:{_CLOCK})?")
_MONTH = re.compile(r"(\d{4})[-/](\d{1,2})")
_QUARTER = re.compile(r"(\d{4})[- ]?[Qq]([1-4])")
_FORMATS = (_ISO, _ZONED, _LOOSE, _MONTH, _QUARTER)
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:\.\d{1,9})?)?")
# 1/2/2020, which is a day of January or of February
_UNCERTAIN = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}(?: .*)?")
_EPOCH = datetime(1970, 1, 1)
_DAY = 86_400_000_000  # microseconds
_CALENDAR = re.compile(r"year|yr|date|month|day|time|period|week|quarter|jahr|datum", re.IGNORECASE)
_YEAR = re.compile(r"year|yr|jahr|ann[eé]e|año|anno", re.IGNORECASE)
_TOLERANCE = 0.05  # of a step, within which times are equally spaced
_MOST_FILLED = 4  # frames of the grid for each row, above which the times count as irregular
_WEEK = 7


class Times(NamedTuple):
    """The times of rows.

    Attributes:
        values: (rows,) int64, or float64 for times with fractions; numbers of units as in
            `TimeAxis`, but days for the unit "week".
        unit: the unit.
    """

    values: np.ndarray
    unit: Unit


class Grid(NamedTuple):
    """Rows on a regular grid.

    Attributes:
        step: number of units from one frame to the next.
        frames: (rows,) int64, the frame of each row, counted from the first row of its sequence.
    """

    step: float
    frames: np.ndarray


def is_date(cell: str) -> bool:
    """Return whether a cell has the form of a date, a month, a quarter, or a date and a time."""
    cell = cell.strip()
    return any(form.fullmatch(cell) for form in _FORMATS) or bool(_UNCERTAIN.fullmatch(cell))


def is_time_of_day(cell: str) -> bool:
    """Return whether a cell has the form of a time of day, such as 13:05."""
    return _TIME_OF_DAY.fullmatch(cell.strip()) is not None


def is_row_number(values: np.ndarray) -> bool:
    """Return whether values count the rows of a file, from 0 or 1."""
    return len(values) > 1 and any(
        np.array_equal(values, np.arange(first, first + len(values))) for first in (0, 1)
    )


def times_of(cells: Sequence[str] | np.ndarray, name: str, rows: Sequence[int]) -> Times:
    """Read a column of times.

    Dates are ISO dates, with or without a time of day, months (2020-05) and quarters (2020Q2). The
    first cell determines the form of all. Numbers are dates (20200531), months (202005), years,
    years with fractions that are months, or else numbers without a calendar.

    Args:
        cells: texts, or float64 numbers with NaN where a cell is empty.
        name: name of the column.
        rows: the row number of each cell in the file.

    Raises:
        UploadError: if a cell is empty, of another form, or no valid date.
    """
    if isinstance(cells, np.ndarray):
        return _from_numbers(cells, name, rows)
    first = next((cell.strip() for cell in cells if cell.strip()), "")
    for form in _FORMATS:
        if form.fullmatch(first):
            return _from_dates(cells, form, first, name, rows)
    if _UNCERTAIN.fullmatch(first):
        raise UploadError(
            f"The CSV file has dates such as {first:.20} in column {name!r:.40}, where the order "
            "of day and month is uncertain; write dates as 2020-01-31."
        )
    numbers = np.empty(len(cells))
    for i, cell in enumerate(cells):
        try:
            numbers[i] = float(cell)
        except ValueError:
            raise _fault(cell, name, rows[i], "a date or a number") from None
    return _from_numbers(numbers, name, rows)


def combined_times(columns: Sequence[tuple[str, np.ndarray]], rows: Sequence[int]) -> Times:
    """Combine columns such as year, month and day into times.

    Args:
        columns: lower-case name (year, quarter, month, day) and float64 values of each column, the
            year first.
        rows: the row number of each value in the file.

    Raises:
        UploadError: if a value is missing or no valid part of a date.
    """
    parts: dict[str, np.ndarray] = {}
    for name, values in columns:
        low, high = {"year": (1, 9999), "quarter": (1, 4), "month": (1, 12), "day": (1, 31)}[name]
        valid = (values >= low) & (values <= high) & (values == np.rint(values))
        if not valid.all():
            at = int(np.flatnonzero(~valid)[0])
            raise _fault(f"{values[at]:g}", name, rows[at], f"a {name} from {low} to {high}")
        parts[name] = values.astype(np.int64)
    months = 12 * (parts["year"] - 1970)
    if "quarter" in parts:
        return Times(months + 3 * (parts["quarter"] - 1), "month")
    months += parts["month"] - 1
    if "day" not in parts:
        return Times(months, "month")
    first = months.astype("datetime64[M]").astype("datetime64[D]")
    days = first + (parts["day"] - 1)
    valid = days.astype("datetime64[M]").astype(np.int64) == months
    if not valid.all():
        at = int(np.flatnonzero(~valid)[0])
        raise _fault(f"{parts['day'][at]}", "day", rows[at], "a day of its month")
    return _coarsened(_DAY * days.astype(np.int64))


def regular_grid(times: Times, lengths: np.ndarray, rows: np.ndarray) -> tuple[Times, Grid | None]:
    """Find the regular grid of times that are sorted within each sequence.

    Args:
        times: times of the rows, the sequences one after another.
        lengths: number of rows of each sequence.
        rows: (rows,) the row number of each time in the file, for messages.

    Returns:
        The times, as numbers of weeks instead of days if that fits; and the grid, or None if the
        times are not equally spaced up to gaps, or more than three of four frames would be gaps.

    Raises:
        UploadError: if two rows of a sequence have the same time.
    """
    values = times.values
    within = np.ones(max(len(values) - 1, 0), bool)
    within[np.cumsum(lengths)[:-1] - 1] = False
    steps = np.diff(values)[within]
    if (steps == 0).any():
        at = int(np.flatnonzero(within)[np.flatnonzero(steps == 0)[0]])
        one, other = sorted((int(rows[at]), int(rows[at + 1])))
        raise UploadError(
            f"The CSV file has the same time in rows {one:,} and {other:,}. If rows belong to "
            "different sequences, a column named sequence tells them apart; otherwise choose "
            "another role for the column of times."
        )
    step = 1.0
    counts = np.zeros(len(values), np.int64)
    if len(steps):
        if values.dtype.kind == "i":
            step = int(np.gcd.reduce(steps))
            ratios = steps // step
        else:
            step = float(np.median(steps[steps <= 1.5 * steps.min()]))
            ratios = np.rint(steps / step)
            if (np.abs(steps / step - ratios) > _TOLERANCE * np.maximum(1, np.sqrt(ratios))).any():
                return times, None
            step = float(f"{steps.sum() / ratios.sum():.9g}")
        if ratios.sum() + len(lengths) > _MOST_FILLED * len(values):
            return times, None
        counts[1:][within] = ratios.astype(np.int64)
    # The frames of a sequence are cumulative counts since its first row.
    total = np.cumsum(counts)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    frames = total - np.repeat(total[starts], lengths)
    if times.unit == "day" and step % _WEEK == 0:
        return Times(values / _WEEK, "week"), Grid(step / _WEEK, frames)
    return times, Grid(float(step), frames)


def _from_numbers(values: np.ndarray, name: str, rows: Sequence[int]) -> Times:
    """Return the times of a column of numbers."""
    missing = ~np.isfinite(values)
    if missing.any():
        at = int(np.flatnonzero(missing)[0])
        raise _fault("", name, rows[at], "a time")
    low, high = values.min(), values.max()
    whole = bool((values == np.rint(values)).all()) and max(-low, high) < 2**53
    calendar = _CALENDAR.search(name) is not None or name.casefold() in ("t", "")
    numbers = values.astype(np.int64) if whole else values
    if not calendar and not (whole and low >= 15_000_101 and high < 25_000_000):
        return Times(numbers, "number")
    if whole and 10_000_101 <= low and high <= 99_991_231:
        days, valid = _packed_days(numbers)
        if valid.all():
            return _coarsened(_DAY * days)
        if "dat" in name.casefold():
            at = int(np.flatnonzero(~valid)[0])
            raise _fault(str(numbers[at]), name, rows[at], "a date like 20200131")
    if whole and 150_001 <= low and high <= 250_012:
        month = numbers % 100
        if ((1 <= month) & (month <= 12)).all():
            return Times(12 * (numbers // 100 - 1970) + month - 1, "month")
    is_year = _YEAR.search(name) is not None
    if whole and (1 if is_year else 1500) <= low and high <= (9999 if is_year else 2200):
        return Times(numbers - 1970, "year")
    if not whole and 1000 <= low and high < 3000:
        months = np.floor(12 * values + 0.05).astype(np.int64)
        # Fractions of a year are months if they advance as months do, to a tenth of a month.
        if len(values) > 1 and (np.abs(12 * np.diff(values) - np.diff(months)) < 0.1).all():
            return Times(months - 12 * 1970, "month")
    return Times(numbers, "number")


def _packed_days(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return days since 1970 for numbers like 20200131, and which of them are valid."""
    months, days = 12 * (numbers // 10_000 - 1970) + numbers // 100 % 100 - 1, numbers % 100
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    found = first + days - 1
    back = found.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    month = numbers // 100 % 100
    return found, (back == months) & (1 <= month) & (month <= 12) & (1 <= days)


def _from_dates(
    cells: Sequence[str], form: re.Pattern[str], first: str, name: str, rows: Sequence[int]
) -> Times:
    """Return the times of a column of dates that all have the form of the first one."""
    cells = [cell.strip() for cell in cells]
    for i, cell in enumerate(cells):
        if not form.fullmatch(cell):
            raise _fault(cell, name, rows[i], f"a date like {first}")
    if form in (_MONTH, _QUARTER):
        matches = [form.fullmatch(cell) for cell in cells]
        parts = np.array([(int(m[1]), int(m[2])) for m in matches if m])
        if form is _QUARTER:
            return Times(12 * (parts[:, 0] - 1970) + 3 * (parts[:, 1] - 1), "month")
        valid = (1 <= parts[:, 1]) & (parts[:, 1] <= 12)
        if not valid.all():
            at = int(np.flatnonzero(~valid)[0])
            raise _fault(cells[at], name, rows[at], "a month")
        return Times(12 * (parts[:, 0] - 1970) + parts[:, 1] - 1, "month")
    utc = form is _ZONED and all(cell.endswith("Z") for cell in cells)
    if form is _ISO or utc:
        try:
            plain = [cell[:-1] for cell in cells] if utc else cells
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return _coarsened(np.array(plain, "datetime64[us]").astype(np.int64))
        except ValueError:
            pass  # find the faulty cell below
    instants = np.empty(len(cells), np.int64)
    for i, cell in enumerate(cells):
        try:
            instants[i] = _instant(cell)
        except ValueError:
            raise _fault(cell, name, rows[i], "a valid date") from None
    return _coarsened(instants)


def _instant(cell: str) -> int:
    """Return microseconds since 1970 of a date; with a time zone, of the same instant in UTC."""
    if match := _LOOSE.fullmatch(cell):
        year, month, day, hour, minute, second, fraction = match.groups()
        cell = f"{year}-{month:0>2}-{day:0>2}"
        if hour:
            cell += f"T{hour:0>2}:{minute}:{second or '00'}{(fraction or '')[:7]}"
    date, _, clock = cell.replace(" ", "T").partition("T")
    if clock and clock[1] == ":":
        clock = f"0{clock}"
    value = datetime.fromisoformat(f"{date}T{clock}" if clock else date)
    if offset := value.utcoffset():
        value -= offset
    return (value.replace(tzinfo=None) - _EPOCH) // timedelta(microseconds=1)


def _coarsened(instants: np.ndarray) -> Times:
    """Return instants in microseconds as numbers of the largest unit that fits them.

    Dates are years or months if there is at most one in each and they are all at its beginning, at
    its end, or on the same day.
    """
    if (instants % _DAY).any():
        sizes: tuple[tuple[Unit, int], ...] = (
            ("hour", 3_600_000_000),
            ("minute", 60_000_000),
            ("second", 1_000_000),
        )
        for unit, size in sizes:
            if not (instants % size).any():
                return Times(instants // size, unit)
        return Times(instants / 1e6, "second")
    days = instants // _DAY
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    day = (dates - months.astype("datetime64[D]")).astype(np.int64)  # from 0
    gaps = np.diff(np.unique(days))
    if len(gaps) and gaps.min() >= 26 and ((day < 5).all() or (day > 23).all() or np.ptp(day) == 0):
        count = months.astype(np.int64)
        if gaps.min() >= 360 and np.ptp(count % 12) == 0:
            return Times(dates.astype("datetime64[Y]").astype(np.int64), "year")
        if len(np.unique(count)) == len(gaps) + 1:
            return Times(count, "month")
    return Times(days, "day")


def _fault(cell: str, name: str, row: int, wanted: str) -> UploadError:
    shown = f"{display_name(cell)!r:.40}" if cell else "an empty cell"
    return UploadError(
        f"The CSV file has {shown} in row {row:,}, column {name!r:.40}, where {wanted} should be."
    )
