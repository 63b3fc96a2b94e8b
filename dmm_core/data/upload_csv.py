"""The bytes of an untrusted table (CSV) as sequences: a row is a frame, a column a feature."""

import csv
import math
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from dmm_core.data.upload_parsed import ParsedFile
from dmm_core.data.upload_report import UploadOptions, display_name
from dmm_core.data.upload_values import MAX_FEATURES, Values, check_shape, counted, parsed_values
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import MAX_FRAMES

__all__ = ["MAX_CELL", "MAX_LINE", "parse_csv"]

MAX_CELL = 200
"""Characters of a cell."""

MAX_LINE = 64 * 1024
"""Bytes of a line."""

_MISSING = frozenset({"", "na", "nan"})
_BLANK = frozenset({"", "NA", "nan", "NaN"})  # the usual spellings, told apart quickly
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

    The first row is a header where one of its cells is no number. Then the column `sequence` starts
    a new sequence whenever its value changes, columns whose names start with `u_` or `u:` are
    actions, and columns without a name are left out. Empty cells, NA and nan are missing values.

    Raises:
        UploadError: in one plain sentence, if the file is refused.
    """
    lines = _lines(data)
    with _cells_of_at_most(MAX_CELL):
        try:
            return _parse(lines, options)
        except csv.Error as error:
            what = "a cell longer than" if "field larger" in str(error) else "quotes unlike"
            limit = f"{MAX_CELL} characters" if "field larger" in str(error) else "CSV's"
            raise UploadError(f"The CSV file has {what} {limit}.") from None


def _lines(data: bytes) -> list[str]:
    """The lines of the file, once their number and lengths are known to be modest."""
    if not data.strip():
        raise UploadError("The file is empty.")
    if b"\0" in data:
        raise UploadError("The CSV file is not text: it holds a zero byte.")
    plain = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if plain.count(b"\n") > MAX_FRAMES + 1:
        raise UploadError(f"The CSV file has over {MAX_FRAMES:,} rows.")
    rows = plain.split(b"\n")
    for number, row in enumerate(rows, start=1):
        if len(row) > MAX_LINE:
            raise UploadError(
                f"The CSV file has {len(row):,} bytes in row {number:,}, but at most {MAX_LINE:,} "
                "are read."
            )
    try:
        return plain.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        number = plain.count(b"\n", 0, error.start) + 1
        raise UploadError(f"The CSV file is not UTF-8 text in row {number:,}.") from None


@contextmanager
def _cells_of_at_most(characters: int) -> Iterator[None]:
    before = csv.field_size_limit(characters)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _parse(lines: list[str], options: UploadOptions) -> ParsedFile:
    first = next(line for line in lines if line.strip())
    # A spreadsheet writes what its country uses.
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    below = lines[lines.index(first) + 1 :]
    table = _Table(is_plain=not any("_" in line or not line.isascii() for line in below))
    for cells in reader:
        if cells:
            table.add(cells, reader.line_num)
    return table.finish(options)


class _Table:
    """Takes up one row after another, as 64-bit numbers."""

    def __init__(self, is_plain: bool) -> None:
        self.is_plain = is_plain  # holds nothing that Python alone takes for a number
        self.columns: _Columns | None = None
        self.x, self.u, self.rows = array("d"), array("d"), array("L")
        self.starts: list[int] = []
        self.titles: list[str] = []
        self.has_header = False
        self._sequence: str | None = None

    def add(self, cells: list[str], row: int) -> None:
        if self.columns is None:
            self.has_header = not all(map(_is_value, cells))
            self.columns = _columns(cells) if self.has_header else _anonymous(len(cells))
            if self.has_header:
                return
        columns = self.columns
        if len(cells) != len(columns.names):
            raise UploadError(
                f"The CSV file has {counted(len(cells), 'cell')} in row {row:,}, but "
                f"{len(columns.names):,} in its first."
            )
        if len(self.rows) >= MAX_FRAMES:
            raise UploadError(f"The CSV file has over {MAX_FRAMES:,} rows.")
        name = None if columns.sequence is None else cells[columns.sequence].strip()
        if not self.rows or name != self._sequence:
            self.starts.append(len(self.rows))
            self.titles.append("" if name is None else display_name(name))
            self._sequence = name
        self.rows.append(row)
        self._take(cells, columns.features, self.x, row)
        self._take(cells, columns.actions, self.u, row)

    def _take(self, cells: list[str], which: Sequence[int], into: array, row: int) -> None:
        if self.is_plain:
            chosen = [cells[index] for index in which]
            try:
                into.extend([math.nan if cell in _BLANK else float(cell) for cell in chosen])
                return
            except ValueError:  # which one, and how it is written, is found out below
                pass
        for index in which:
            try:
                into.append(_number(cells[index]))
            except ValueError:
                name = self.columns.names[index] if self.columns else ""
                raise UploadError(
                    f"The CSV file has {display_name(cells[index])!r:.40} in row {row:,}, column "
                    f"{name!r:.40}, where a number should be."
                ) from None

    def finish(self, options: UploadOptions) -> ParsedFile:
        columns, frames = self.columns, len(self.rows)
        if columns is None or not frames:
            raise UploadError("The CSV file has a header, but no row of numbers.")
        check_shape(frames, len(columns.features))
        rows = self.rows
        values = Values(
            x=np.frombuffer(self.x).reshape(frames, -1),
            lengths=tuple(np.diff([*self.starts, frames]).tolist()),
            titles=tuple(self.titles),
            place=lambda index: f"row {rows[index]:,}",
            u=np.frombuffer(self.u).reshape(frames, -1) if columns.actions else None,
        )
        changes = []
        if columns.unnamed:
            changes.append(f"Left out {counted(len(columns.unnamed), 'column')} without a name.")
        return parsed_values(values, options, tuple(changes))


def _is_value(cell: str) -> bool:
    try:
        _number(cell)
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
        if cell.strip().casefold() in _MISSING:
            return math.nan
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
    unnamed = tuple(i for i, name in enumerate(names) if not name)
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
