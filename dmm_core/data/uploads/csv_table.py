"""Parses untrusted tables (CSV): a row is a frame, and each column has a role."""

import csv
import math
import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from dmm_core.data.spec import MAX_FEATURES
from dmm_core.data.uploads.columns import ColumnReader, is_kept_as_text, is_unnamed
from dmm_core.data.uploads.csv_header import detect_header
from dmm_core.data.uploads.frames import TableContent, parsed_table
from dmm_core.data.uploads.parsed import Column, ParsedFile, Role, TableError
from dmm_core.data.uploads.report import UploadOptions, display_name
from dmm_core.data.uploads.text import SPACE, delimiter_of, table_lines
from dmm_core.data.uploads.times import is_date
from dmm_core.data.uploads.values import check_shape, pluralise
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import MAX_FRAMES

__all__ = ["MAX_CELL", "parse_csv"]

MAX_CELL = 200
"""Largest number of characters of a cell."""

_MISSING = frozenset({"", "na", "nan", "n/a", "#n/a", "<na>", "null", "none", "."})
# Common cells that float() does not accept, or that a dictionary looks up faster.
_COMMON_WORDS = dict.fromkeys(("", "NA", "nan", "NaN"), math.nan) | {"True": 1.0, "False": 0.0}
_BOOLEANS = {"true": 1.0, "false": 0.0}
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*")
# 1,000, which is ambiguous if commas also separate cells
_THOUSANDS = re.compile(r"\s*[+-]?\d{1,3},\d{3}\s*")
_DECIMAL_POINT = re.compile(r"""(?:^|[,;\t" ])[+-]?\d*\.\d""")
_PAIR = re.compile(r"[+-]?\d+,\d+")  # two integers, or one number with a decimal comma
_MAX_SHOWN = 20  # characters of a number in a message
_SAMPLE_ROWS = 50  # rows from which the kinds of columns are recognised
_MAX_TEXTS = 8  # columns whose cells are kept as text
_MAX_COLUMNS = 4 * MAX_FEATURES


