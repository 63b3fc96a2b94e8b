"""A queue of runs, and the background threads that execute them."""

import atexit
import logging
import threading
import time
from typing import NamedTuple

from dmm_core.errors import RunError
from dmm_core.runs.lock import acquire
from dmm_core.runs.run import Run
from dmm_core.runs.status import Status
from dmm_core.runs.worker import CHECKPOINT_SECONDS, ComposeSample, execute

__all__ = ["Runner"]

_LOG = logging.getLogger(__name__)


class _Ticket(NamedTuple):
    run: Run
    token: str

    def is_of(self, status: Status) -> bool:
        """Whether `status` was written under this ticket, so that the run has no other owner."""
        return status.owner is not None and status.owner.token == self.token


class Runner:
    """Execute runs in background threads, in the order of submission.

    A process has one runner. Its threads do not keep the program alive. When the program ends, the
    active runs are saved first.

    Args:
        slots: number of runs that train at once. The default is one, because a training thread
            slows down every page.
        compose_sample: composes samples during the training.
        checkpoint_seconds: seconds between two checkpoints of a run.
    """

    def __init__(
        self,
        *,
        slots: int = 1,
        compose_sample: ComposeSample | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        self._compose_sample = compose_sample
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
        """Queue a new run, or a run to resume. A queued, running or finished run is left unchanged.

        Raises:
            RunError: if another process holds the run, if its folder does not exist, or after
                `shutdown`.
            OSError: if a file cannot be written.
        """
        with self._changed:
            if self._closing.is_set():
                raise RunError("The program is closing and takes no more runs.")
            status = run.status()
            if status.state in ("running", "finished") or any(
                ticket.is_of(status) for ticket in (*self._waiting, *self._begun)
            ):
                return
            with acquire(run.folder) as lock:
                if run.status() != status:  # another process has changed the run meanwhile
                    return
                lock.take(Status(state="queued", progress=status.progress))
            self._waiting.append(_Ticket(run, lock.owner.token))
            self._changed.notify()

    def position(self, run: Run) -> int | None:
        """The run's place in this queue, counted from 1; None if it is not in the queue."""
        with self._changed:
            waiting = [ticket.run for ticket in self._waiting if ticket.is_of(ticket.run.status())]
        return waiting.index(run) + 1 if run in waiting else None

    def idle(self) -> bool:
        """Whether no run is queued or active in this runner."""
        with self._changed:
            return not self._waiting and not self._begun

    def shutdown(self, timeout: float = 10.0) -> None:
        """Save and interrupt the active runs, and wait at most `timeout` seconds for them."""
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
                    compose_sample=self._compose_sample,
                    closing=self._closing,
                    ticket=ticket.token,
                    checkpoint_seconds=self._checkpoint_seconds,
                )
            except RunError as error:  # another process holds the run, or it was deleted
                _LOG.warning("%s", error)
            except Exception:  # the slot goes on with the next run
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
