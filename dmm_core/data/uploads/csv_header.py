"""Detects headers and row numbers in tables whose first row contains only numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dmm_core.data.uploads.values import pluralise
from dmm_core.music.pianoroll import PITCHES

__all__ = ["DetectedHeader", "detect_header"]

_MIN_COUNTING = 3  # columns; a first row 0, 1, 2 is more likely a header than values


class DetectedHeader(NamedTuple):
    """The parts of a table that are values, not a header or row numbers.

    Attributes:
        columns: indices of the columns that hold values.
        skipped: number of header rows at the beginning, 0 or 1.
        changes: sentences for the report that describe the decisions.
    """

    columns: np.ndarray
    skipped: int
    changes: list[str]


def detect_header(first: Sequence[str], x: np.ndarray) -> DetectedHeader:
    """Detect the header and the row numbers that pandas writes for data without names.

    Such a header consists of numbers, 0, 1, 2 and so on. The first row is taken as a header if at
    least three columns count up from 0, or if its numbers are consecutive and all values below are
    0 or 1.

    Args:
        first: cells of the first row.
        x: (rows, columns) all rows including the first; NaN where a value is missing.
    """
    changes: list[str] = []
    first = [cell.strip() for cell in first]
    columns = np.arange(x.shape[1])
    skipped, has_index = _find_header(first, x)
    if skipped:
        names = [cell for cell in first if cell]
        changes.append(f"Read the first row ({names[0]} to {names[-1]}) as a header.")
    elif _is_ambiguous(first, x):
        changes.append(
            f"Read the first row ({', '.join(first)}) as values; if it is a header, use words as "
            "names."
        )
    # A piano-roll with one column too many has row numbers in front, even without a header.
    if not has_index and x.shape[1] == PITCHES + 1:
        has_index = _counts_rows(x[skipped:, 0]) and _is_binary(x[skipped:, 1:])
    if has_index:
        columns = columns[1:]
        changes.append("Left out the first column, which numbers the rows.")
    empty = np.isnan(x[skipped:, columns]).all(axis=0)
    if empty.any() and not empty.all():
        columns = columns[~empty]
        changes.append(f"Left out {pluralise(int(empty.sum()), 'column')} without any value.")
    return DetectedHeader(columns, skipped, changes)


def _find_header(first: list[str], x: np.ndarray) -> tuple[int, bool]:
    """Return the number of header rows (0 or 1), and whether the first column numbers the rows."""
    indexed = not first[0]  # pandas leaves the name of its index column empty
    names, below = x[0, indexed:], x[1:, indexed:]
    are_integers = all(cell.isdecimal() for cell in first[indexed:])
    if not are_integers or not len(below) or (np.diff(names) != 1).any():
        return 0, False
    if indexed and names[0] == 0 and (len(names) > 1 or _counts_rows(x[1:, 0])):
        return 1, True
    above_binary = _is_binary(below) and not _is_binary(names)
    if len(names) >= _MIN_COUNTING and (names[0] == 0 or above_binary):
        return 1, indexed
    return 0, False


def _is_ambiguous(first: list[str], x: np.ndarray) -> bool:
    """Return whether a first row of 0, or of 0 and 1, could be either a header or values."""
    return first in (["0"], ["0", "1"]) and len(x) > 1 and not _is_binary(x[1:])


def _counts_rows(column: np.ndarray) -> bool:
    """Return whether a column is 0, 1, 2 and so on."""
    return np.array_equal(column, np.arange(len(column)))


def _is_binary(x: np.ndarray) -> bool:
    """Return whether every value that is not missing is 0 or 1."""
    return bool(((x == 0) | (x == 1) | np.isnan(x)).all())