def parse_csv(data: bytes, options: UploadOptions) -> ParsedFile:
    """Parse a table.

    The first row is a header if one of its cells is neither a number nor a date, or if it is a
    header that pandas writes for columns without names (see `detect_header`). `recognise`
    determines the roles of the columns that `options` do not set. Empty cells, NA, nan and similar
    words are missing values.

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
    table = _Table(lines, delimiter, options)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells:
                table.add(cells, reader.line_num)
        return table.finish()
    except TableError:
        raise
    except UploadError as refusal:
        raise TableError(str(refusal), table.described()) from None


class _Table:
    """Collects the rows of a table: numbers as float64 values, and a few columns as text.

    The first rows are kept until they tell what the columns hold.
    """

    def __init__(self, lines: list[str], delimiter: str, options: UploadOptions) -> None:
        self.lines = lines
        self.delimiter = delimiter
        self.options = options
        first = next((line for line in lines if line.strip()), "")
        below = lines[lines.index(first) + 1 :]
        # Without _ and non-ASCII digits, float() accepts only ordinary numbers.
        self.is_plain = not any("_" in line or not line.isascii() for line in below)
        self.buffer: list[tuple[list[str], int]] | None = []
        self.names: tuple[str, ...] = ()
        self.first: list[str] | None = None  # cells of the first row, unless it has names
        self.numbers: tuple[int, ...] = ()  # indices of the columns of numbers
        self.texts: dict[int, list[str]] = {}
        self.samples: dict[int, list[str]] = {}  # the first cells of columns, for `described`
        self.x, self.rows = array("d"), array("L")
        self.comma = ""  # first number with a decimal comma
        # Empty rows count as frames with missing values only if a row with values follows.
        self._empty: list[tuple[list[str], int]] = []

    def add(self, cells: list[str], row: int) -> None:
        """Add the cells of a row; `row` is its line number in the file."""
        if self.buffer is None:
            self._add_row(cells, row)
            return
        self.buffer.append((cells, row))
        if len(self.buffer) > _SAMPLE_ROWS:
            self._begin(self.buffer)

    def _begin(self, buffer: list[tuple[list[str], int]]) -> None:
        """Recognise the header and what the columns hold, and add the rows that were kept."""
        self.buffer = None
        first, *below = (cells for cells, _ in buffer)
        filled = [cells for cells in below if any(map(str.strip, cells))]
        if self._is_header(first, filled):
            self.names = tuple(display_name(c.strip()) if c.strip() else "" for c in first)
            buffer = buffer[1:]
        else:
            check_shape(1, len(first))
            self.names = tuple(str(number) for number in range(1, len(first) + 1))
            self.first = first
            filled = [first, *filled]
        numbers = []
        for i, name in enumerate(self.names):
            role = self.options.roles.get(name) if name else None
            if role == "ignore":
                continue
            cells = (cells[i].strip() for cells in filled if i < len(cells))
            sample = [cell for cell in cells if cell.casefold() not in _MISSING]
            self.samples[i] = sample
            if is_kept_as_text(name, role, sample):
                if len(self.texts) < _MAX_TEXTS:
                    self.texts[i] = []
                elif any(map(_is_value, sample)) or role is not None:
                    numbers.append(i)
            elif not is_unnamed(name) or role is not None:
                numbers.append(i)
        self.numbers = tuple(numbers)
        if len(numbers) > _MAX_COLUMNS:
            raise UploadError(
                f"The CSV file has {len(numbers):,} columns of features, but 1 to "
                f"{MAX_FEATURES:,} are read."
            )
        for cells, row in buffer:
            self._add_row(cells, row)

    def _is_header(self, first: list[str], below: Sequence[list[str]]) -> bool:
        """Return whether the first row has names: a cell that is neither a number nor a date."""
        for i, cell in enumerate(first):
            under = below[0][i] if below and i < len(below[0]) else ""
            if not _is_value(cell) and not (
                is_date(cell) and (not under.strip() or not _is_value(under))
            ):
                return True
        return False

    def _add_row(self, cells: list[str], row: int) -> None:
        if not any(map(str.strip, cells)):
            self._empty.append((cells, row))
            return
        for earlier in self._empty:
            self._add(*earlier)
        self._empty.clear()
        self._add(cells, row)

    def _add(self, cells: list[str], row: int) -> None:
        width = len(self.names)
        if len(cells) != width:
            if len(cells) < width or any(map(str.strip, cells[width:])):
                raise UploadError(
                    f"The CSV file has {pluralise(len(cells), 'cell')} in row {row:,}, but "
                    f"{width:,} in its first{self._hint(cells)}."
                )
            del cells[width:]
        if len(self.rows) >= MAX_FRAMES:
            raise UploadError(f"The CSV file has over {MAX_FRAMES:,} rows.")
        self.rows.append(row)
        for index, kept in self.texts.items():
            kept.append(cells[index])
        self._append(cells, row)

    def _hint(self, cells: list[str]) -> str:
        """Return advice if commas in this row seem to be decimal commas, otherwise ""."""
        is_double = len(cells) == 2 * len(self.names)
        if self.delimiter != "," or not is_double or not all(map(_is_value, cells)):
            return ""
        return "; if its numbers have decimal commas, separate cells with semicolons"

    def _append(self, cells: list[str], row: int) -> None:
        """Append the numbers of a row."""
        # Fast path: convert all cells at once.
        if self.is_plain:
            chosen = [cells[index] for index in self.numbers]
            if self.comma:
                chosen = [cell.replace(",", ".") for cell in chosen]
            try:
                self.x.extend(
                    [_COMMON_WORDS[c] if c in _COMMON_WORDS else float(c) for c in chosen]
                )
                return
            except ValueError:
                pass
        # Slow path: a cell is a less common word, has a decimal comma, or is not a number.
        for index in self.numbers:
            self.x.append(self._parsed(cells[index], self.names[index], row))

    def _parsed(self, cell: str, name: str, row: int) -> float:
        """Return the number in a cell; `name` is that of its column.

        Raises:
            UploadError: if it is no number.
        """
        text = cell
        if "," in cell and self._has_decimal_comma(cell):
            self.comma = self.comma or cell.strip()
            text = cell.replace(",", ".")
        try:
            return _number(text)
        except ValueError:
            shown = "" if self.first is None and not name else name
            raise UploadError(
                f"The CSV file has {display_name(cell)!r:.40} in row {row:,}, column "
                f"{shown!r:.40}, where a number should be."
            ) from None

    def _has_decimal_comma(self, cell: str) -> bool:
        if self.delimiter == "," and _THOUSANDS.fullmatch(cell):
            return False
        return _DECIMAL_COMMA.fullmatch(cell) is not None

    def finish(self) -> ParsedFile:
        """Return the sequences of the table after its last row."""
        if self.buffer:
            self._begin(self.buffer)
        frames = len(self.rows)
        if not frames:
            raise UploadError("The CSV file has a header, but no row of numbers.")
        x = np.frombuffer(self.x).reshape(frames, len(self.numbers)) if self.numbers else None
        changes: list[str] = []
        columns = {index: at for at, index in enumerate(self.numbers)}
        skipped = 0
        if self.first is not None and not self.texts and x is not None:
            check_shape(frames, len(columns))
            header = detect_header(self.first, x)
            skipped = header.skipped
            columns = {int(i): at for at, i in enumerate(header.columns)}
            x = x[skipped:, header.columns]
            changes += [*header.changes, *self._ambiguous_pairs(x)]
        unnamed = [i for i, name in enumerate(self.names) if is_unnamed(name)]
        if left := sum(i not in self.texts and i not in columns for i in unnamed):
            changes.append(f"Left out {pluralise(left, 'column')} without a name.")
        if self._empty:
            changes.append(f"Left out {pluralise(len(self._empty), 'empty row')} at the end.")
        rows = np.array(self.rows[skipped:])
        parsed: dict[int, np.ndarray] = {}

        def numbers(index: int) -> np.ndarray:
            if index in columns and x is not None:
                return x[:, columns[index]]
            if index not in parsed:
                cells = zip(self.texts[index], rows.tolist(), strict=True)
                name = self.names[index]
                parsed[index] = np.array([self._parsed(cell, name, row) for cell, row in cells])
            return parsed[index]

        skipped_columns = {*range(len(self.names))} - columns.keys() - self.texts.keys()
        reader = ColumnReader(
            self.names,
            self.texts,
            numbers,
            frozenset(skipped_columns),
            rows,
            headed=self.first is None,
        )
        content = TableContent(reader, x, columns, self._is_whole(), self._decimal_commas)
        return parsed_table(content, self.options, changes)

    def described(self) -> tuple[Column, ...]:
        """Return the columns of a table that cannot be read, with the roles that are likely."""
        columns = []
        for i, name in enumerate(self.names):
            if i in self.samples and not is_unnamed(name):
                dates = bool(self.samples[i]) and is_date(self.samples[i][0])
                likely: Role = "time" if dates else "sequence" if i in self.texts else "feature"
                role = self.options.roles.get(name, likely)
                values = dict.fromkeys(display_name(cell)[:30] for cell in self.samples[i])
                columns.append(Column(name, role, tuple(values)[:3]))
            elif self.options.roles.get(name) == "ignore":
                columns.append(Column(name, "ignore"))
        return tuple(columns)

    def _is_whole(self) -> bool:
        """Return whether no number has a decimal point or comma."""
        return not self.comma and not any(_DECIMAL_POINT.search(line) for line in self.lines)

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
