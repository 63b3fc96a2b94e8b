"""Cache of data set files under `home()`; every file is complete and validated."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from dmm_core.errors import DataError
from dmm_core.system.files import home, write_atomic

__all__ = ["Report", "cache_path", "cached"]

Content = TypeVar("Content")

Report = Callable[[float, str], None]
"""Progress callback: called with the fraction that is done, 0 to 1, and a message to show."""


def cache_path(name: str) -> Path:
    """Return the path of the cached file `name`, which need not exist."""
    return home() / "datasets" / name


def cached(name: str, make: Callable[[], bytes], read: Callable[[bytes], Content]) -> Content:
    """Read a file of the cache; create it first if it is missing or damaged.

    Only content that `read` accepts is stored. A lock ensures that one process creates the file
    while the others wait for it.

    Args:
        name: name of the file in the cache.
        make: function that creates the content of the file.
        read: function that parses the content. It raises `DataError` if the content is damaged.

    Returns:
        The result of `read`.

    Raises:
        DataError: if `make` or `read` raises it, or the file cannot be read or written.
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
            f"The data set file {path} cannot be read or written ({error.strerror or error}); set "
            "DMM_HOME to a folder that is writable."
        ) from error
