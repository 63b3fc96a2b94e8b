"""However a training ends, it ends in a state and one sentence."""

import contextlib
import errno
import traceback
from collections.abc import Callable
from typing import NamedTuple

import torch

from dmm_core.errors import DMMError
from dmm_core.runs.lock import RunLockLost
from dmm_core.runs.status import State

__all__ = ["Outcome", "StopRequested", "run_to_completion"]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_CPU_MEMORY = "DefaultCPUAllocator"

_STOPPED: dict[State, str] = {
    "cancelled": "Stopped by request; it can be resumed.",
    "interrupted": "The program that trained it was closed; it can be resumed.",
}


class StopRequested(Exception):
    """Leave the run in `state`, cancelled or interrupted; what had to be saved is."""

    def __init__(self, state: State) -> None:
        self.state: State = state


class Outcome(NamedTuple):
    """The state that a run is left in, and the reason to show."""

    state: State
    reason: str


def run_to_completion(work: Callable[[], str], log: Callable[[str], None]) -> Outcome:
    """Do `work` and say how it ended.

    Args:
        work: returns why it is finished.
        log: keeps the traceback of what went wrong.

    Raises:
        RunLockLost: if `work` or `log` does; the run then has another owner who says how it ends.
    """
    try:
        return Outcome("finished", work())
    except StopRequested as stop:
        return Outcome(stop.state, _STOPPED[stop.state])
    except KeyboardInterrupt:
        return Outcome("cancelled", _STOPPED["cancelled"])
    except RunLockLost:
        raise
    except Exception as error:
        with contextlib.suppress(OSError):  # on a full disk the status matters more
            log(traceback.format_exc())
        return Outcome("failed", _sentence(error))


def _sentence(error: Exception) -> str:
    if isinstance(error, DMMError):
        return str(error)
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return "The disk is full; make room and resume the run from its last checkpoint."
    # PyTorch reports the CPU's memory as a plain RuntimeError.
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or _CPU_MEMORY in str(error):
        return (
            "The memory ran out: a smaller batch size needs less, and the CPU may have more of it "
            "than the GPU."
        )
    message = " ".join(str(error).split())[:200]
    return (
        f"The run stopped at an error nobody foresaw ({type(error).__name__}: {message}); "
        "its log.txt has the details."
    )
