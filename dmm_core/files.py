"""Where the project keeps its files, and how one is written so that a kill never loses it."""

import os
import secrets
from pathlib import Path

__all__ = ["assets", "home", "sweep_temporaries", "write_atomic"]

_SUFFIX = ".part"


def home() -> Path:
    """The folder of data sets, uploads and runs: `DMM_HOME`, by default `~/.dmm`."""
    return Path(os.environ.get("DMM_HOME") or Path.home() / ".dmm")


def assets() -> Path:
    """The folder of files shipped beside the code."""
    return Path(__file__).resolve().parent.parent / "assets"


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
