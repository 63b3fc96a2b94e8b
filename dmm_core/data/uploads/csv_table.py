"""The bytes of an untrusted table (CSV) as sequences: a row is a frame, a column a feature."""

import csv
import math
import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from dmm_core.data.spec import MAX_FEATURES
from dmm_core.data.uploads.csv_header import read_headerless
from dmm_core.data.uploads.parsed import ParsedFile
from dmm_core.data.uploads.report import UploadOptions, display_name
from dmm_core.data.uploads.text import SPACE, delimiter_of, table_lines
from dmm_core.data.uploads.values import Values, check_shape, parsed_values, pluralise
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import MAX_FRAMES

__all__ = ["MAX_CELL", "parse_csv"]

MAX_CELL = 200
"""Characters of a cell."""

_MISSING = frozenset({"", "na", "nan", "n/a", "#n/a", "<na>", "null", "none"})
# The usual spellings of what is not a number to Python, told apart quickly.
_WORDS = dict.fromkeys(("", "NA", "nan", "NaN"), math.nan) | {"True": 1.0, "False": 0.0}
_BOOLEANS = {"true": 1.0, "false": 0.0}
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*")
_THOUSANDS = re.compile(r"\s*[+-]?\d{1,3},\d{3}\s*")  # where a comma separates cells as well
_DECIMAL_POINT = re.compile(r"""(?:^|[,;\t" ])[+-]?\d*\.\d""")
_TWO_OR_ONE = re.compile(r"[+-]?\d+,\d+")  # two whole numbers, or one with a decimal comma
_UNNAMED = re.compile(r"unnamed: \d+")  # what pandas calls a column without a name
_SHOWN = 20  # characters of a number in a sentence
_SEQUENCE = "sequence"
_ACTIONS = ("u_", "u:")


class _Columns(NamedTuple):
    """What each column is: indices into a row."""

    names: tuple[str, ...]
    features: tuple[int, ...]
    actions: tuple[int, ...]
    sequence: int | None
    unnamed: tuple[int, ...]


def parse_csv(data: bytes, options: UploadOptions) -> ParsedFile:
    """Read a table.

    The first row is a header where one of its cells is not a number, or where it is one that pandas
    writes for columns without names. In a table with a header, rows of the same value in the column
    `sequence` are a sequence, columns whose names start with `u_` or `u:` are actions, and columns
    without a name are left out. Empty cells, NA, nan and the like are missing values.

    Raises:
        UploadError: in one plain sentence, if the file is refused.
    """
    lines = table_lines(data)
    with _cells_of_at_most(MAX_CELL):
        try:
            return _parse(lines, options)
        except csv.Error as error:
            what = "a cell longer than" if "field larger" in str(error) else "quotes unlike"
            limit = f"{MAX_CELL} characters" if "field larger" in str(error) else "CSV's"
            raise UploadError(f"The CSV file has {what} {limit}.") from None


