"""Reads untrusted files of music or numbers; the public functions for uploads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from dmm_core.data.uploads.child import parse_in_child
from dmm_core.data.uploads.join import CombinedFiles
from dmm_core.data.uploads.kinds import EXTENSIONS, MUSIC_EXTENSIONS, file_kind
from dmm_core.data.uploads.parsed import ROLES, Column, FileKind, ParsedFile, Role, TableError
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
    "ROLES",
    "Column",
    "FileReport",
    "Role",
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
"""Largest size of a file in bytes."""

MAX_FILES = 200
"""Largest number of files of an upload."""


def read_files(
    files: Sequence[tuple[str, bytes]],
    options: UploadOptions,
    progress: Callable[[float, str], None] | None = None,
) -> UploadReport:
    """Read files, each in a limited child process; a refused file does not affect the others.

    All files must have the same number of features and actions as the first file that is read, and
    all or none of them must be music.

    Args:
        files: (name, content) of each file. The kind of a file is determined from its first bytes,
            or from its name if they do not suffice.
        options: how the files become sequences.
        progress: called after each file with the fraction of files that are done, 0 to 1, and the
            name of the file.

    Returns:
        The sequences of all files that were read, and a report about each file.

    Raises:
        UploadError: if there are more than `MAX_FILES` files.
    """
    if len(files) > MAX_FILES:
        raise UploadError(f"There are {len(files):,} files, but at most {MAX_FILES} are read.")
    combined, reports = CombinedFiles(), []
    kinds: list[FileKind] = [file_kind(name, data) for name, data in files]
    pool = ThreadPoolExecutor(max_workers=2)
    try:
        outcomes = pool.map(lambda i: _read(files[i][1], kinds[i], options), range(len(files)))
        for i, outcome in enumerate(outcomes):
            name = display_name(files[i][0])
            reports.append(_report(name, kinds[i], outcome, combined))
            if progress:
                progress((i + 1) / len(files), name)
    finally:
        pool.shutdown(cancel_futures=True)  # stop reading if the user leaves the page
    return combined.report(tuple(reports))


def read_file(
    name: str, data: bytes, options: UploadOptions | None = None
) -> tuple[FileReport, ParsedFile | None]:
    """Read one file as `read_files` does, without combining it with others.

    Args:
        name: name of the file.
        data: content of the file.
        options: how the file becomes sequences.

    Returns:
        The report about the file, and its content, or None if the file was refused.
    """
    kind = file_kind(name, data)
    outcome = _read(data, kind, options or UploadOptions())
    report = _report(display_name(name), kind, outcome, CombinedFiles())
    return report, None if isinstance(outcome, UploadError) or report.refusal else outcome


def inspect_file(name: str, data: bytes, options: UploadOptions | None = None) -> FileReport:
    """Return the report of `read_file`."""
    return read_file(name, data, options)[0]


def _report(
    name: str, kind: FileKind, outcome: ParsedFile | UploadError, combined: CombinedFiles
) -> FileReport:
    """Add a parsed file to `combined` and return its report; `outcome` may be a refusal."""
    if isinstance(outcome, UploadError):
        columns = outcome.columns if isinstance(outcome, TableError) else ()
        return FileReport(name, kind, refusal=str(outcome), columns=columns)
    try:
        changes = combined.add(name, outcome)
    except UploadError as refusal:
        return FileReport(name, kind, refusal=str(refusal), columns=outcome.columns)
    return FileReport(
        name=name,
        kind=kind,
        sequences=len(outcome.lengths),
        frames=len(outcome.x),
        notes=outcome.notes,
        changes=(*outcome.changes, *changes),
        columns=outcome.columns,
    )


def _read(data: bytes, kind: FileKind, options: UploadOptions) -> ParsedFile | UploadError:
    """Return the parsed file, or the refusal."""
    if len(data) > MAX_BYTES:
        return UploadError(f"The file has {len(data):,} bytes, but at most {MAX_BYTES:,} are read.")
    try:
        return parse_in_child(data, kind, options)
    except UploadError as refusal:
        return refusal
