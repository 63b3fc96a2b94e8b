"""The runs of an experiment: created once, gone on with where they stopped, measured once."""

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
    """The finished run of `config`; one that was begun before is gone on with.

    Args:
        config: what to train.
        name: the run's name, to show; it and the configuration decide which run it is.
        show: told how far it is.

    Raises:
        RunError: if it ends in any other way than finished.
    """
    run = create_run(config, name=name, token=token_of(name, config))
    if run.state() != "finished":
        state = execute(run, on_event=_Teller(name, config.train.epochs, show))
        if state != "finished":
            raise RunError(f"The run {run.id} ({name}) ended {state}: {run.status().reason}")
    return run


def token_of(name: str, config: RunConfig) -> str:
    """The token of `create_run` by which a name and a configuration are the same run again."""
    return f"{name} {hashlib.sha256(config.model_dump_json().encode()).hexdigest()}"


class _Teller:
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
    """What `evaluate_run` finds of a run's test split, or found before with the same draws.

    Args:
        run: a finished one.
        samples: paths drawn for each sequence.
        show: told when the measuring begins.
        seed: decides all draws.
    """
    wanted = {"split": "test", "samples": samples, "estimator": "is", "seed": seed}
    for found in run.evaluations():
        # Earlier versions kept no particle filter's estimate, and another standard error.
        if "smc_nll" in found and all(found.get(key) == value for key, value in wanted.items()):
            return found
    show(f"{run.label()}: evaluating on test with {samples} samples")
    return evaluate_run(run, split="test", samples=samples, seed=seed)