@contextmanager
def _cells_of_at_most(characters: int) -> Iterator[None]:
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
    """Takes up one row after another, as 64-bit numbers."""

    def __init__(self, lines: list[str], delimiter: str) -> None:
        self.lines = lines
        self.delimiter = delimiter
        first = next((line for line in lines if line.strip()), "")
        below = lines[lines.index(first) + 1 :]
        # holds nothing that only Python takes for a number
        self.is_plain = not any("_" in line or not line.isascii() for line in below)
        self.columns: _Columns | None = None
        self.first: list[str] | None = None  # the cells of the first row, unless it has names
        self.x, self.u, self.rows = array("d"), array("d"), array("L")
        self.sequences: dict[str, int] = {}
        self.which = array("L")  # sequence of each row
        self.comma = ""  # the first number with a decimal comma
        self._empty: list[tuple[list[str], int]] = []  # rows, until one with a value follows

    def add(self, cells: list[str], row: int) -> None:
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
        self.which.append(self.sequences.setdefault(name, len(self.sequences)))
        self.rows.append(row)
        self._take(cells, columns.features, self.x, row)
        self._take(cells, columns.actions, self.u, row)

    def _hint(self, cells: list[str]) -> str:
        twice = self.columns is not None and len(cells) == 2 * len(self.columns.names)
        if self.delimiter != "," or not twice or not all(map(_is_value, cells)):
            return ""
        return "; if its numbers have decimal commas, separate cells with semicolons"

    def _take(self, cells: list[str], which: Sequence[int], into: array, row: int) -> None:
        if self.is_plain:
            chosen = [cells[index] for index in which]
            if self.comma:
                chosen = [cell.replace(",", ".") for cell in chosen]
            try:
                into.extend([_WORDS[c] if c in _WORDS else float(c) for c in chosen])
                return
            except ValueError:  # which one, and how it is written, is found out below
                pass
        for index in which:
            cell = cells[index]
            if "," in cell and self._has_decimal_comma(cell):
                self.comma = self.comma or cell.strip()
                cell = cell.replace(",", ".")
            try:
                into.append(_number(cell))
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
        columns, frames = self.columns, len(self.rows)
        if columns is None or not frames:
            raise UploadError("The CSV file has a header, but no row of numbers.")
        check_shape(frames, len(columns.features))
        x, changes = np.frombuffer(self.x).reshape(frames, -1), []
        skipped = 0
        if self.first is not None:
            found = read_headerless(self.first, x)
            skipped = found.skipped
            x, frames = x[skipped:, found.columns], frames - skipped
            changes += [*found.changes, *self._two_or_one(x)]
        if columns.unnamed:
            changes.append(f"Left out {pluralise(len(columns.unnamed), 'column')} without a name.")
        if self._empty:
            changes.append(f"Left out {pluralise(len(self._empty), 'empty row')} at the end.")
        changes += self._commas()
        which = np.array(self.which[skipped:])
        order = np.argsort(which, kind="stable")
        lengths = np.bincount(which)
        if (returning := int((np.diff(which) != 0).sum()) + 1) > len(lengths):
            changes.append(
                "Joined the rows of each sequence in the order of the file: "
                f"{len(lengths):,} names stand in {returning:,} places."
            )
        rows = np.array(self.rows[skipped:])[order]
        u = np.frombuffer(self.u).reshape(frames, -1)[order] if columns.actions else None
        values = Values(
            x=x[order],
            lengths=tuple(lengths.tolist()),
            titles=tuple(
                "" if columns.sequence is None else display_name(name) for name in self.sequences
            ),
            place=lambda index: f"row {rows[index]:,}",
            u=u,
        )
        return parsed_values(values, options, tuple(changes))

    def _commas(self) -> Iterator[str]:
        if not self.comma:
            return
        example = display_name(self.comma)[:_SHOWN]
        if any(_DECIMAL_POINT.search(line) for line in self.lines):
            raise UploadError(
                f"The CSV file has {example} and also numbers with a point; its decimals should be "
                "written in one way."
            )
        yield f"Read commas as decimal commas: {example} is {example.replace(',', '.')}."

    def _two_or_one(self, x: np.ndarray) -> Iterator[str]:
        """Both readings of a table whose lines are such as 1,5."""
        lines = [line.strip() for line in self.lines if line.strip()]
        binary = ((x == 0) | (x == 1)).all()
        if x.shape[1] == 2 and not binary and all(map(_TWO_OR_ONE.fullmatch, lines)):
            shown = lines[0][:_SHOWN]
            yield (
                f"Found no header and read {shown} as two values, {shown.replace(',', ' and ')}; "
                f"if it is one number with a decimal comma, write {shown.replace(',', '.')}."
            )


def _is_value(cell: str) -> bool:
    try:
        _number(cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell)
    except ValueError:
        return False
    return True


def _number(cell: str) -> float:
    """The number of a cell, NaN where it is missing.

    Raises:
        ValueError: if it is neither; Python's 1_000 and Arabic digits are no numbers of a table.
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
    names = tuple(display_name(cell.strip()) if cell.strip() else "" for cell in header)
    lower = [name.casefold() for name in names]
    if lower.count(_SEQUENCE) > 1:
        raise UploadError("The CSV file has several columns called sequence, but one is read.")
    sequence = lower.index(_SEQUENCE) if _SEQUENCE in lower else None
    unnamed = tuple(i for i, name in enumerate(lower) if not name or _UNNAMED.fullmatch(name))
    actions = tuple(i for i, name in enumerate(lower) if name.startswith(_ACTIONS))
    other = {*unnamed, *actions, sequence}
    features = tuple(i for i in range(len(names)) if i not in other)
    for which, what in ((features, "features"), (actions or (0,), "actions")):
        if not 1 <= len(which) <= MAX_FEATURES:
            raise UploadError(
                f"The CSV file has {len(which):,} columns of {what}, but 1 to {MAX_FEATURES:,} "
                "are read."
            )
    return _Columns(names, features, actions, sequence, unnamed)


def _anonymous(width: int) -> _Columns:
    check_shape(1, width)
    return _Columns(
        tuple(str(number) for number in range(1, width + 1)), tuple(range(width)), (), None, ()
    )
