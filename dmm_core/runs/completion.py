"""Runs a training to its end, and converts every end and every error to a state and a reason."""

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
    """The training has saved and stops on request. The run becomes cancelled or interrupted."""

    def __init__(self, state: State) -> None:
        self.state: State = state


class Outcome(NamedTuple):
    """The final state of a run, and the reason for the user."""

    state: State
    reason: str


def run_to_completion(work: Callable[[], str], log: Callable[[str], None]) -> Outcome:
    """Run `work` and return how it ended.

    Args:
        work: the training; it returns the reason why it is finished.
        log: called with the traceback of an error.

    Raises:
        RunLockLost: if `work` or `log` raises it, because another process owns the run now.
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
        with contextlib.suppress(OSError):  # on a full disk, the status is more important
            log(traceback.format_exc())
        return Outcome("failed", _sentence(error))


def _sentence(error: Exception) -> str:
    if isinstance(error, DMMError):
        return str(error)
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return "The disk is full; make room and resume the run from its last checkpoint."
    # PyTorch raises a plain RuntimeError when CPU memory is exhausted.
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or _CPU_MEMORY in str(error):
        return (
            "There was not enough memory. A smaller batch size needs less, and the CPU may have "
            "more memory than the GPU."
        )
    message = " ".join(str(error).split())[:200]
    return (
        f"The run stopped with an unexpected error ({type(error).__name__}: {message}). "
        "Its log.txt has the details."
    )
