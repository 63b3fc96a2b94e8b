"""Recognises the role of each column of an untrusted table from its name and its values."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dmm_core.data.uploads.parsed import Role
from dmm_core.data.uploads.times import (
    Times,
    combined_times,
    is_date,
    is_row_number,
    is_time_of_day,
    regular_grid,
    times_of,
)
from dmm_core.errors import UploadError

__all__ = ["ColumnReader", "Roles", "are_words", "is_kept_as_text", "is_unnamed", "recognise"]

SEQUENCE = "sequence"
_SEQUENCE_NAMES = frozenset(
    "sequence series sequence_id series_id unique_id id subject subject_id patient patient_id "
    "item_id trial trial_id group".split()
)
_TIME_NAMES = ("time", "date", "datetime", "timestamp", "ds")
"""Names of columns that have to hold times."""

_LIKELY_TIME_NAMES = (
    *("t", "year", "yr", "period", "yearmonth", "year_month", "yyyymm", "yyyymmdd"),
    *("decimal date", "decimal_date", "index", "step", "frame"),
)
"""Names of columns that hold times if no value is missing or twice in a sequence."""

_CALENDAR_NAMES = frozenset(
    "month quarter week weekday dayofweek day_of_week day dayofyear day_of_year hour minute "
    "second holiday".split()
)
"""Names of columns that repeat, and are known in advance."""

_COUNTING_NAMES = frozenset("rownames row rowid row_id no nr obs observation index id #".split())
_ACTION_PREFIXES, _COVARIATE_PREFIXES = ("u_", "u:"), ("c_", "c:")
_UNNAMED = re.compile(r"unnamed: \d+")  # name that pandas gives to a column without one
_LIKE_A_NUMBER = re.compile(r"[+\-.,\s]*\d|\W*$|[+-]?(?:true|false|inf|infinity|nan)$", re.I)
_MIN_REGULAR = 8  # rows from which a column is recognised as times by its values alone
_MOST_FILLED = 1.25  # frames of the grid for each row, for such a column


class Roles(NamedTuple):
    """The roles of all columns.

    Attributes:
        roles: role of each column.
        times: times of the rows, or None.
        time_name: name of the column of times; several names are joined by spaces.
        changes: sentences for the report.
    """

    roles: list[Role]
    times: Times | None
    time_name: str
    changes: list[str]


class ColumnReader(NamedTuple):
    """Access to the columns of a table that was read.

    Attributes:
        names: name of each column; "" for a column without a name.
        texts: cells of the columns that were kept as text, by index.
        numbers: function from the index of a column to its (rows,) float64 values, NaN where one is
            missing. It raises UploadError if a cell is no number.
        skipped: indices of columns that were not kept.
        rows: (rows,) row number in the file.
        headed: whether the columns have names.
    """

    names: Sequence[str]
    texts: Mapping[int, list[str]]
    numbers: Callable[[int], np.ndarray]
    skipped: frozenset[int]
    rows: np.ndarray
    headed: bool

    def maybe_numbers(self, index: int) -> np.ndarray | None:
        """Return the numbers of a column, or None if a cell is no number or one is missing."""
        try:
            found = self.numbers(index)
        except UploadError:
            return None
        return found if np.isfinite(found).all() else None

    def raw(self, index: int) -> list[str] | np.ndarray:
        """Return the cells of a column that was kept as text, otherwise its numbers."""
        return self.texts[index] if index in self.texts else self.numbers(index)

    def has_dates(self, index: int) -> bool:
        """Return whether the first cell of a column is a date."""
        cells = self.texts.get(index, ())
        return is_date(next((cell for cell in cells if cell.strip()), ""))


def is_unnamed(name: str) -> bool:
    """Return whether a column has no name."""
    return not name or _UNNAMED.fullmatch(name.casefold()) is not None


def is_kept_as_text(name: str, role: Role | None, sample: Sequence[str]) -> bool:
    """Return whether the cells of a column are kept as text, because they may be times or ids.

    Args:
        name: name of the column.
        role: role that the user chose, or None.
        sample: the first cells that are not empty.
    """
    if role is not None:
        return role in ("time", "sequence")
    if sample and all(map(is_date, sample)):
        return True
    if is_unnamed(name):
        return False
    lower = name.casefold()
    named = lower in _SEQUENCE_NAMES or lower in (*_TIME_NAMES, *_LIKELY_TIME_NAMES)
    return named or lower in _CALENDAR_NAMES or are_words(sample)


def are_words(cells: Sequence[str]) -> bool:
    """Return whether cells are words or times of day, and none of them is a number with a unit."""
    return bool(cells) and all(
        is_time_of_day(cell) or not _LIKE_A_NUMBER.match(cell) for cell in cells
    )


def recognise(table: ColumnReader, chosen: Mapping[str, Role]) -> Roles:
    """Determine the role of every column.

    Args:
        table: the columns.
        chosen: role of a column by its name, where the user chose one; the others are recognised.

    Raises:
        UploadError: if the roles contradict one another, or the times cannot be read.
    """
    names = table.names
    fixed: list[Role | None] = [chosen.get(name) if name else None for name in names]
    lower = [name.casefold() for name in names]
    if lower.count(SEQUENCE) > 1 or fixed.count("sequence") > 1:
        raise UploadError(
            "The CSV file has several columns named sequence, but only one is allowed."
            if lower.count(SEQUENCE) > 1
            else "Several columns have the role sequence, but only one may have it."
        )
    free = [i for i, role in enumerate(fixed) if role is None and i not in table.skipped]
    sequence = fixed.index("sequence") if "sequence" in fixed else _sequence(table, free)
    free = [i for i in free if i != sequence]
    found = _Time(table, sequence).find([i for i, r in enumerate(fixed) if r == "time"], free)
    changes: list[str] = []
    roles: list[Role] = []
    for i, role in enumerate(fixed):
        if role is not None and i not in found.columns:
            roles.append(role)
        elif i in found.columns:
            roles.append("time")
        elif i == sequence:
            roles.append("sequence")
        elif i in table.skipped:
            roles.append("ignore")
        else:
            roles.append(_other(table, i, found, changes))
    changes += _about_text(table, roles, fixed)
    return Roles(roles, found.times, " ".join(names[i] for i in found.columns), changes)


def _sequence(table: ColumnReader, free: Sequence[int]) -> int | None:
    """Return the index of the column that names the sequence of each row, or None."""
    lower = [name.casefold() for name in table.names]
    if SEQUENCE in lower and lower.index(SEQUENCE) in free:
        return lower.index(SEQUENCE)
    named = [i for i in free if lower[i] in _SEQUENCE_NAMES and i in table.texts]
    texts = [i for i in free if i in table.texts and _is_text(table, i) and i not in named]
    for i in named:
        if len(set(table.texts[i])) <= len(table.rows) / 2:
            return i
    likely = (*_TIME_NAMES, *_LIKELY_TIME_NAMES)
    times = [i for i in table.texts if i in free and (lower[i] in likely or table.has_dates(i))]
    for i in texts:
        words = table.texts[i]
        distinct = len(set(words))
        if not 2 <= distinct < len(words):
            continue
        # Words name sequences if times are unique only within them; or, without times, if the rows
        # with the same word are together. Other words describe the frames of one sequence.
        if times:
            cells = table.texts[times[0]]
            pairs = len(set(zip(words, cells, strict=True)))
            if len(set(cells)) < len(cells) == pairs:
                return i
        elif distinct <= len(words) / 2 and 1 + sum(a != b for a, b in pairwise(words)) == distinct:
            return i
    return None


def _is_text(table: ColumnReader, index: int) -> bool:
    """Return whether a column holds words, neither dates nor numbers."""
    lower = table.names[index].casefold()
    if lower in (*_TIME_NAMES, *_LIKELY_TIME_NAMES) or lower in _CALENDAR_NAMES:
        return False
    cells = [cell for cell in table.texts[index][:50] if cell.strip()]
    return not table.has_dates(index) and not any(map(is_time_of_day, cells)) and are_words(cells)


def _other(table: ColumnReader, i: int, found: "_Found", changes: list[str]) -> Role:
    """Return the role of a column that is neither the time nor the sequence."""
    name = table.names[i]
    lower = name.casefold()
    if lower.startswith(_ACTION_PREFIXES):
        return "action"
    if lower.startswith(_COVARIATE_PREFIXES):
        return "covariate"
    if i in table.texts and (_is_text(table, i) or table.has_dates(i)):
        return "ignore"
    if found.times is None:
        return "feature"
    values = table.maybe_numbers(i)
    if values is None:
        return "feature"
    if lower in _COUNTING_NAMES and is_row_number(values):
        changes.append(f"Left out the column {name}, which numbers the rows.")
        return "ignore"
    if lower in _CALENDAR_NAMES:
        return "covariate"
    if lower in (*_TIME_NAMES, *_LIKELY_TIME_NAMES) and _rises_with(found.times, values):
        changes.append(f"Left out the column {name}, a second column of times.")
        return "ignore"
    return "feature"


def _rises_with(times: Times, values: np.ndarray) -> bool:
    """Return whether values never fall as time goes on."""
    return bool((np.diff(values[np.argsort(times.values, kind="stable")]) >= 0).all())


def _about_text(
    table: ColumnReader, roles: Sequence[Role], fixed: Sequence[Role | None]
) -> list[str]:
    """Return a sentence about columns of text that were left out."""
    left = [
        table.names[i]
        for i, role in enumerate(roles)
        if role == "ignore"
        and fixed[i] is None
        and not is_unnamed(table.names[i])
        and (i in table.skipped or (i in table.texts and _is_text(table, i)))
    ]
    if not left:
        return []
    shown = ", ".join(left[:5]) + (", ..." if len(left) > 5 else "")
    columns = "the column" if len(left) == 1 else f"{len(left):,} columns of text:"
    return [
        f"Left out {columns} {shown}{', which holds text' if len(left) == 1 else ''}.",
    ]


class _Found(NamedTuple):
    """The columns of times, by index, and the times; none of both if there is no such column."""

    columns: tuple[int, ...] = ()
    times: Times | None = None


class _Time:
    """Finds the column of times."""

    def __init__(self, table: ColumnReader, sequence: int | None) -> None:
        self.table = table
        self.lower = [name.casefold() for name in table.names]
        if sequence is None:
            self.groups = np.zeros(len(table.rows), np.int64)
        else:
            ids: dict[str, int] = {}
            cells = table.texts[sequence]
            self.groups = np.array([ids.setdefault(cell.strip(), len(ids)) for cell in cells])

    def find(self, chosen: Sequence[int], free: Sequence[int]) -> _Found:
        """Return the columns of times: those that were chosen, or else recognised ones."""
        if len(chosen) == 1:
            # A column of dates may have its time of day in another column.
            return self._dates(chosen[0], free) or self._one(chosen[0])
        if chosen:
            found = self._combined(chosen)
            if found is None or set(found.columns) != set(chosen):
                names = ", ".join(self.table.names[i] for i in chosen)
                raise UploadError(
                    f"The columns {names} all have the role time; only year, quarter, month and "
                    "day, or a date and a time of day, are read together."
                )
            return found
        return self._recognised(free)

    def _recognised(self, free: Sequence[int]) -> _Found:
        for i in free:
            if self.table.has_dates(i):
                return self._dates(i, free) or self._one(i)
        named = [i for i in free if self.lower[i] in ("year", "quarter", "month", "day")]
        if (found := self._combined(named)) and self._is_valid(found.times):
            return found
        for i in free:
            if self.lower[i] in _TIME_NAMES and not self._is_clock(i):
                return self._one(i)
        for i in free:
            if self.lower[i] in _LIKELY_TIME_NAMES:
                values = self.table.maybe_numbers(i)
                if values is not None and self._is_valid(found := self._one(i).times):
                    return _Found((i,), found)
        return self._by_values(free)

    def _one(self, index: int) -> _Found:
        return _Found(
            (index,),
            times_of(self.table.raw(index), self.table.names[index], self.table.rows.tolist()),
        )

    def _is_clock(self, index: int) -> bool:
        cells = self.table.texts.get(index, ())
        return is_time_of_day(next((cell for cell in cells if cell.strip()), ""))

    def _dates(self, index: int, others: Sequence[int]) -> _Found | None:
        """Return the times of a column of days, and of a column of times of day if there is one."""
        cells = self.table.texts.get(index, [])
        if not self.table.has_dates(index) or any(":" in cell for cell in cells[:20]):
            return None
        for other in others:
            if other != index and other in self.table.texts and self._is_clock(other):
                clocks = self.table.texts[other]
                joined = [
                    f"{day.strip()} {clock.strip()}".strip()
                    for day, clock in zip(cells, clocks, strict=True)
                ]
                name = f"{self.table.names[index]} {self.table.names[other]}"
                times = times_of(joined, name, self.table.rows.tolist())
                return _Found((index, other), times)
        return None

    def _combined(self, columns: Sequence[int]) -> _Found | None:
        """Return the times of columns of years, quarters, months and days."""
        if len(columns) == 2:
            for one, other in (columns, columns[::-1]):
                if found := self._dates(one, [other]):
                    return found
        by_name = {self.lower[i]: i for i in reversed(columns)}
        for parts in (("year", "month", "day"), ("year", "month"), ("year", "quarter")):
            if all(part in by_name for part in parts):
                chosen = [by_name[part] for part in parts]
                values = [self.table.maybe_numbers(i) for i in chosen]
                if any(value is None for value in values):
                    return None
                pairs = [(p, v) for p, v in zip(parts, values, strict=True) if v is not None]
                return _Found(tuple(chosen), combined_times(pairs, self.table.rows.tolist()))
        return None

    def _by_values(self, free: Sequence[int]) -> _Found:
        """Return the first column if its values rise in equal steps within each sequence."""
        others = [i for i in free if not self.lower[i].startswith(_ACTION_PREFIXES)]
        if not self.table.headed or len(others) < 2 or len(self.table.rows) < _MIN_REGULAR:
            return _Found()
        values = self.table.maybe_numbers(others[0])
        if values is None or self.lower[others[0]] in _COUNTING_NAMES:
            return _Found()
        times = self._one(others[0]).times
        return _Found((others[0],), times) if self._is_valid(times, regular=True) else _Found()

    def _is_valid(self, times: Times | None, *, regular: bool = False) -> bool:
        """Return whether no time is twice in a sequence; if `regular`, also that they rise."""
        if times is None:
            return False
        order = np.lexsort((times.values, self.groups))
        ordered = times.values[order]
        within = np.diff(self.groups[order]) == 0
        if (np.diff(ordered)[within] == 0).any():
            return False
        if not regular:
            return True
        stable = np.argsort(self.groups, kind="stable")
        if not np.array_equal(stable, order):
            return False
        lengths = np.bincount(self.groups)
        if lengths.max() < _MIN_REGULAR:
            return False
        sorted_times = Times(ordered, times.unit)
        _, grid = regular_grid(sorted_times, lengths, self.table.rows[order])
        if grid is None:
            return False
        ends = np.cumsum(lengths) - 1
        return bool(grid.frames[ends].sum() + len(lengths) <= _MOST_FILLED * len(ordered))
