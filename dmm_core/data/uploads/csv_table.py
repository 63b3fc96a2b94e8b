"""Parses untrusted tables (CSV): a row is a frame, and a column is a feature or an action."""

import csv
import math
import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from dmm_core.data.spec import MAX_FEATURES
from dmm_core.data.uploads.csv_header import detect_header
from dmm_core.data.uploads.parsed import ParsedFile
from dmm_core.data.uploads.report import UploadOptions, display_name
from dmm_core.data.uploads.text import SPACE, delimiter_of, table_lines
from dmm_core.data.uploads.values import Values, check_shape, parsed_values, pluralise
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import MAX_FRAMES

__all__ = ["MAX_CELL", "parse_csv"]

MAX_CELL = 200
"""Largest number of characters of a cell."""

_MISSING = frozenset({"", "na", "nan", "n/a", "#n/a", "<na>", "null", "none"})
# Common cells that float() does not accept, or that a dictionary looks up faster.
_COMMON_WORDS = dict.fromkeys(("", "NA", "nan", "NaN"), math.nan) | {"True": 1.0, "False": 0.0}
_BOOLEANS = {"true": 1.0, "false": 0.0}
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*")
# 1,000, which is ambiguous if commas also separate cells
_THOUSANDS = re.compile(r"\s*[+-]?\d{1,3},\d{3}\s*")
_DECIMAL_POINT = re.compile(r"""(?:^|[,;\t" ])[+-]?\d*\.\d""")
_PAIR = re.compile(r"[+-]?\d+,\d+")  # two integers, or one number with a decimal comma
_UNNAMED = re.compile(r"unnamed: \d+")  # name that pandas gives to a column without one
_MAX_SHOWN = 20  # characters of a number in a message
_SEQUENCE = "sequence"
_ACTION_PREFIXES = ("u_", "u:")


class _Columns(NamedTuple):
    """The roles of the columns, as indices into a row."""

    names: tuple[str, ...]
    features: tuple[int, ...]
    actions: tuple[int, ...]
    sequence: int | None
    unnamed: tuple[int, ...]


def parse_csv(data: bytes, options: UploadOptions) -> ParsedFile:
    """Parse a table.

    The first row is a header if one of its cells is not a number, or if it is a header that pandas
    writes for columns without names (see `detect_header`). In a table with a header, rows with the
    same value in the column `sequence` form a sequence, columns whose names start with `u_` or `u:`
    are actions, and columns without a name are ignored. Empty cells, NA, nan and similar words are
    missing values.

    Raises:
        UploadError: if the file is refused.
    """
    lines = table_lines(data)
    with _cell_limit(MAX_CELL):
        try:
            return _parse(lines, options)
        except csv.Error as error:
            if "field larger" in str(error):
                fault = f"a cell longer than {MAX_CELL} characters"
            else:
                fault = "quotation marks that do not follow the CSV format"
            raise UploadError(f"The CSV file has {fault}.") from None


@contextmanager
def _cell_limit(characters: int) -> Iterator[None]:
    """Limit the length of a cell for the `csv` module inside this context."""
    before = csv.field_size_limit(characters)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _parse(lines: list[str], options: UploadOptions) -> ParsedFile:
    delimiter = delimiter_of(lines)
    if delimiter == SPACE:
        lines = [" ".join(line.split()) for line in lines]
    table = _Table(lines, delimiter)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    for cells in reader:
        if cells:
            table.add(cells, reader.line_num)
    return table.finish(options)


