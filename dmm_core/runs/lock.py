"""The lock of a run folder.

The kernel releases it when its process ends, and a token in the status names its holder.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dmm_core.errors import RunError
from dmm_core.runs.status import Status, read_status, this_owner
from dmm_core.system.files import write_atomic

__all__ = ["RunLock", "RunLockLost", "acquire"]


class RunLockLost(Exception):
    """Another process owns the run now. Stop, and write nothing more."""


class RunLock:
    """The lock of a run folder, with which its holder writes the status; made by `acquire`.

    Attributes:
        owner: this process, with the token of this lock.
    """

    def __init__(self, folder: Path) -> None:
        self.owner = this_owner()
        self._path = folder / "status.json"

    def take(self, status: Status) -> None:
        """Become the owner of the folder and write `status`; on a full disk, over the old file.

        Raises:
            OSError: if not even that is possible.
        """
        try:
            write_atomic(self._path, self._text(status))
        except OSError:
            self._overwrite(status)

    def write(self, status: Status) -> None:
        """Write `status`.

        Raises:
            RunLockLost: if another process owns the folder now.
            OSError: if a file cannot be written.
        """
        self.check()
        write_atomic(self._path, self._text(status))

    def write_last(self, status: Status) -> None:
        """Write `status` like `write`; on a full disk, over the old file.

        Raises:
            RunLockLost: if another process owns the folder now.
            OSError: if not even that is possible.
        """
        self.check()
        self.take(status)

    def check(self) -> None:
        """Check that this lock's owner still owns the folder.

        Raises:
            RunLockLost: if another process owns the folder now.
        """
        owner = read_status(self._path.parent).owner
        if owner is not None and owner.token != self.owner.token:
            raise RunLockLost

    def _overwrite(self, status: Status) -> None:
        """Overwrite the file in place, which needs no new space on a full disk."""
        with open(self._path, "r+b") as file:
            file.write(self._text(status).encode())
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    def _text(self, status: Status) -> str:
        whole = status.model_copy(update={"owner": self.owner, "heartbeat": time.time()})
        return whole.model_dump_json(indent=1) + "\n"


@contextmanager
def acquire(folder: Path, patience: float = 1.0) -> Iterator[RunLock]:
    """Hold the exclusive lock of a run folder.

    Args:
        folder: the run folder.
        patience: seconds to wait for another holder, who may hold the lock for a moment only.

    Raises:
        RunError: if another process or thread holds the lock, or the folder does not exist.
    """
    if not folder.is_dir():
        raise RunError(f"The run {folder.name} does not exist any more: its folder was deleted.")
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        raise RunError(f"The run {folder.name} is in use by another program or thread.") from None
    try:
        yield RunLock(folder)
    finally:
        lock.release()
