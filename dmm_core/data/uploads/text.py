"""The bytes of an untrusted table as lines of text, and how its cells are separated."""

import codecs
import csv
import re
from collections.abc import Sequence
from itertools import islice

from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import MAX_FRAMES

__all__ = ["MAX_LINE", "SPACE", "delimiter_of", "table_lines"]

MAX_LINE = 64 * 1024
"""Bytes of a line."""

SPACE = " "
"""Stands for any run of spaces and tabs between cells."""

_SAMPLE = 20  # lines that show how cells are separated
_COMMENT = re.compile(r"\s*#+\s*[\w\"'(+-]")  # np.savetxt marks a header so; "#," is a name
_DECLARED = re.compile(r"sep=([,;\t])")  # the first line that Excel reads and writes


def table_lines(data: bytes) -> list[str]:
    """The lines of a table, once their number and lengths are known to be modest.

    Text is UTF-8, or UTF-16 where the file begins with a byte order mark.

    Raises:
        UploadError: in one plain sentence, if the file is refused.
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
    try:
        return data.decode("utf-16").encode()
    except UnicodeError:
        raise UploadError("The CSV file begins as UTF-16 text, but it is not.") from None


def delimiter_of(lines: list[str]) -> str:
    """What separates the cells: a semicolon, a tab, a comma, or `SPACE`.

    It is the first of these that cuts every one of the first lines into the same number of cells.
    Semicolons come before commas, which stand inside numbers where semicolons separate them. A
    first line such as "sep=;" decides, and is blanked; so are comments before the table.
    """
    first = next(at for at, line in enumerate(lines) if line.strip())
    if declared := _DECLARED.fullmatch(lines[first].strip(" ")):
        lines[first] = ""
        return declared[1]
    comments = _uncomment(lines)
    sample = _sample(lines)
    found = _found(sample)
    if not found and comments and len(sample) > 1:
        lines[comments[-1]] = ""  # it is prose, not the names of columns
        sample = _sample(lines)
        found = _found(sample)
    return found or max(",;\t", key=sample[0].count)


def _uncomment(lines: list[str]) -> list[int]:
    """Where comments stand before the table; the last one, without its mark, may be its header."""
    comments: list[int] = []
    for at, line in enumerate(lines):
        if not _COMMENT.match(line):
            if line.strip():
                break
            continue
        if comments:
            lines[comments[-1]] = ""
        lines[at] = line[line.index("#") :].lstrip("# \t")
        comments.append(at)
    return comments


def _sample(lines: list[str]) -> list[str]:
    return list(islice((line for line in lines if line.strip()), _SAMPLE))


def _found(sample: list[str]) -> str | None:
    for delimiter in ";\t,":
        try:
            rows = list(csv.reader(sample, delimiter=delimiter))
        except csv.Error:
            continue
        if _are_table(rows):
            return delimiter
    return SPACE if _are_table([line.split() for line in sample]) else None


def _are_table(rows: Sequence[Sequence[str]]) -> bool:
    widths = {len(row) for row in rows}
    return len(widths) == 1 and widths.pop() > 1
