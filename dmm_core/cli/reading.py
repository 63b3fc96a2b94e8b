"""Reads the files of the command line like uploads, and prints what was changed."""

import sys
from collections.abc import Sequence
from pathlib import Path

from dmm_core.data.uploads.reader import FileReport, UploadOptions, UploadReport, read_files
from dmm_core.errors import UploadError

__all__ = ["changes_of", "print_changes", "read_paths", "refusals_of"]


def read_paths(paths: Sequence[Path], options: UploadOptions) -> UploadReport:
    """Read files as the Data page does, each in a limited child process.

    Raises:
        UploadError: if none of them can be read.
    """
    report = read_files([(path.name, path.read_bytes()) for path in paths], options)
    if report.sequences is None:
        refused = refusals_of(report.files)
        none = f"None of the {len(refused):,} files can be read; " if len(refused) > 1 else ""
        raise UploadError(none + refused[0])
    return report


def print_changes(files: Sequence[FileReport]) -> None:
    """Print to stderr what was changed, and which files were refused."""
    told = [f"{file.name}: {change}" for file in files for change in file.changes]
    for line in (*told, *refusals_of(files)):
        print(line, file=sys.stderr)


def changes_of(files: Sequence[FileReport]) -> list[str]:
    """Sentences about what was changed; those about several files begin with their names."""
    if len(files) == 1:
        return list(files[0].changes)
    return [f"{file.name}: {change}" for file in files for change in file.changes]


def refusals_of(files: Sequence[FileReport]) -> list[str]:
    """One sentence for each file that was refused, with its name and the reason."""
    return [f"{file.name}: {file.refusal}" for file in files if file.refusal]
