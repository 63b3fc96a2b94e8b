"""The project's folders, atomic file writes, and storage quotas."""

import json
import math
import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dmm_core.errors import StorageError

__all__ = [
    "app_folder",
    "assets",
    "delete_temporaries",
    "home",
    "json_text",
    "require_disk_space",
    "write_atomic",
]

_SUFFIX = ".part"
_QUOTA_GIGABYTES = {"uploads": 5.0, "runs": 50.0}
_RESERVED_BYTES = 200 * 10**6
"""Free bytes of the disk that uploads and new runs must leave."""


def home() -> Path:
    """Return the folder of data sets, uploads and runs: `DMM_HOME`, by default `~/.dmm`."""
    return Path(os.environ.get("DMM_HOME") or Path.home() / ".dmm")


def app_folder() -> Path:
    """Return the folder that holds `app.py`, `pages/` and `assets/`.

    In a checkout this is the root of the repository. A wheel has them inside the package.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "_app"
    return installed if installed.is_dir() else package.parent


def assets() -> Path:
    """Return the folder of bundled models, lessons, sounds and the player's files."""
    return app_folder() / "assets"


def json_text(value: Any, indent: int | None = None) -> str:
    """Serialise `value` as standard JSON; a number that is not finite becomes null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value


def require_disk_space(folder: Path, needed: int) -> None:
    """Check that `needed` more bytes may be written to a folder of `home()`.

    The quota of a folder is the value of the environment variable DMM_<FOLDER>_GB in gigabytes, by
    default 5 for uploads and 50 for runs. In addition, 200 MB of the disk must stay free.

    Args:
        folder: `home() / "uploads"` or `home() / "runs"`; it need not exist.
        needed: number of bytes that will be written.

    Raises:
        StorageError: if the quota or the free space of the disk is too small.
    """
    variable = f"DMM_{folder.name.upper()}_GB"
    try:
        quota = float(os.environ.get(variable) or _QUOTA_GIGABYTES[folder.name])
    except ValueError:
        raise StorageError(
            f"{variable} is {os.environ[variable]!r:.40}, but it must be a number of gigabytes."
        ) from None
    used = _size(folder)
    if used + needed > quota * 1e9:
        raise StorageError(
            f"The {folder.name} use {used / 1e9:.1f} GB of the {quota:g} GB that are allowed here. "
            f"Delete some of them, or set {variable}."
        )
    free = shutil.disk_usage(folder if folder.is_dir() else _existing(folder)).free
    if needed + _RESERVED_BYTES > free:
        raise StorageError(
            f"The disk has {free / 1e6:,.0f} MB left, of which {_RESERVED_BYTES / 1e6:.0f} MB must "
            "stay free. Delete some files, or set DMM_HOME to a folder on another disk."
        )


def _size(folder: Path) -> int:
    """Return the bytes of all files below `folder`; a file that is deleted meanwhile counts 0."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def _existing(folder: Path) -> Path:
    """Return the nearest parent of `folder` that exists."""
    return next(parent for parent in folder.absolute().parents if parent.is_dir())


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file atomically: after a crash, `path` holds either the old or the new content.

    The content is written to a temporary file in the same folder and flushed to the disk. The
    temporary file is then renamed to `path`, and the folder is flushed.

    Raises:
        OSError: if the write fails; `path` is then unchanged and the temporary file is deleted.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_SUFFIX}")
    try:
        with open(temporary, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # Windows cannot open a folder to flush it.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def delete_temporaries(folder: Path, name: str = "*") -> None:
    """Delete temporary files that an interrupted `write_atomic` left in `folder`.

    Only the single process that writes to the folder may call this.

    Args:
        folder: folder to search, without its subfolders.
        name: name of the file that was being written; by default any name.
    """
    for temporary in folder.glob(f"{name}.*{_SUFFIX}"):
        temporary.unlink(missing_ok=True)
