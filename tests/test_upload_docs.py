"""What docs/data.md says of own data is so."""

import re
from pathlib import Path

import numpy as np

from dmm_core.data.uploads import (
    archive as upload_zip,
    child as upload_child,
    csv_table as upload_csv,
    parsed as upload_parsed,
    reader as uploads,
    score as upload_score,
    text as upload_text,
    values as upload_values,
)
from dmm_core.data.uploads.kinds import EXTENSIONS, parse_file
from dmm_core.data.uploads.reader import UploadOptions
from dmm_core.music import abc_notation, abc_tune, midi_chunks, midi_scan, pianoroll, score_scan

TEXT = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
SECTION = TEXT.partition("## Your own data")[2].partition("\n## ")[0]
BLOCKS = [
    re.sub(r"^ {4,6}", "", block, flags=re.MULTILINE)
    for block in re.findall(r"(?:^ {4,6}\S.*\n)+", SECTION, flags=re.MULTILINE)
]


def block(begin):
    (found,) = [b for b in BLOCKS if b.startswith(begin)]
    return found.encode()


def test_the_table_of_limits_is_the_code():
    limits = SECTION.partition("### Limits")[2]
    for value, unit in (
        (uploads.MAX_BYTES // 2**20, " MB; an upload"),
        (uploads.MAX_FILES, " files |"),
        (pianoroll.MAX_FRAMES, " frames"),
        (upload_parsed.MAX_MEMORY // 2**20, " MB of values"),
        (upload_values.MAX_FEATURES, " features"),
        (midi_chunks.MAX_TRACKS, " tracks"),
        (midi_scan.MAX_EVENTS, " events"),
        (midi_scan.MAX_QUARTERS, " quarters"),
        (score_scan.MAX_NOTES, " notes and rests, "),
        (score_scan.MAX_ELEMENTS, " elements"),
        (abc_notation.MAX_NOTES, " notes and rests, lines"),
        (abc_tune.MAX_LINE, " characters"),
        (upload_text.MAX_LINE, " bytes"),
        (upload_csv.MAX_CELL, " characters"),
        (abc_notation.MAX_TUNE_NOTES, " notes and 20,000 quarters |"),
        (abc_notation.MAX_BYTES // 2**20, " MB, 5,000 tunes"),
        (abc_notation.MAX_TUNES, " tunes"),
        (abc_notation.MAX_TUNE_TEXT, " characters, 100 voices"),
        (abc_tune.MAX_VOICES, " voices, 30,000 notes"),
        (upload_zip.MAX_MEMBERS, " members"),
        (upload_score.MAX_MEMBERS, "), 64 MB"),
        (upload_zip.MAX_UNPACKED // 2**20, " MB unpacked"),
        (upload_zip.RATIO_EXEMPT_BYTES // 2**20, " MB at most a hundredfold"),
        (upload_child.LIMITS.memory // 2**20, " MB of memory"),
        (upload_child.LIMITS.cpu, " s of processor time"),
        (upload_child.SCORE_LIMITS.cpu, " s for\nscores"),
    ):
        assert f"{value:,}{unit}" in limits, (value, unit)
    assert upload_zip.MAX_RATIO == 100


def test_every_ending_is_named():
    assert [e for e in EXTENSIONS if f"`.{e}`" not in SECTION] == []


def test_the_examples_are_read_as_they_say():
    tune = parse_file(block("X:1"), "abc", UploadOptions())
    scale = [62, 64, 66, 67, 69, 71, 73, 74]
    assert [int(np.flatnonzero(frame)[0]) + 21 for frame in tune.x[:8]] == scale
    table = parse_file(block("date,"), "csv", UploadOptions())
    assert (table.lengths, table.titles) == ((2, 1), ("Bergen", "Lima"))
    assert table.u is not None and table.u.tolist() == [[0], [1], [0]]
    assert table.c is not None and table.c.tolist() == [[1], [1], [3]]
    assert table.observed is not None and table.observed.tolist() == [[1], [0], [1]]
    assert table.time is not None and (table.time.unit, table.time.step) == ("month", 1)
    assert table.features == ("temperature (C)",)
