"""Decodes untrusted tables into lines, and detects the delimiter between cells."""

import codecs
import csv
import re
from collections.abc import Sequence
from itertools import islice

from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import MAX_FRAMES

__all__ = ["MAX_LINE", "SPACE", "delimiter_of", "table_lines"]

MAX_LINE = 64 * 1024
"""Largest size of a line in bytes."""

SPACE = " "
"""Delimiter that stands for any number of spaces and tabs."""

_SAMPLE_LINES = 20  # lines from which the delimiter is detected
_COMMENT = re.compile(r"\s*#+\s*[\w\"'(+-]")  # as np.savetxt marks a header; "#," is a name
_DECLARED = re.compile(r"sep=([,;\t])")  # first line of some files, written by Excel


def table_lines(data: bytes) -> list[str]:
    """Return the lines of a table, after a check of their number and lengths.

    The text is UTF-8, or UTF-16 if the file begins with a byte order mark.

    Raises:
        UploadError: if the file is refused.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = _from_utf16(data)
    if not data.strip():
        raise UploadError("The file is empty.")
    if b"\0" in data:
        raise UploadError("The CSV file is not text: it holds a zero byte.")
    plain = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if plain.count(b"\n") > MAX_FRAMES + 1:
        raise UploadError(f"The CSV file has over {MAX_FRAMES:,} rows.")
    for number, row in enumerate(plain.split(b"\n"), start=1):
        if len(row) > MAX_LINE:
            raise UploadError(
                f"The CSV file has {len(row):,} bytes in row {number:,}, but at most {MAX_LINE:,} "
                "are read."
            )
    try:
        return plain.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        number = plain.count(b"\n", 0, error.start) + 1
        raise UploadError(
            f"The CSV file is not UTF-8 text in row {number:,}; save it as CSV UTF-8."
        ) from None


def _from_utf16(data: bytes) -> bytes:
    """Convert UTF-16 text to UTF-8."""
    try:
        return data.decode("utf-16").encode()
    except UnicodeError:
        raise UploadError(
            "The CSV file begins as UTF-16 text, but it is not valid UTF-16."
        ) from None


def delimiter_of(lines: list[str]) -> str:
    """Detect the delimiter between cells: a semicolon, a tab, a comma, or `SPACE`.

    It is the first of these, in this order, that splits all of the first lines into the same number
    of cells, at least two. Semicolons are tried before commas, because where semicolons separate
    cells, commas may be decimal commas. A first line such as "sep=;" sets the delimiter.

    Args:
        lines: lines of the table. A line such as "sep=;" and comments before the table are replaced
            by empty lines in place.
    """
    first = next(i for i, line in enumerate(lines) if line.strip())
    if declared := _DECLARED.fullmatch(lines[first].strip(" ")):
        lines[first] = ""
        return declared[1]
    comments = _remove_comments(lines)
    sample = _sample(lines)
    delimiter = _common_delimiter(sample)
    if not delimiter and comments and len(sample) > 1:
        # The last comment may be the header. It is not, so remove it and try again.
        lines[comments[-1]] = ""
        sample = _sample(lines)
        delimiter = _common_delimiter(sample)
    return delimiter or max(",;\t", key=sample[0].count)


def _remove_comments(lines: list[str]) -> list[int]:
    """Remove comments before the table in place, and return their indices.

    The last comment may be the header of the table; it keeps its text without the mark.
    """
    comments: list[int] = []
    for i, line in enumerate(lines):
        if not _COMMENT.match(line):
            if line.strip():
                break
            continue
        if comments:
            lines[comments[-1]] = ""
        lines[i] = line[line.index("#") :].lstrip("# \t")
        comments.append(i)
    return comments


def _sample(lines: list[str]) -> list[str]:
    """Return the first lines that are not empty."""
    return list(islice((line for line in lines if line.strip()), _SAMPLE_LINES))


def _common_delimiter(sample: list[str]) -> str | None:
    """Return the first delimiter that splits all lines into the same number of cells."""
    for delimiter in ";\t,":
        try:
            rows = list(csv.reader(sample, delimiter=delimiter))
        except csv.Error:
            continue
        if _are_table(rows):
            return delimiter
    return SPACE if _are_table([line.split() for line in sample]) else None


def _are_table(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether all rows have the same number of cells, at least two."""
    widths = {len(row) for row in rows}
    return len(widths) == 1 and widths.pop() > 1
