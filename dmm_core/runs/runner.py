"""Where runs are executed: a few background threads and the queue before them."""

import atexit
import logging
import threading
import time
from typing import NamedTuple

from dmm_core.errors import RunError
from dmm_core.runs.lock import acquire
from dmm_core.runs.run import Run
from dmm_core.runs.status import Status
from dmm_core.runs.worker import CHECKPOINT_SECONDS, Listen, execute

__all__ = ["Runner"]

_LOG = logging.getLogger(__name__)


class _Ticket(NamedTuple):
    run: Run
    token: str

    def is_of(self, status: Status) -> bool:
        """Whether `status` is this ticket's: nobody has cancelled, begun or taken the run since."""
        return status.owner is not None and status.owner.token == self.token


class Runner:
    """Executes runs in the background, first come, first served.

    One belongs to a process. Its threads do not keep the program alive; when it ends, the running
    runs are saved first.

    Args:
        slots: runs that train at once; Python work in a thread slows every page, so one by default.
        listen: composes the samples heard while training.
        checkpoint_seconds: between two checkpoints of a run.
    """

    def __init__(
        self,
        *,
        slots: int = 1,
        listen: Listen | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        self._listen = listen
        self._checkpoint_seconds = checkpoint_seconds
        self._changed = threading.Condition()
        self._waiting: list[_Ticket] = []
        self._begun: set[_Ticket] = set()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"run-slot-{slot}", daemon=True)
            for slot in range(slots)
        ]
        for thread in self._threads:
            thread.start()
        atexit.register(self.shutdown)

    def submit(self, run: Run) -> None:
        """Queue a new run, or one to resume; one that waits, runs or is finished is left alone.

        Raises:
            RunError: if another process holds the run, if it is gone, or after `shutdown`.
            OSError: if the disk refuses.
        """
        with self._changed:
            if self._closing.is_set():
                raise RunError("The program is closing and takes no more runs.")
            status = run.status()
            if status.state in ("running", "finished") or any(
                ticket.is_of(status) for ticket in (*self._waiting, *self._begun)
            ):
                return
            with acquire(run.folder) as lease:
                if run.status() != status:  # another process was quicker; its will be done
                    return
                lease.take(Status(state="queued", progress=status.progress))
            self._waiting.append(_Ticket(run, lease.owner.token))
            self._changed.notify()

    def position(self, run: Run) -> int | None:
        """The run's place in the queue, from 1, or None where it does not wait here."""
        with self._changed:
            waiting = [ticket.run for ticket in self._waiting if ticket.is_of(ticket.run.status())]
        return waiting.index(run) + 1 if run in waiting else None

    def idle(self) -> bool:
        """Whether nothing waits or trains here."""
        with self._changed:
            return not self._waiting and not self._begun

    def shutdown(self, timeout: float = 10.0) -> None:
        """Save and interrupt what is running, leave the queue, and wait at most `timeout` s."""
        atexit.unregister(self.shutdown)
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        end = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _work(self) -> None:
        while ticket := self._next():
            try:
                execute(
                    ticket.run,
                    listen=self._listen,
                    closing=self._closing,
                    ticket=ticket.token,
                    checkpoint_seconds=self._checkpoint_seconds,
                )
            except RunError as error:  # another process has it, or it was deleted
                _LOG.warning("%s", error)
            except Exception:  # the slot outlives any run
                _LOG.exception("The run %s could not be executed.", ticket.run.id)
            finally:
                with self._changed:
                    self._begun.discard(ticket)

    def _next(self) -> _Ticket | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            if self._closing.is_set():
                return None
            ticket = self._waiting.pop(0)
            self._begun.add(ticket)
            return ticket
