"""Detects the kind of an uploaded file, and parses it with the parser for that kind."""

import re
from collections.abc import Callable
from pathlib import PurePath

from dmm_core.data.uploads.archive import ZIP_MAGIC
from dmm_core.data.uploads.csv_table import parse_csv
from dmm_core.data.uploads.music import parse_abc, parse_midi, parse_musicxml, parse_mxl
from dmm_core.data.uploads.npz import parse_npz
from dmm_core.data.uploads.parsed import FileKind, ParsedFile
from dmm_core.data.uploads.report import UploadOptions
from dmm_core.errors import UploadError
from dmm_core.music.midi_chunks import is_midi

__all__ = ["EXTENSIONS", "MUSIC_EXTENSIONS", "file_kind", "parse_file"]

_BY_EXTENSION: dict[str, FileKind] = {
    "mid": "midi",
    "midi": "midi",
    "rmi": "midi",
    "kar": "midi",
    "musicxml": "musicxml",
    "xml": "musicxml",
    "mxl": "mxl",
    "abc": "abc",
    "csv": "csv",
    "npz": "npz",
}

EXTENSIONS = tuple(_BY_EXTENSION)
"""Extensions of the files that are read, without the dot."""

MUSIC_EXTENSIONS = EXTENSIONS[: EXTENSIONS.index("csv")]
"""Extensions of the music files among `EXTENSIONS`."""

_PARSERS: dict[FileKind, Callable[[bytes, UploadOptions], ParsedFile]] = {
    "midi": parse_midi,
    "musicxml": parse_musicxml,
    "mxl": parse_mxl,
    "abc": parse_abc,
    "csv": parse_csv,
    "npz": parse_npz,
}
_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<|\xff\xfe<\0|\xfe\xff\0<")
_TUNE = re.compile(rb"(\xef\xbb\xbf)?(%[^\n]*\n|\s)*X: *\d")


def file_kind(name: str, data: bytes) -> FileKind:
    """Return the kind of a file from its first bytes, and from its name where they do not decide.

    Args:
        name: name of the file; only its extension is used.
        data: content of the file.
    """
    by_name = _BY_EXTENSION.get(PurePath(name).suffix.lower().removeprefix("."))
    if is_midi(data):
        return "midi"
    if data.startswith(ZIP_MAGIC):
        if by_name in ("npz", "mxl"):
            return by_name
        return "npz" if b".npy" in data[:200] else "mxl"
    if _MARKUP.match(data) and by_name in (None, "mxl"):
        return "musicxml"
    if by_name:
        return by_name
    return "abc" if _TUNE.match(data[:4096]) else "unknown"


def parse_file(data: bytes, kind: FileKind, options: UploadOptions) -> ParsedFile:
    """Parse an untrusted file. Call this only in a process with limits on time and memory.

    Args:
        data: content of the file.
        kind: kind of the file, as `file_kind` returns it.
        options: how the file becomes sequences.

    Raises:
        UploadError: if the file is refused.
    """
    if kind == "unknown":
        raise UploadError(
            "The file is none of MIDI, MusicXML (.musicxml, .xml, .mxl), ABC, CSV and npz."
            if data
            else "The file is empty."
        )
    return _PARSERS[kind](data, options)