class _Table:
    """Collects the rows of a table as float64 values."""

    def __init__(self, lines: list[str], delimiter: str) -> None:
        self.lines = lines
        self.delimiter = delimiter
        first = next((line for line in lines if line.strip()), "")
        below = lines[lines.index(first) + 1 :]
        # Without _ and non-ASCII digits, float() accepts only ordinary numbers.
        self.is_plain = not any("_" in line or not line.isascii() for line in below)
        self.columns: _Columns | None = None
        self.first: list[str] | None = None  # cells of the first row, unless it has names
        self.x, self.u, self.rows = array("d"), array("d"), array("L")
        self.sequences: dict[str, int] = {}
        self.sequence_of_row = array("L")
        self.comma = ""  # first number with a decimal comma
        # Empty rows count as frames with missing values only if a row with values follows.
        self._empty: list[tuple[list[str], int]] = []

    def add(self, cells: list[str], row: int) -> None:
        """Add the cells of a row; `row` is its line number in the file."""
        if self.columns is None:
            if not all(map(_is_value, cells)):
                self.columns = _columns(cells)
                return
            self.columns, self.first = _anonymous(len(cells)), cells
        if not any(map(str.strip, cells)):
            self._empty.append((cells, row))
            return
        for earlier in self._empty:
            self._add(*earlier)
        self._empty.clear()
        self._add(cells, row)

    def _add(self, cells: list[str], row: int) -> None:
        columns = self.columns or _anonymous(len(cells))
        width = len(columns.names)
        if len(cells) != width:
            if len(cells) < width or any(map(str.strip, cells[width:])):
                raise UploadError(
                    f"The CSV file has {pluralise(len(cells), 'cell')} in row {row:,}, but "
                    f"{width:,} in its first{self._hint(cells)}."
                )
            del cells[width:]
        if len(self.rows) >= MAX_FRAMES:
            raise UploadError(f"The CSV file has over {MAX_FRAMES:,} rows.")
        name = "" if columns.sequence is None else cells[columns.sequence].strip()
        self.sequence_of_row.append(self.sequences.setdefault(name, len(self.sequences)))
        self.rows.append(row)
        self._append(cells, columns.features, self.x, row)
        self._append(cells, columns.actions, self.u, row)

    def _hint(self, cells: list[str]) -> str:
        """Return advice if commas in this row seem to be decimal commas, otherwise ""."""
        is_double = self.columns is not None and len(cells) == 2 * len(self.columns.names)
        if self.delimiter != "," or not is_double or not all(map(_is_value, cells)):
            return ""
        return "; if its numbers have decimal commas, separate cells with semicolons"

    def _append(self, cells: list[str], indices: Sequence[int], to: array, row: int) -> None:
        """Append the numbers in the cells at `indices` to the array `to`."""
        # Fast path: convert all cells at once.
        if self.is_plain:
            chosen = [cells[index] for index in indices]
            if self.comma:
                chosen = [cell.replace(",", ".") for cell in chosen]
            try:
                to.extend([_COMMON_WORDS[c] if c in _COMMON_WORDS else float(c) for c in chosen])
                return
            except ValueError:
                pass
        # Slow path: a cell is a less common word, has a decimal comma, or is not a number.
        for index in indices:
            cell = cells[index]
            if "," in cell and self._has_decimal_comma(cell):
                self.comma = self.comma or cell.strip()
                cell = cell.replace(",", ".")
            try:
                to.append(_number(cell))
            except ValueError:
                name = self.columns.names[index] if self.columns else ""
                raise UploadError(
                    f"The CSV file has {display_name(cells[index])!r:.40} in row {row:,}, column "
                    f"{name!r:.40}, where a number should be."
                ) from None

    def _has_decimal_comma(self, cell: str) -> bool:
        if self.delimiter == "," and _THOUSANDS.fullmatch(cell):
            return False
        return _DECIMAL_COMMA.fullmatch(cell) is not None

    def finish(self, options: UploadOptions) -> ParsedFile:
        """Return the sequences of the table after its last row."""
        columns, frames = self.columns, len(self.rows)
        if columns is None or not frames:
            raise UploadError("The CSV file has a header, but no row of numbers.")
        check_shape(frames, len(columns.features))
        x, changes = np.frombuffer(self.x).reshape(frames, -1), []
        skipped = 0
        if self.first is not None:
            header = detect_header(self.first, x)
            skipped = header.skipped
            x, frames = x[skipped:, header.columns], frames - skipped
            changes += [*header.changes, *self._ambiguous_pairs(x)]
        if columns.unnamed:
            changes.append(f"Left out {pluralise(len(columns.unnamed), 'column')} without a name.")
        if self._empty:
            changes.append(f"Left out {pluralise(len(self._empty), 'empty row')} at the end.")
        changes += self._decimal_commas()
        # Sort the rows by sequence; the order within a sequence stays that of the file.
        sequence_of_row = np.array(self.sequence_of_row[skipped:])
        order = np.argsort(sequence_of_row, kind="stable")
        lengths = np.bincount(sequence_of_row)
        if (blocks := int((np.diff(sequence_of_row) != 0).sum()) + 1) > len(lengths):
            changes.append(
                f"Joined the rows of each sequence: the rows of {len(lengths):,} sequences are in "
                f"{blocks:,} separate blocks."
            )
        rows = np.array(self.rows[skipped:])[order]
        u = np.frombuffer(self.u).reshape(frames, -1)[order] if columns.actions else None
        values = Values(
            x=x[order],
            lengths=tuple(lengths.tolist()),
            titles=tuple(
                "" if columns.sequence is None else display_name(name) for name in self.sequences
            ),
            row_name=lambda index: f"row {rows[index]:,}",
            u=u,
        )
        return parsed_values(values, options, tuple(changes))

    def _decimal_commas(self) -> Iterator[str]:
        """Yield a sentence if the table has decimal commas."""
        if not self.comma:
            return
        example = display_name(self.comma)[:_MAX_SHOWN]
        if any(_DECIMAL_POINT.search(line) for line in self.lines):
            raise UploadError(
                f"The CSV file has {example} and also numbers with a point; all numbers should "
                "have the same decimal separator."
            )
        yield f"Read commas as decimal commas: {example} is {example.replace(',', '.')}."

    def _ambiguous_pairs(self, x: np.ndarray) -> Iterator[str]:
        """Yield a sentence with both readings of a table whose lines are like 1,5."""
        lines = [line.strip() for line in self.lines if line.strip()]
        binary = ((x == 0) | (x == 1)).all()
        if x.shape[1] == 2 and not binary and all(map(_PAIR.fullmatch, lines)):
            shown = lines[0][:_MAX_SHOWN]
            yield (
                f"Found no header and read {shown} as two values, {shown.replace(',', ' and ')}; "
                f"if it is one number with a decimal comma, write {shown.replace(',', '.')}."
            )


