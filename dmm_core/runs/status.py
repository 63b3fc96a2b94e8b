"""What a run is doing, and who says so: "running" is a lease of a living owner, not a flag."""

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
"""What a run can be in."""

ACTIVE: frozenset[State] = frozenset({"queued", "running"})
"""The states that need a living owner."""

STALE_SECONDS = 60.0
"""An owner on another host counts as gone when its heartbeat is older."""

_SAME_START_SECONDS = 2.0
"""Two readings of one process's start differ by less; a clock ticks coarsely on Windows."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Owner(_Record):
    """The process that may write a run's folder.

    Attributes:
        host: its machine's name.
        pid: its process id there.
        started: when it started, in seconds after the machine's boot; with the pid it names a
            process for good, whatever the clock is set to.
        boot: the id of the machine's boot, "" where the system gives none.
        token: drawn anew whenever a run changes hands; who finds another one has lost the run.
    """

    host: str
    pid: int
    started: float
    boot: str
    token: str


class RunProgress(_Record):
    """How far a run has come.

    Attributes:
        epoch: the last one begun, from 1; 0 before the first.
        update: updates done.
        fraction: of all updates.
        seconds_left: an estimate, or None.
        best_valid_bound: the best so far, in nats a frame, or None.
        best_epoch: when it was reached, or None.
    """

    epoch: int = 0
    update: int = 0
    fraction: FiniteFloat = 0.0
    seconds_left: FiniteFloat | None = None
    best_valid_bound: FiniteFloat | None = None
    best_epoch: int | None = None


class Status(_Record):
    """The content of status.json, as its writer knew it; `derive_state` says what holds now.

    Attributes:
        state: as written.
        reason: one sentence to show, or "".
        owner: who wrote it, or None where nobody has.
        heartbeat: when it was written, in seconds since 1970.
        progress: how far the run has come.
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
    """The state that holds: queued and running turn to interrupted where the owner is gone.

    On the owner's machine the process decides, so that a suspended owner is still the owner; from
    another machine only the heartbeat can be seen.

    Args:
        status: as written.
        now: seconds since 1970.
        host: this machine's name.
        boot: the id of its boot.
        is_alive: whether the process of this machine with a pid and a start is alive.
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
    """The status of a run folder; one that cannot be read says so and offers to resume."""
    try:
        return Status.model_validate_json((folder / "status.json").read_bytes())
    except (OSError, ValidationError):
        return Status(
            state="interrupted",
            reason="The run's status.json is missing or damaged; the run can be resumed.",
        )


def this_owner() -> Owner:
    """This process, with a new token."""
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
    """The id of this machine's boot, "" where the system gives none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def process_is_alive(pid: int, started: float) -> bool:
    """Whether the process `pid` that started `started` seconds after boot is alive here."""
    try:
        process = psutil.Process(pid)
        same = abs(_started(process) - started) < _SAME_START_SECONDS
        # A killed process keeps its pid until its parent asks for it.
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError, OverflowError):  # gone, or a number that no process has
        return False


def _started(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()
