"""A table whose first row is all numbers: is that row a header that a program wrote?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dmm_core.data.uploads.values import pluralise
from dmm_core.music.pianoroll import PITCHES

__all__ = ["Headerless", "read_headerless"]

_ENOUGH = 3  # columns from 0 on that are hardly a row of values


class Headerless(NamedTuple):
    """Which part of a table without names is values.

    Attributes:
        columns: indices of the columns that hold values.
        skipped: rows at the beginning that are a header: 0 or 1.
        changes: what this means, in sentences.
    """

    columns: np.ndarray
    skipped: int
    changes: list[str]


def read_headerless(first: Sequence[str], x: np.ndarray) -> Headerless:
    """Find the header and the row numbers that pandas writes for data without names.

    Names such as 0, 1, 2 are numbers too. They are taken for a header where three columns or more
    count from 0, or where consecutive numbers stand above nothing but 0 and 1.

    Args:
        first: cells of the first row.
        x: (rows, columns) all rows, NaN where a value is missing.
    """
    changes: list[str] = []
    first = [cell.strip() for cell in first]
    columns = np.arange(x.shape[1])
    skipped, has_index = _pandas(first, x)
    if skipped:
        names = [cell for cell in first if cell]
        changes.append(f"Read the first row ({names[0]} to {names[-1]}) as a header.")
    elif _is_doubtful(first, x):
        changes.append(
            f"Read the first row ({', '.join(first)}) as values; if it is a header, use names that "
            "are words."
        )
    if not has_index and x.shape[1] == PITCHES + 1:
        has_index = _counts(x[skipped:, 0]) and _is_binary(x[skipped:, 1:])
    if has_index:
        columns = columns[1:]
        changes.append("Left out the first column, which numbers the rows.")
    empty = np.isnan(x[skipped:, columns]).all(axis=0)
    if empty.any() and not empty.all():
        columns = columns[~empty]
        changes.append(f"Left out {pluralise(int(empty.sum()), 'column')} without any value.")
    return Headerless(columns, skipped, changes)


def _pandas(first: list[str], x: np.ndarray) -> tuple[int, bool]:
    """Rows of a header (0 or 1), and whether the first column numbers the rows."""
    indexed = not first[0]
    names, below = x[0, indexed:], x[1:, indexed:]
    whole = all(cell.isdecimal() for cell in first[indexed:])
    if not whole or not len(below) or (np.diff(names) != 1).any():
        return 0, False
    if indexed and names[0] == 0 and (len(names) > 1 or _counts(x[1:, 0])):
        return 1, True
    above_binary = _is_binary(below) and not _is_binary(names)
    if len(names) >= _ENOUGH and (names[0] == 0 or above_binary):
        return 1, indexed
    return 0, False


def _is_doubtful(first: list[str], x: np.ndarray) -> bool:
    """Whether 0, or 0 and 1, could be the names that pandas writes, or a row of values."""
    return first in (["0"], ["0", "1"]) and len(x) > 1 and not _is_binary(x[1:])


def _counts(column: np.ndarray) -> bool:
    return np.array_equal(column, np.arange(len(column)))


def _is_binary(x: np.ndarray) -> bool:
    return bool(((x == 0) | (x == 1) | np.isnan(x)).all())