def _is_value(cell: str) -> bool:
    """Return whether a cell is a number or a missing value."""
    try:
        _number(cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell)
    except ValueError:
        return False
    return True


def _number(cell: str) -> float:
    """Return the number in a cell, or NaN if its value is missing.

    Raises:
        ValueError: if the cell is neither. 1_000 and non-ASCII digits, which `float` accepts, are
            not numbers here.
    """
    try:
        value = float(cell)
    except ValueError:
        word = cell.strip().casefold()
        if word in _MISSING:
            return math.nan
        if word in _BOOLEANS:
            return _BOOLEANS[word]
        raise
    if "_" in cell or not cell.isascii():
        raise ValueError(cell)
    return value


def _columns(header: list[str]) -> _Columns:
    """Return the roles of the columns from their names."""
    names = tuple(display_name(cell.strip()) if cell.strip() else "" for cell in header)
    lower = [name.casefold() for name in names]
    if lower.count(_SEQUENCE) > 1:
        raise UploadError(
            "The CSV file has several columns named sequence, but only one is allowed."
        )
    sequence = lower.index(_SEQUENCE) if _SEQUENCE in lower else None
    unnamed = tuple(i for i, name in enumerate(lower) if not name or _UNNAMED.fullmatch(name))
    actions = tuple(i for i, name in enumerate(lower) if name.startswith(_ACTION_PREFIXES))
    other = {*unnamed, *actions, sequence}
    features = tuple(i for i in range(len(names)) if i not in other)
    for indices, what in ((features, "features"), (actions or (0,), "actions")):
        if not 1 <= len(indices) <= MAX_FEATURES:
            raise UploadError(
                f"The CSV file has {len(indices):,} columns of {what}, but 1 to {MAX_FEATURES:,} "
                "are read."
            )
    return _Columns(names, features, actions, sequence, unnamed)


def _anonymous(width: int) -> _Columns:
    """Return the roles of `width` columns without names: all are features."""
    check_shape(1, width)
    return _Columns(
        tuple(str(number) for number in range(1, width + 1)), tuple(range(width)), (), None, ()
    )
