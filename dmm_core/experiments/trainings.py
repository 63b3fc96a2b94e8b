"""The runs of an experiment: created and evaluated once, and resumed if they were stopped."""

import hashlib
import time
from typing import Any

from dmm_core.config.schema import RunConfig
from dmm_core.errors import RunError
from dmm_core.experiments.report import Show
from dmm_core.runs.evaluations import evaluate_run
from dmm_core.runs.run import Run
from dmm_core.runs.store import create_run
from dmm_core.runs.worker import execute
from dmm_core.training.events import EpochEnd, Event

__all__ = ["measured", "token_of", "train_run"]

_SHOW_SECONDS = 10.0


def train_run(config: RunConfig, *, name: str, show: Show) -> Run:
    """Train a run with `config`, or resume an earlier one, and return the finished run.

    Args:
        config: the configuration.
        name: display name of the run; name and configuration together identify the run.
        show: called with sentences about the progress.

    Raises:
        RunError: if the run ends before it is finished.
    """
    run = create_run(config, name=name, token=token_of(name, config))
    if run.state() != "finished":
        state = execute(run, on_event=_ProgressReporter(name, config.train.epochs, show))
        if state != "finished":
            raise RunError(f"The run {run.id} ({name}) ended {state}: {run.status().reason}")
    return run


def token_of(name: str, config: RunConfig) -> str:
    """The token for `create_run` that identifies a run by its name and configuration."""
    return f"{name} {hashlib.sha256(config.model_dump_json().encode()).hexdigest()}"


class _ProgressReporter:
    def __init__(self, name: str, epochs: int, show: Show) -> None:
        self._name = name
        self._epochs = epochs
        self._show = show
        self._told = 0.0

    def __call__(self, event: Event) -> None:
        if not isinstance(event, EpochEnd):
            return
        if event.epoch == self._epochs or time.monotonic() - self._told > _SHOW_SECONDS:
            self._told = time.monotonic()
            self._show(
                f"{self._name}: epoch {event.epoch} of {self._epochs}, "
                f"train bound {event.train_bound:.3f}"
            )


def measured(run: Run, *, samples: int, show: Show, seed: int = 0) -> dict[str, Any]:
    """Evaluate a run on its test split, or return an earlier evaluation with the same arguments.

    Args:
        run: a finished run.
        samples: paths drawn for each sequence.
        show: called with a sentence before the evaluation.
        seed: seed of all random draws.
    """
    wanted = {"split": "test", "samples": samples, "estimator": "is", "seed": seed}
    for found in run.evaluations():
        # Evaluations of earlier versions have no estimate of the particle filter.
        if "smc_nll" in found and all(found.get(key) == value for key, value in wanted.items()):
            return found
    show(f"{run.label()}: evaluating on test with {samples} samples")
    return evaluate_run(run, split="test", samples=samples, seed=seed)
