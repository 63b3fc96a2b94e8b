"""Where the project keeps its files, and how one is written so that a kill never loses it."""

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

__all__ = ["assets", "home", "json_text", "require_room", "sweep_temporaries", "write_atomic"]

_SUFFIX = ".part"
_GIGABYTES = {"uploads": 5.0, "runs": 50.0}
_KEPT_FREE = 200 * 10**6
"""Bytes of the disk that uploads and new runs leave alone."""


def home() -> Path:
    """The folder of data sets, uploads and runs: `DMM_HOME`, by default `~/.dmm`."""
    return Path(os.environ.get("DMM_HOME") or Path.home() / ".dmm")


def assets() -> Path:
    """The folder of files shipped beside the code."""
    return Path(__file__).resolve().parents[2] / "assets"


def json_text(value: Any, indent: int | None = None) -> str:
    """`value` as JSON that every program reads: a number that is not finite becomes null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value


def require_room(folder: Path, needed: int) -> None:
    """Check that `needed` more bytes fit into a folder of `home()`, before they are written.

    A folder may take as many gigabytes as the environment variable DMM_<FOLDER>_GB says, by default
    5 for uploads and 50 for runs, and 200 MB of the disk stay free for everything else.

    Args:
        folder: `home() / "uploads"` or `home() / "runs"`; it may be missing.
        needed: bytes.

    Raises:
        StorageError: if they do not fit.
    """
    variable = f"DMM_{folder.name.upper()}_GB"
    try:
        most = float(os.environ.get(variable) or _GIGABYTES[folder.name])
    except ValueError:
        raise StorageError(
            f"{variable} is {os.environ[variable]!r:.40}, but it has to be a number of gigabytes."
        ) from None
    held = _size(folder)
    if held + needed > most * 1e9:
        raise StorageError(
            f"The {folder.name} take {held / 1e9:.1f} GB of the {most:g} GB that they may take "
            f"here. Delete some of them, or set {variable}."
        )
    free = shutil.disk_usage(folder if folder.is_dir() else _existing(folder)).free
    if needed + _KEPT_FREE > free:
        raise StorageError(
            f"The disk has {free / 1e6:,.0f} MB left, of which {_KEPT_FREE / 1e6:.0f} MB stay "
            "free. Delete something, or choose another disk by DMM_HOME."
        )


def _size(folder: Path) -> int:
    """Bytes of all files below `folder`; what is deleted meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


def _existing(folder: Path) -> Path:
    return next(parent for parent in folder.absolute().parents if parent.is_dir())


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write `content` to `path` so that a reader, or a crash, meets the old file or the new one.

    The content goes to a temporary name in the same folder, is flushed to the disk, takes its name
    in one step, and the folder is flushed after it.

    Raises:
        OSError: if the disk refuses; `path` is then as it was and no temporary stays behind.
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
    if os.name == "posix":  # Windows has no handle on a folder to flush.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def sweep_temporaries(folder: Path, name: str = "*") -> None:
    """Delete what a killed `write_atomic` left in `folder`; call it only as its one writer.

    Args:
        folder: where to look.
        name: of the file that was being written; by default any.
    """
    for temporary in folder.glob(f"{name}.*{_SUFFIX}"):
        temporary.unlink(missing_ok=True)
