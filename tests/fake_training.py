"""Trainings for the tests of runs: a fake that only draws numbers, and the real one of tiny data.

As a program, execute a run with the real one and much time between updates; or submit it to a
runner, and end the program after the first epoch:

    python tests/fake_training.py execute|submit RUN_FOLDER SECONDS_PER_UPDATE
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch

from dmm_core.config.schema import ModelConfig, RunConfig, TrainConfig
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.runs import worker
from dmm_core.runs.run import Run
from dmm_core.runs.runner import Runner
from dmm_core.training import loop as training
from dmm_core.training.checkpoint import Checkpoint
from dmm_core.training.events import EpochEnd, Finished, Progress
from dmm_core.training.loop import Training

UPDATES = 4
"""In an epoch."""

CONFIG = RunConfig(
    model=ModelConfig(z_dim=2, emission_hidden=4, transition_hidden=4, rnn_size=4),
    train=TrainConfig(
        epochs=6, batch_size=2, anneal_updates=10, eval_every=2, device="cpu", threads=1
    ),
)


def tiny_splits(config=None, progress=None):
    """Eight sequences, four updates an epoch."""
    if progress:
        progress(0.5, "half")
    draw = np.random.default_rng(0)
    x = tuple((draw.random((3 + i, 88)) < 0.1).astype(np.uint8) for i in range(8))
    whole = Sequences(x, tuple(f"piece {i}" for i in range(8)))
    few = whole.subset(np.arange(2))
    return Splits("tiny", "binary", train=whole, valid=few, test=few, steps_per_quarter=1)


class FakeTraining:
    device = "cpu"
    pause = 0.0
    made = 0

    def __init__(self, model, splits, config, world=None, tell=None):
        type(self).made += 1
        self.model, self.config = model, config
        self.weights = torch.zeros(100)
        self.epoch = self.update = 0
        self.best = None

    def events(self):
        total = self.config.epochs * UPDATES
        while self.epoch < self.config.epochs:
            while self.update < (self.epoch + 1) * UPDATES:
                noise = torch.Generator().manual_seed(1000 * self.config.seed + self.update)
                self.weights = 0.9 * self.weights + torch.randn(100, generator=noise)
                self.update += 1
                time.sleep(self.pause)
                left = (total - self.update) * self.pause
                yield Progress(self.epoch + 1, self.update, self.update / total, left)
            self.epoch += 1
            bound = float(self.weights.square().sum())
            is_best = self.best is None or bound < self.best
            self.best = bound if is_best else self.best
            yield EpochEnd(
                epoch=self.epoch,
                update=self.update,
                train_bound=bound,
                train_nll=bound - 1.0,
                train_kl=1.0,
                annealed_bound=bound,
                kl_weight=1.0,
                grad_norm=1.0,
                lr=0.1,
                seconds=self.pause,
                valid_bound=bound,
                is_best=is_best,
            )
        yield Finished(f"All {self.config.epochs} epochs are done.", self.best, None)

    def state(self):
        scalars = {"epoch": self.epoch, "update": self.update, "best_valid_bound": self.best}
        return Checkpoint({"model": {"weights": self.weights}}, scalars)

    def load_state(self, checkpoint):
        self.weights = checkpoint.tensors["model"]["weights"]
        self.epoch, self.update = checkpoint.scalars["epoch"], checkpoint.scalars["update"]
        self.best = checkpoint.scalars["best_valid_bound"]


class SlowTraining(Training):
    """The real one, with a pause after every update."""

    pause = 0.0

    def _step(self, batch):
        super()._step(batch)
        time.sleep(self.pause)


def fresh(kind, pause=0.0):
    """A class to put in the place of the worker's `Training`."""
    base = {"fake": FakeTraining, "real": SlowTraining}[kind]
    return type("Training", (base,), {"pause": pause, "made": 0})


def install(kind, pause):
    """Let the worker of this process train tiny data."""
    worker.load_dataset = tiny_splits
    worker.Training = fresh(kind, pause)
    training._PROGRESS_SECONDS = 0.0


if __name__ == "__main__":
    how, run, pause = sys.argv[1], Run(Path(sys.argv[2])), float(sys.argv[3])
    install("real", pause)
    if how == "execute":
        worker.execute(run, checkpoint_seconds=0.0)
    else:
        Runner().submit(run)
        while not run.metrics():
            time.sleep(0.01)
