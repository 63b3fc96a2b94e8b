"""Reads single lines of notes from untrusted files of music: in a limited child process."""

import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import get_args

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dmm_core.data.uploads.child import limits_for
from dmm_core.data.uploads.kinds import file_kind
from dmm_core.data.uploads.parsed import FileKind
from dmm_core.data.uploads.reader import MAX_BYTES
from dmm_core.data.uploads.report import display_name
from dmm_core.data.uploads.score import score_changes, score_of_mxl, skipped_tunes_change
from dmm_core.data.uploads.values import pluralise
from dmm_core.errors import DMMError, UploadError
from dmm_core.music.abc_notation import TuneBook, read_abc_parts
from dmm_core.music.key import Key
from dmm_core.music.meter import Meter
from dmm_core.music.midi import read_midi
from dmm_core.music.score import notes_of_parts, read_parts
from dmm_core.music.voice_files import (
    MAX_BEATS,
    MAX_LINES,
    Line,
    LinesFile,
    lines_of_midi,
    lines_of_score,
    piece_from_lines,
)
from dmm_core.music.voices import STEPS
from dmm_core.system.limited_child import read_in_child, serve

__all__ = ["main", "parse_lines", "read_lines"]

_log = logging.getLogger(__name__)


def read_lines(name: str, data: bytes) -> LinesFile:
    """Read the lines of an untrusted MIDI, MusicXML or ABC file in a limited child process.

    All lines are returned whole, up to `MAX_LINES` lines and `MAX_BEATS` quarter notes. Of an ABC
    file it is the first tune that can be read.

    Args:
        name: name of the file; only its extension is used, where the first bytes do not tell what
            the file is.
        data: content of the file, at most `MAX_BYTES`.

    Raises:
        UploadError: if the file is refused or parsing reaches a limit. The message is one sentence.
    """
    if len(data) > MAX_BYTES:
        raise UploadError(f"The file has {len(data):,} bytes, but at most {MAX_BYTES:,} are read.")
    kind = file_kind(name, data)
    answer = read_in_child(__name__, (kind,), data, limits_for(kind))
    try:
        return _decode(answer)
    except (ValueError, LookupError, TypeError, DMMError):
        _log.warning("a child process gave an invalid answer: %s", answer[:200])
        raise UploadError("The file cannot be read.") from None


def parse_lines(data: bytes, kind: FileKind) -> LinesFile:
    """Parse an untrusted file. Call this only in a process with limits on time and memory.

    Args:
        data: content of the file.
        kind: kind of the file, as `file_kind` returns it.

    Raises:
        UploadError: if the file is refused.
    """
    more: tuple[str, ...]
    if kind == "midi":
        score = read_midi(data)
        file, more = lines_of_midi(score), tuple(_midi_changes(score.drums, score.unreleased))
    elif kind in ("musicxml", "mxl"):
        parts = read_parts(score_of_mxl(data) if kind == "mxl" else data)
        file, more = lines_of_score(parts), tuple(score_changes([notes_of_parts(parts)]))
    elif kind == "abc":
        tune = read_abc_parts(data)
        file = lines_of_score(tune.parts)._replace(tempo=tune.tempo)
        more = (
            *([f"Read the first of {tune.tunes:,} tunes."] if tune.tunes > 1 else []),
            *score_changes([tune.score]),
            *skipped_tunes_change(TuneBook((tune.score,), tune.skipped)),
        )
    elif not data:
        raise UploadError("The file is empty.")
    else:
        raise UploadError("The file is none of MIDI, MusicXML (.musicxml, .xml, .mxl) and ABC.")
    lines = (line._replace(name=display_name(line.name)) for line in file.lines)
    return file._replace(lines=tuple(lines), changes=(*file.changes, *more))


def _midi_changes(drums: int, unreleased: int) -> Iterator[str]:
    """Yield sentences about notes that the parser left out."""
    if drums:
        yield f"Left out {pluralise(drums, 'drum note')}."
    if unreleased:
        yield f"Left out {pluralise(unreleased, 'note')} without an end."


def _encode(file: LinesFile) -> bytes:
    """Encode `file` as a line of JSON and its arrays as safetensors."""
    line = {
        "names": [line.name for line in file.lines],
        "meter": file.meter and (file.meter.beats, file.meter.upbeat),
        "tempo": file.tempo,
        "key": file.key,
        "changes": file.changes,
    }
    arrays = {
        "pitches": np.stack([line.pitches for line in file.lines]),
        "onsets": np.stack([line.onsets for line in file.lines]),
    }
    if file.fermatas is not None:
        arrays["fermatas"] = file.fermatas
    return json.dumps(line).encode() + b"\n" + save(arrays)


def _decode(answer: bytes) -> LinesFile:
    """Decode the result of `_encode`.

    Raises:
        ValueError, LookupError, TypeError, DMMError: if `answer` is no result of it.
    """
    text, _, content = answer.partition(b"\n")
    try:
        values, arrays = json.loads(text), load(content)
    except (SafetensorError, RecursionError):
        raise ValueError("The answer is not JSON and safetensors.") from None
    names, pitches, onsets = values["names"], arrays["pitches"], arrays["onsets"]
    fermatas = arrays.get("fermatas")
    if not 1 <= len(names) <= MAX_LINES or pitches.shape[1] > MAX_BEATS * STEPS:
        raise ValueError("There are too many lines, or they are too long.")
    if (pitches.dtype, onsets.dtype) != (np.int16, bool):
        raise ValueError("Pitches or onsets have another type.")
    if not onsets.any(axis=1).all() or pitches.min() < -1 or pitches.max() > 127:
        raise ValueError("A line has no note, or a pitch is no MIDI pitch.")
    rows = zip(map(str, names), pitches, onsets, strict=True)
    lines = tuple(Line(*row) for row in rows)
    piece_from_lines(lines, fermatas)  # checks that onsets and fermatas fit the pitches
    meter, tempo, key = values["meter"], values["tempo"], values["key"]
    return LinesFile(
        lines=lines,
        meter=None if meter is None else Meter(*meter),
        fermatas=fermatas,
        tempo=None if tempo is None else float(tempo),
        key=None if key is None else Key(int(key[0]) % 12, bool(key[1])),
        changes=tuple(map(str, values["changes"])),
    )


def main() -> None:
    """Run the child: parse standard input; the argument is the kind of the file."""
    kind: FileKind = next(kind for kind in get_args(FileKind) if kind == sys.argv[1])
    warnings.simplefilter("ignore")  # the parent does not show them
    serve(lambda data: _encode(parse_lines(data, kind)), limits_for(kind))


if __name__ == "__main__":
    main()
