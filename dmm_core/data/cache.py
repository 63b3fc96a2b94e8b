"""The folder of data sets under `home()`: whole, checked files that are made once."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from dmm_core.errors import DataError
from dmm_core.system.files import home, write_atomic

__all__ = ["Report", "cache_path", "cached"]

Content = TypeVar("Content")

Report = Callable[[float, str], None]
"""Told how far a loader is, between 0 and 1, and what it is doing, in a few words to show."""


def cache_path(name: str) -> Path:
    """Where the cached file `name` is, or would be."""
    return home() / "datasets" / name


def cached(name: str, make: Callable[[], bytes], read: Callable[[bytes], Content]) -> Content:
    """What `read` finds in the cached file `name`, which is made first where it is not there.

    Bytes that `read` refuses never enter the cache, and a file that changed on the disk is made
    again. A lock lets many sessions ask at once and only one of them do the work.

    Args:
        name: the file's name in the cache.
        make: produces the file's bytes.
        read: turns them into what is wanted; raises `DataError` for bytes that are not sound.

    Raises:
        DataError: if `make` or `read` does, or if the folder or the file cannot be read or written.
    """
    path = cache_path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f"{name}.lock")):
            if path.exists():
                try:
                    return read(path.read_bytes())
                except DataError:
                    path.unlink()
            content = make()
            result = read(content)
            write_atomic(path, content)
            return result
    except OSError as error:
        raise DataError(
            f"The data set file {path} cannot be kept: {error.strerror or error}; DMM_HOME names "
            "the folder that must be writable."
        ) from error
