"""Reads the notes of the tunes in ABC files, with times in quarter notes.

lytk parses ABC and converts each tune to MusicXML in memory, which `score` then reads. This module
splits the file into tunes, so that a tune that cannot be read does not affect the others, and it
checks the limits.
Source: the ABC notation standard 2.1 (2011).
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple
from xml.etree import ElementTree

from dmm_core.errors import UploadError
from dmm_core.music.abc_tune import FIELD, MAX_LINE, MAX_TUNE_TEXT, Tune
from dmm_core.music.midi_scan import MAX_QUARTERS
from dmm_core.music.score import ScoreNotes, ScoreParts, notes_of_parts, parts_of_musicxml
from dmm_core.music.score_xml import NOT_XML

__all__ = [
    "MAX_BYTES",
    "MAX_NOTES",
    "MAX_TUNES",
    "MAX_TUNE_NOTES",
    "MAX_TUNE_TEXT",
    "TuneBook",
    "TuneParts",
    "read_abc",
    "read_abc_parts",
]

MAX_BYTES = 4 * 2**20
"""Largest size of a file in bytes, about 60 for each note."""

MAX_NOTES = 60_000
"""Largest number of notes and rests of a file."""

MAX_TUNE_NOTES = 30_000
"""Largest number of notes and rests of a tune."""

MAX_TUNES = 5_000
"""Largest number of tunes of a file."""

_MAX_HEAD = 500  # lines before the first tune, which apply to all tunes
_MAX_MESSAGE = 100  # characters of a message of lytk
_TUNE = re.compile(r"X:(?![|:\]])")


class _SkippedTune(Exception):
    """Raised with a clause that says why a tune is not read."""


class TuneBook(NamedTuple):
    """The tunes of an ABC file.

    Attributes:
        tunes: tunes that were read.
        skipped: (title, reason) of each tune that was not read.
    """

    tunes: tuple[ScoreNotes, ...]
    skipped: tuple[tuple[str, str], ...]


class TuneParts(NamedTuple):
    """The first tune of an ABC file that can be read.

    Attributes:
        parts: its voices.
        score: its notes.
        tempo: its first tempo in quarter notes per minute, or None.
        tunes: number of tunes of the file.
        skipped: as in `TuneBook`, of the tunes before it.
    """

    parts: ScoreParts
    score: ScoreNotes
    tempo: float | None
    tunes: int
    skipped: tuple[tuple[str, str], ...]


def read_abc(data: bytes) -> TuneBook:
    """Read the tunes of an untrusted ABC file; tunes that cannot be read are skipped.

    Raises:
        UploadError: if the file is refused, or no tune can be read.
    """
    read, skipped = [], []
    for tune in _read_tunes(data):
        try:
            read.append(_score(tune)[1])
        except (_SkippedTune, UploadError) as error:
            skipped.append((tune.title, str(error).removesuffix(".")))
    if not read:
        raise _no_tune(skipped)
    return TuneBook(tuple(read), tuple(skipped))


def read_abc_parts(data: bytes) -> TuneParts:
    """Read the first tune of an untrusted ABC file that can be read.

    Raises:
        UploadError: if the file is refused, or no tune can be read.
    """
    skipped = []
    tunes = _read_tunes(data)
    for tune in tunes:
        try:
            return TuneParts(*_score(tune), tune.tempo, len(tunes), tuple(skipped))
        except (_SkippedTune, UploadError) as error:
            skipped.append((tune.title, str(error).removesuffix(".")))
    raise _no_tune(skipped)


def _no_tune(skipped: list[tuple[str, str]]) -> UploadError:
    why = f": {skipped[0][1]}" if len(skipped) == 1 else ""
    return UploadError(f"The ABC file holds no tune that can be read{why}.")


def _read_tunes(data: bytes) -> list[Tune]:
    """Prepare the tunes of a file for lytk, and check the limits on their notes."""
    if len(data) > MAX_BYTES:
        raise UploadError(
            f"The ABC file has {len(data):,} bytes, but at most {MAX_BYTES:,} are read."
        )
    notes, tunes = 0, []
    for lines in _tunes(_lines(data)):
        tunes.append(Tune(lines))
        notes += tunes[-1].notes
        if notes > MAX_NOTES:
            raise UploadError(f"The ABC file has over {MAX_NOTES:,} notes and rests.")
    if not tunes:
        raise UploadError(
            "The ABC file holds no tune: a tune begins with X: and has a K: field and notes."
        )
    return tunes


def _lines(data: bytes) -> list[str]:
    """Decode a file into lines, and check their lengths."""
    if b"\0" in data:
        raise UploadError("The ABC file is not text: it holds a zero byte.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # the encoding of older collections
    lines = [line.strip() for line in re.split(r"\r\n?|\n", NOT_XML.sub(" ", text))]
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE:
            raise UploadError(
                f"The ABC file has {len(line):,} characters in line {number:,}, but at most "
                f"{MAX_LINE:,} are read."
            )
    return lines


def _tunes(lines: list[str]) -> Iterator[list[str]]:
    """Yield the lines of each tune, with the fields before the first tune, which apply to all."""
    starts = [at for at, line in enumerate(lines) if _TUNE.match(line)]
    if not starts and any(line.startswith("K:") for line in lines):
        starts, lines = [0], ["X:1", *lines]  # a single tune may lack its number
    head = lines[: min(starts, default=0)]
    head = [line for line in head if FIELD.match(line) or line.startswith("%%")]
    if len(starts) > MAX_TUNES or len(head) > _MAX_HEAD:
        raise UploadError(
            f"The ABC file has {len(starts):,} tunes and {len(head):,} fields before the first, "
            f"but at most {MAX_TUNES:,} and {_MAX_HEAD} are read."
        )
    for start, end in pairwise([*starts, len(lines)]):
        yield [lines[start], *head, *lines[start + 1 : end]]


def _score(tune: Tune) -> tuple[ScoreParts, ScoreNotes]:
    """Return the parts and the notes of a tune, read by lytk."""
    if tune.notes > MAX_TUNE_NOTES:
        raise _SkippedTune(
            f"it has some {tune.notes:,} notes and rests, but at most {MAX_TUNE_NOTES:,} are read"
        )
    if len(tune.text) > MAX_TUNE_TEXT:
        raise _SkippedTune(
            f"it has {len(tune.text):,} characters, but at most {MAX_TUNE_TEXT:,} are read"
        )
    if tune.fault:
        raise _SkippedTune(tune.fault)
    import lytk

    try:
        parsed = lytk.from_abc_string(tune.text)
        quarters = lytk.info(parsed)["duration_quarters"]
        if quarters > MAX_QUARTERS:
            raise _SkippedTune(
                f"it lasts {quarters:,.0f} quarter notes, but at most {MAX_QUARTERS:,} are read"
            )
        written = lytk.to_musicxml(parsed)
    except lytk.ParseError as error:
        # An example is "parse error: ABC tune has no K: line (no body)".
        raise _SkippedTune(str(error).partition(": ")[2].partition(";")[0][:_MAX_MESSAGE]) from None
    except (lytk.LytkError, ValueError):
        raise _SkippedTune("its note lengths cannot be computed") from None
    parts = parts_of_musicxml(ElementTree.fromstring(written), as_written=True)
    score = notes_of_parts(parts)
    if not score.notes:
        raise _SkippedTune("it holds no pitched notes")
    return parts, score._replace(
        title=tune.title,
        counts=score.counts + tune.counts,
        jumps=tuple(dict.fromkeys((*score.jumps, *sorted(tune.jumps)))),
    )
