"""Untrusted music files: read into sequences, and kept as data sets called upload:ID."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dmm_core.data.sequences import Sequences
from dmm_core.data.upload_child import parse_in_child
from dmm_core.data.upload_midi import ParsedMidi
from dmm_core.data.upload_report import FileReport, UploadOptions, UploadReport, display_name
from dmm_core.data.upload_store import (
    UploadInfo,
    delete_upload,
    list_uploads,
    load_upload,
    store_upload,
)
from dmm_core.errors import UploadError
from dmm_core.music.pianoroll import MAX_FRAMES

__all__ = [
    "MAX_BYTES",
    "MAX_FILES",
    "FileReport",
    "UploadInfo",
    "UploadOptions",
    "UploadReport",
    "delete_upload",
    "inspect_file",
    "list_uploads",
    "load_upload",
    "read_files",
    "store_upload",
]

MAX_BYTES = 20 * 2**20
"""Bytes of one file."""

MAX_FILES = 200
"""Files of one upload."""


def read_files(
    files: Sequence[tuple[str, bytes]],
    options: UploadOptions,
    progress: Callable[[float, str], None] | None = None,
) -> UploadReport:
    """Read MIDI files, each in a limited process of its own; one refused spoils no other.

    Args:
        files: (name, bytes) of each. Its bytes decide what a file is; its name is only shown.
        options: how the music becomes piano-rolls.
        progress: called with the share that is done, 0 to 1, and the name of the file just read.

    Raises:
        UploadError: if there are more than `MAX_FILES`.
    """
    if len(files) > MAX_FILES:
        raise UploadError(f"There are {len(files):,} files, but at most {MAX_FILES} are read.")
    arrays, names, reports, frames = [], [], [], 0
    pool = ThreadPoolExecutor(max_workers=2)
    try:
        outcomes = pool.map(lambda file: _read(file[1], options), files)
        for done, ((name, _), outcome) in enumerate(zip(files, outcomes, strict=True), start=1):
            name = display_name(name)
            if not isinstance(outcome, str) and frames + len(outcome.roll) > MAX_FRAMES:
                outcome = f"With this file the upload would have over {MAX_FRAMES:,} frames."
            if isinstance(outcome, str):
                reports.append(FileReport(name, "midi", refusal=outcome))
            else:
                frames += len(outcome.roll)
                arrays.append(outcome.roll.astype(np.uint8))
                names.append(name)
                reports.append(
                    FileReport(name, "midi", len(outcome.roll), outcome.notes, outcome.changes)
                )
            if progress:
                progress(done / len(files), name)
    finally:
        pool.shutdown(cancel_futures=True)  # a page that is left does not keep reading
    sequences = Sequences(tuple(arrays), tuple(names)) if arrays else None
    return UploadReport(sequences, tuple(reports))


def inspect_file(name: str, data: bytes, options: UploadOptions | None = None) -> FileReport:
    """What `read_files` would make of one file."""
    return read_files([(name, data)], options or UploadOptions()).files[0]


def _read(data: bytes, options: UploadOptions) -> ParsedMidi | str:
    """The parsed file, or why it is refused."""
    if len(data) > MAX_BYTES:
        return f"The file has {len(data):,} bytes, but at most {MAX_BYTES:,} are read."
    try:
        return parse_in_child(data, options)
    except UploadError as refusal:
        return str(refusal)
