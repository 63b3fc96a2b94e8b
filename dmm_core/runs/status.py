"""The status of a run. It counts as running only while the process that owns it is alive."""

import functools
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

__all__ = [
    "ACTIVE",
    "STALE_SECONDS",
    "Owner",
    "RunProgress",
    "State",
    "Status",
    "derive_state",
    "process_is_alive",
    "read_status",
    "this_boot",
    "this_host",
    "this_owner",
]

State = Literal["queued", "running", "finished", "failed", "cancelled", "interrupted"]
"""The states of a run."""

ACTIVE: frozenset[State] = frozenset({"queued", "running"})
"""The states in which a run must have a live owner."""

STALE_SECONDS = 60.0
"""Age of the last heartbeat, in seconds, at which an owner on another host counts as ended."""

_SAME_START_SECONDS = 2.0
"""Largest difference, in seconds, between two readings of the start time of the same process."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Owner(_Record):
    """The process that may write a run's folder.

    Attributes:
        host: name of its machine.
        pid: its process id on that machine.
        started: its start time, in seconds after the machine's boot. Together with the pid it
            identifies the process, even if the clock is changed.
        boot: id of the machine's boot, "" if the system has none.
        token: a random token, new for each owner. A process that finds another token in the folder
            is no longer the owner.
    """

    host: str
    pid: int
    started: float
    boot: str
    token: str


class RunProgress(_Record):
    """The progress of a run.

    Attributes:
        epoch: the last epoch that was begun, counted from 1; 0 before the first.
        update: number of updates done.
        fraction: share of all updates that is done, 0 to 1.
        seconds_left: estimate of the remaining time, or None.
        best_valid_bound: the best validation bound so far, in nats per frame, or None.
        best_epoch: the epoch of the best validation bound, or None.
    """

    epoch: int = 0
    update: int = 0
    fraction: FiniteFloat = 0.0
    seconds_left: FiniteFloat | None = None
    best_valid_bound: FiniteFloat | None = None
    best_epoch: int | None = None


class Status(_Record):
    """The content of status.json. `derive_state` computes the current state from it.

    Attributes:
        state: the state that was written.
        reason: one sentence for the user, or "".
        owner: the process that wrote it, or None.
        heartbeat: time of writing, in seconds since 1970.
        progress: the progress of the run.
    """

    state: State
    reason: str = ""
    owner: Owner | None = None
    heartbeat: float = 0.0
    progress: RunProgress = RunProgress()


def derive_state(
    status: Status,
    *,
    now: float,
    host: str,
    boot: str,
    is_alive: Callable[[int, float], bool],
) -> State:
    """The current state: queued and running become interrupted if the owner has ended.

    On its own machine, an owner has ended if its process does not exist; a suspended process is
    still the owner. On other machines, it has ended if its heartbeat is too old.

    Args:
        status: the status that was written.
        now: the current time, in seconds since 1970.
        host: name of this machine.
        boot: id of this machine's boot.
        is_alive: function of pid and start time that returns whether this process is alive on this
            machine.
    """
    if status.state not in ACTIVE:
        return status.state
    owner = status.owner
    if owner is None:
        return "interrupted"
    if owner.host != host:
        return status.state if now - status.heartbeat <= STALE_SECONDS else "interrupted"
    alive = owner.boot == boot and is_alive(owner.pid, owner.started)
    return status.state if alive else "interrupted"


def read_status(folder: Path) -> Status:
    """Read status.json. If it cannot be read, the result is interrupted, with the reason."""
    try:
        return Status.model_validate_json((folder / "status.json").read_bytes())
    except (OSError, ValidationError):
        return Status(
            state="interrupted",
            reason="The run's status.json is missing or damaged; the run can be resumed.",
        )


def this_owner() -> Owner:
    """An `Owner` for this process, with a new token."""
    process = psutil.Process()
    return Owner(
        host=this_host(),
        pid=process.pid,
        started=_started(process),
        boot=this_boot(),
        token=secrets.token_hex(8),
    )


def this_host() -> str:
    """The name of this machine."""
    return socket.gethostname()


@functools.cache
def this_boot() -> str:
    """The id of this machine's boot, "" if the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def process_is_alive(pid: int, started: float) -> bool:
    """Whether the process `pid` that started `started` seconds after boot is alive."""
    try:
        process = psutil.Process(pid)
        same = abs(_started(process) - started) < _SAME_START_SECONDS
        # A killed process keeps its pid, as a zombie, until its parent waits for it.
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError, OverflowError):  # no such process, or an impossible pid
        return False


def _started(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()
