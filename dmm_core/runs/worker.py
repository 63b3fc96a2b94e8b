"""Executes a run: trains its model, and records every result and error in its folder."""

import contextlib
import logging
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import torch

from dmm_core.config.schema import RunConfig
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Splits
from dmm_core.data.spec import DataSpec
from dmm_core.errors import RunError
from dmm_core.inference.latent import count_active_units
from dmm_core.inference.references import reference_nlls
from dmm_core.nn.dmm import DMM
from dmm_core.runs.completion import StopRequested, run_to_completion
from dmm_core.runs.journal import Journal
from dmm_core.runs.lock import RunLockLost, acquire
from dmm_core.runs.run import Run
from dmm_core.runs.signals import stop_signals
from dmm_core.runs.status import State, this_host
from dmm_core.system.device import choose_device, separate_stream
from dmm_core.system.processes import SINGLE_PROCESS, TrainingEnded, World
from dmm_core.system.threads import set_num_threads_locally
from dmm_core.training.building import build_model
from dmm_core.training.events import EpochEnd, Event, Finished, Progress
from dmm_core.training.loop import Training

__all__ = ["CHECKPOINT_SECONDS", "SAMPLE_SECONDS", "ComposeSample", "execute", "follow"]

_LOG = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 30.0
"""Seconds between two checkpoints."""

SAMPLE_SECONDS = 10.0
"""Minimum number of seconds between two samples that are composed during a training."""

ComposeSample = Callable[[DMM, DataSpec], bytes]
"""A function that composes a MIDI file from a model and the description of its data.

It must not use global random numbers.
"""


def execute(
    run: Run,
    *,
    on_event: Callable[[Event], None] | None = None,
    compose_sample: ComposeSample | None = None,
    closing: threading.Event | None = None,
    ticket: str | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    world: World = SINGLE_PROCESS,
) -> State:
    """Train a run to its end, from its newest checkpoint if there is one.

    An error during the training is recorded in the run's state and reason; it is not raised. In the
    main thread, Ctrl-C saves and cancels the run, and SIGTERM saves and leaves it interrupted. A
    second Ctrl-C does not wait for the save.

    Args:
        run: a run in any state except running. A finished run is left unchanged.
        on_event: called with every event of the training.
        compose_sample: composes a sample from time to time, if the data are piano-rolls.
        closing: an event that is set when the program is about to end. The run is then saved and
            left interrupted.
        ticket: the token under which the run was queued. If the run has another owner by now, it is
            left unchanged. By default, an owner that is not running the run is replaced.
        checkpoint_seconds: seconds between two checkpoints.
        world: the processes that train together. This process leads, and the others call `follow`.

    Returns:
        The final state of the run.

    Raises:
        RunError: if another worker holds the run, or its folder does not exist.
        OSError: if not even the status can be overwritten.

    Example:
        >>> from dmm_core import create_run, execute, load_run, parse_config
        >>> config = parse_config({
        ...     "data": {"name": "linear-gssm"},
        ...     "model": {"emission": "gaussian", "z_dim": 1, "rnn_size": 8},
        ...     "train": {"epochs": 1, "batch_size": 1000, "device": "cpu"},
        ... })
        >>> run = create_run(config)
        >>> execute(run)
        'finished'
        >>> len(run.metrics()), load_run(run.id).model.z_dim
        (1, 1)
    """
    cancel, closing = threading.Event(), closing or threading.Event()
    with acquire(run.folder) as lock, stop_signals(cancel, closing):
        status = run.status()
        if status.state == "finished":
            return status.state
        if owner := status.owner:
            if ticket and owner.token != ticket:
                return status.state
            if status.state == "running" and owner.host != this_host():
                raise RunError(f"The run {run.id} is running on {owner.host}.")
        if status.state == "queued" and run.stop_requested():
            cancel.set()
        try:
            journal = Journal(run, lock)
            worker = _Worker(
                run, journal, cancel, closing, on_event, compose_sample, checkpoint_seconds, world
            )
            return journal.end(*run_to_completion(worker.work, journal.log))
        except RunLockLost:
            return run.state()
        finally:
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()


