"""Evaluations in the background, one after another: no page waits for one."""

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
"""Paths of each sequence's importance estimate, of which `evaluate_run` makes a few."""

_SEED = 0


class Evaluator:
    """Evaluates runs on their test split, and keeps the results in their folders.

    Its thread does not keep the program alive: a result is written whole or not at all.
    """

    def __init__(self) -> None:
        self._changed = threading.Lock()
        self._waiting: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self._pending: set[Run] = set()
        self._faults: dict[Run, str] = {}
        threading.Thread(target=self._work, name="evaluator", daemon=True).start()

    def submit(self, run: Run) -> None:
        """Queue the evaluation of `run`; one that waits already is left alone."""
        with self._changed:
            self._faults.pop(run, None)
            if run not in self._pending:
                self._pending.add(run)
                self._waiting.put(run)

    def is_pending(self, run: Run) -> bool:
        """Whether its evaluation waits or is going on."""
        return run in self._pending

    def fault(self, run: Run) -> str:
        """Why its last evaluation failed, in one sentence, or ""."""
        return self._faults.get(run, "")

    def _work(self) -> None:
        while True:
            run, fault = self._waiting.get(), ""
            try:
                evaluate_run(run, split="test", samples=SAMPLES, seed=_SEED)
            except DMMError as error:
                fault = str(error)
            except Exception:  # the thread outlives any evaluation
                _LOG.exception("The run %s could not be evaluated.", run.id)
                fault = "The evaluation failed; the server's log has the details."
            with self._changed:
                self._pending.discard(run)
                if fault:
                    self._faults[run] = fault


@st.cache_resource(show_spinner=False)
def evaluator() -> Evaluator:
    """The one evaluator of the server."""
    return Evaluator()
