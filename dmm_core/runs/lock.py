"""The right to write a run's folder: a lock that the kernel drops at death, and a token."""

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
    """Another owner has taken the run over: stop, and write nothing more."""


class RunLock:
    """What the holder of a run folder's lock writes its status with; made by `acquire`.

    Attributes:
        owner: this process, with the token of this lease.
    """

    def __init__(self, folder: Path) -> None:
        self.owner = this_owner()
        self._path = folder / "status.json"

    def take(self, status: Status) -> None:
        """Write `status` as the folder's owner from now on; on a full disk, over the old one.

        Raises:
            OSError: if the disk refuses even that.
        """
        try:
            write_atomic(self._path, self._text(status))
        except OSError:
            self._overwrite(status)

    def write(self, status: Status) -> None:
        """Write `status`, if this lease still owns the folder.

        Raises:
            RunLockLost: if it does not.
            OSError: if the disk refuses.
        """
        self.check()
        write_atomic(self._path, self._text(status))

    def write_last(self, status: Status) -> None:
        """Write `status` as `write` does, on a full disk over the old one.

        Raises:
            RunLockLost: if this lease no longer owns the folder.
            OSError: if the disk refuses even that.
        """
        self.check()
        self.take(status)

    def check(self) -> None:
        """Compare tokens before a write.

        Raises:
            RunLockLost: if another owner has taken the folder.
        """
        owner = read_status(self._path.parent).owner
        if owner is not None and owner.token != self.owner.token:
            raise RunLockLost

    def _overwrite(self, status: Status) -> None:
        """Needs no new room: otherwise a run that a full disk stopped would run for ever."""
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
        folder: of the run.
        patience: seconds to wait for somebody who is only reading or changing the status.

    Raises:
        RunError: if another process or thread holds it, or the folder is gone.
    """
    if not folder.is_dir():
        raise RunError(f"The run {folder.name} is gone: its folder was deleted.")
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        raise RunError(f"The run {folder.name} is being worked on already.") from None
    try:
        yield RunLock(folder)
    finally:
        lock.release()
