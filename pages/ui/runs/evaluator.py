"""Evaluate runs in a background thread, one after another."""

import logging
import queue
import threading

import streamlit as st

from dmm_core.errors import DMMError
from dmm_core.runs.evaluations import evaluate_run
from dmm_core.runs.run import Run

__all__ = ["SAMPLES", "Evaluator", "evaluator"]

_LOG = logging.getLogger(__name__)

SAMPLES = 500
"""Samples per sequence of the importance estimate; `evaluate_run` repeats it a few times."""

_SEED = 0


class Evaluator:
    """Evaluates runs on their test split, and saves the results in the run folders.

    The thread is a daemon thread: it may end at any time, because a result is written atomically.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self._pending: set[Run] = set()
        self._failures: dict[Run, str] = {}
        threading.Thread(target=self._work, name="evaluator", daemon=True).start()

    def submit(self, run: Run) -> None:
        """Queue the evaluation of `run`, unless it is already queued or running."""
        with self._lock:
            self._failures.pop(run, None)
            if run not in self._pending:
                self._pending.add(run)
                self._waiting.put(run)

    def is_pending(self, run: Run) -> bool:
        """Whether an evaluation of `run` is queued or running."""
        return run in self._pending

    def failure(self, run: Run) -> str:
        """Return the reason why the last evaluation of `run` failed, or ""."""
        return self._failures.get(run, "")

    def _work(self) -> None:
        while True:
            run, failure = self._waiting.get(), ""
            try:
                evaluate_run(run, split="test", samples=SAMPLES, seed=_SEED)
            except DMMError as error:
                failure = str(error)
            except Exception:  # the thread must survive any failure
                _LOG.exception("The run %s could not be evaluated.", run.id)
                failure = "The evaluation failed. The server's log has the details."
            with self._lock:
                self._pending.discard(run)
                if failure:
                    self._failures[run] = failure


@st.cache_resource(show_spinner=False)
def evaluator() -> Evaluator:
    """Return the evaluator of the server."""
    return Evaluator()