def follow(world: World) -> None:
    """Train together with another process that executes the run, until the training ends.

    This process writes nothing. It ignores Ctrl-C and SIGTERM: the leading process saves, and then
    ends the training of all processes.

    Args:
        world: the processes that train together; this one is not the first.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(TrainingEnded):
        config, checkpoint = world.broadcast()
        splits = load_dataset(config.data)
        model = build_model(config.model, splits.spec, seed=config.train.seed)
        training = Training(model, splits, config.train, world)
        if checkpoint:
            training.load_state(checkpoint)
        for _ in training.events():
            pass
        world.broadcast()  # wait for the leading process to end the training


@dataclass(frozen=True)
class _Worker:
    run: Run
    journal: Journal
    cancel: threading.Event
    closing: threading.Event
    on_event: Callable[[Event], None] | None
    compose_sample: ComposeSample | None
    checkpoint_seconds: float
    world: World

    def work(self) -> str:
        """Train to the end, and return the reason why the training ended."""
        self._raise_if_stopped()
        config = self.run.config()
        splits = load_dataset(config.data, self._loading)
        self._raise_if_stopped()
        # Several runs of one process each use their own CUDA stream, from the first tensor on.
        with separate_stream(choose_device(config.train.device, config.train.precision)):
            return self._train(config, splits)

    def _train(self, config: RunConfig, splits: Splits) -> str:
        facts = splits.spec
        model = build_model(config.model, facts, seed=config.train.seed)
        training = Training(model, splits, config.train, self.world, self._tell)
        threads = set_num_threads_locally(config.train.threads)
        self.journal.log(f"PyTorch {torch.__version__}, {training.device}, {threads} threads.")
        if self.world.size > 1:
            self.journal.log(f"{self.world.size} processes train together.")
        if checkpoint := self.journal.restore(facts):
            training.load_state(checkpoint)
        self.journal.health(references=reference_nlls(splits))
        self._raise_if_stopped()
        self.world.broadcast((config, checkpoint))
        return self._follow(training, model, splits)

    def _follow(self, training: Training, model: DMM, splits: Splits) -> str:
        facts = splits.spec
        compose_sample = self.compose_sample if facts.is_music else None
        sampled = time.monotonic()
        for event in training.events():
            self._note(event, model)
            if self.on_event:
                self.on_event(event)
            if isinstance(event, Finished):
                self.journal.save(training.state())
                self.journal.health(active_units=count_active_units(model, splits.valid))
                return event.reason
            if stop := self._stop():
                self.journal.save(training.state())
                raise StopRequested(stop)
            if self.journal.seconds_since_save() >= self.checkpoint_seconds:
                self.journal.save(training.state())
            if compose_sample and isinstance(event, EpochEnd):
                if time.monotonic() - sampled >= SAMPLE_SECONDS:
                    self._sample(compose_sample, model, facts, event.epoch)
                    sampled = time.monotonic()
        raise RunError("The training ended without saying why.")

    def _note(self, event: Event, model: DMM) -> None:
        match event:
            case Progress():
                self.journal.progress(
                    epoch=event.epoch,
                    update=event.update,
                    fraction=event.fraction,
                    seconds_left=event.seconds_left,
                )
            case EpochEnd():
                self.journal.epoch(event, _learned_numbers(model))
                best = {"best_valid_bound": event.valid_bound, "best_epoch": event.epoch}
                self.journal.progress(
                    epoch=event.epoch, update=event.update, **(best if event.is_best else {})
                )
            case Finished():
                self.journal.progress(fraction=1.0)

    def _tell(self, sentence: str) -> None:
        _LOG.warning("%s", sentence)
        self.journal.log(sentence)

    def _sample(
        self, compose_sample: ComposeSample, model: DMM, facts: DataSpec, epoch: int
    ) -> None:
        try:
            midi = compose_sample(model, facts)
        except Exception:  # a sample that fails does not end the run
            self.journal.log(traceback.format_exc())
        else:
            self.journal.sample(epoch, midi)

    def _loading(self, fraction: float, message: str) -> None:
        self._raise_if_stopped()
        self.journal.say(f"Loading the data: {message}")

    def _raise_if_stopped(self) -> None:
        if stop := self._stop():
            raise StopRequested(stop)

    def _stop(self) -> State | None:
        if self.cancel.is_set() or self.run.stop_requested():
            return "cancelled"
        return "interrupted" if self.closing.is_set() else None


def _learned_numbers(model: DMM) -> dict[str, float]:
    """The parameters that are single numbers, such as alpha and beta of a known system."""
    return {
        name.rpartition(".")[2]: parameter.item()
        for name, parameter in model.named_parameters()
        if parameter.ndim == 0 and parameter.requires_grad
    }
