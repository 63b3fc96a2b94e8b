"""Untrusted files of music or numbers -> sequences, kept as data sets called upload:ID."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from dmm_core.data.uploads.child import parse_in_child
from dmm_core.data.uploads.join import Joined
from dmm_core.data.uploads.kinds import EXTENSIONS, MUSIC_EXTENSIONS, file_kind
from dmm_core.data.uploads.parsed import FileKind, ParsedFile
from dmm_core.data.uploads.report import FileReport, UploadOptions, UploadReport, display_name
from dmm_core.data.uploads.store import (
    UploadInfo,
    delete_upload,
    list_uploads,
    load_upload,
    split_sizes,
    store_upload,
)
from dmm_core.errors import UploadError

__all__ = [
    "EXTENSIONS",
    "MAX_BYTES",
    "MAX_FILES",
    "MUSIC_EXTENSIONS",
    "FileReport",
    "UploadInfo",
    "UploadOptions",
    "UploadReport",
    "delete_upload",
    "inspect_file",
    "list_uploads",
    "load_upload",
    "read_file",
    "read_files",
    "split_sizes",
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
    """Read files, each in a limited process of its own; one refused spoils no other.

    The first file that is read decides what the others have to be: as many features and actions,
    all of them music or none.

    Args:
        files: (name, bytes) of each. Its first bytes, or else its name, decide what a file is.
        options: how the files become sequences.
        progress: called with the share that is done, 0 to 1, and the name of the file just read.

    Raises:
        UploadError: if there are more than `MAX_FILES`.
    """
    if len(files) > MAX_FILES:
        raise UploadError(f"There are {len(files):,} files, but at most {MAX_FILES} are read.")
    joined, reports = Joined(), []
    kinds: list[FileKind] = [file_kind(name, data) for name, data in files]
    pool = ThreadPoolExecutor(max_workers=2)
    try:
        outcomes = pool.map(lambda at: _read(files[at][1], kinds[at], options), range(len(files)))
        for at, outcome in enumerate(outcomes):
            name = display_name(files[at][0])
            reports.append(_report(name, kinds[at], outcome, joined))
            if progress:
                progress((at + 1) / len(files), name)
    finally:
        pool.shutdown(cancel_futures=True)  # a page that is left does not keep reading
    return UploadReport(joined.sequences(), tuple(reports), joined.splits)


def read_file(
    name: str, data: bytes, options: UploadOptions | None = None
) -> tuple[FileReport, ParsedFile | None]:
    """What `read_files` would report of one file, and what was read; None where it is refused."""
    kind = file_kind(name, data)
    outcome = _read(data, kind, options or UploadOptions())
    report = _report(display_name(name), kind, outcome, Joined())
    return report, None if isinstance(outcome, str) or report.refusal else outcome


def inspect_file(name: str, data: bytes, options: UploadOptions | None = None) -> FileReport:
    """What `read_files` would report of one file."""
    return read_file(name, data, options)[0]


def _report(name: str, kind: FileKind, outcome: ParsedFile | str, joined: Joined) -> FileReport:
    """Take up a file that was read, and say what became of it."""
    if isinstance(outcome, str):
        return FileReport(name, kind, refusal=outcome)
    try:
        joined.add(name, outcome)
    except UploadError as refusal:
        return FileReport(name, kind, refusal=str(refusal))
    return FileReport(
        name=name,
        kind=kind,
        sequences=len(outcome.lengths),
        frames=len(outcome.x),
        notes=outcome.notes,
        changes=outcome.changes,
    )


def _read(data: bytes, kind: FileKind, options: UploadOptions) -> ParsedFile | str:
    """The parsed file, or why it is refused."""
    if len(data) > MAX_BYTES:
        return f"The file has {len(data):,} bytes, but at most {MAX_BYTES:,} are read."
    try:
        return parse_in_child(data, kind, options)
    except UploadError as refusal:
        return str(refusal)
