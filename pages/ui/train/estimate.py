"""Estimate how long a training takes on this machine, and check that it fits into memory.

Both are computed from the configuration. The speed of this machine is measured once, with three
small models of fixed size, so that no user can start a long measurement with large settings.
"""

import math
import threading
import time
from typing import NamedTuple

import numpy as np
import streamlit as st
import torch
from scipy.optimize import nnls

from dmm_core.config.schema import ModelConfig, RunConfig, TrainConfig
from dmm_core.data.catalogue import DATASETS
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.spec import DataSpec
from dmm_core.data.uploads.reader import list_uploads, split_sizes
from dmm_core.errors import DataError
from dmm_core.nn.cost import UpdateCost, update_cost
from dmm_core.nn.emission import emissions_for
from dmm_core.system.device import choose_device, require_memory
from dmm_core.training.building import build_model
from dmm_core.training.events import EpochEnd
from dmm_core.training.loop import Training

__all__ = ["Workload", "check_memory", "estimate", "workload"]

_VALID_SHARE = 0.35
"""Cost of validation per frame, relative to an update, which also computes gradients."""

_ROWS, _STEPS, _FEATURES = 16, 24, 88
_SMALL = ModelConfig(z_dim=8, emission_hidden=32, transition_hidden=32, rnn_size=48)
_REFERENCES = (
    _SMALL,  # dominated by the overhead of time steps
    ModelConfig(z_dim=64, rnn_size=400),  # dominated by matrix products
    _SMALL.model_copy(update={"emission": "nade", "nade_hidden": 200}),  # dominated by memory
)
_REPEATS = 5
_MAX_SECONDS = 0.6
"""The updates of a reference model are not repeated beyond this time. The fastest one counts."""
_measurement_lock = threading.Lock()


class Workload(NamedTuple):
    """The size of a data set: sequences and frames of train, and frames of valid."""

    spec: DataSpec
    sequences: int
    frames: int
    valid_frames: int

    @property
    def emissions(self) -> list[str]:
        """The emissions that support such data, the default first."""
        return emissions_for(self.spec.kind, missing=self.spec.missing)


class _Speed(NamedTuple):
    """Seconds per time step, per floating-point operation, and per byte of memory."""

    step: float
    operation: float
    byte: float


def workload(name: str) -> Workload | None:
    """Return the workload of the data set called `name`, or None if it does not exist."""
    if name in DATASETS:
        info = DATASETS[name]
        return Workload(
            info.spec,
            info.sequences["train"],
            info.frames["train"],
            info.frames["valid"],
        )
    for upload in list_uploads():
        if name == upload.spec.name:
            try:
                sizes = split_sizes(upload.id)
            except DataError:  # its files are damaged, which the training will report
                return None
            (sequences, frames), (_, valid_frames) = sizes["train"], sizes["valid"]
            return Workload(upload.spec, max(1, sequences), max(1, frames), max(1, valid_frames))
    return None


def check_memory(config: RunConfig, work: Workload) -> None:
    """Check that an update of `config` on sequences of mean length fits into memory.

    Raises:
        ConfigError: if it does not fit, or this machine does not have the configured device.
    """
    train = config.train
    require_memory(_cost(config, work).memory, choose_device(train.device, train.precision))


def estimate(config: RunConfig, work: Workload) -> float:
    """Return the estimated seconds that a training of `config` takes on this machine.

    Raises:
        ConfigError: if this machine does not have the configured device.
    """
    train = config.train
    cost = _cost(config, work)
    speed = _measure_exclusively(train.device, train.precision, train.threads)
    update = _seconds(cost, work.frames / work.sequences, speed)
    updates = math.ceil(work.sequences / train.batch_size)
    validation = train.eval_samples * work.valid_frames / work.frames
    valid = _VALID_SHARE * validation / train.validation_epochs
    return train.epochs * updates * update * (1 + valid / train.samples)


def _cost(config: RunConfig, work: Workload) -> UpdateCost:
    """Return the cost of an update on sequences of mean length."""
    return _cost_of(
        config.model,
        work,
        rows=min(config.train.batch_size, work.sequences),
        steps=max(1, round(work.frames / work.sequences)),
        samples=config.train.samples,
        averaged=config.train.weight_average > 0,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _cost_of(
    model: ModelConfig, work: Workload, *, rows: int, steps: int, samples: int, averaged: bool
) -> UpdateCost:
    with torch.device("meta"):  # no memory is allocated, even if the configured model is huge
        built = build_model(model, work.spec, seed=0)
    return update_cost(built, rows=rows, steps=steps, samples=samples, averaged=averaged)


def _seconds(cost: UpdateCost, steps: float, speed: _Speed) -> float:
    return steps * speed.step + cost.operations * speed.operation + cost.memory * speed.byte


def _measure_exclusively(device: str, precision: str, threads: int) -> _Speed:
    with _measurement_lock:  # simultaneous measurements would slow each other down
        return _measure(device, precision, threads)


@st.cache_data(max_entries=16, show_spinner=False)
def _measure(device: str, precision: str, threads: int) -> _Speed:
    """Measure the speed of this machine.

    The update times of the reference models are modelled as a linear function of the number of time
    steps, operations and bytes. Its coefficients are fitted by non-negative least squares.
    """
    rng = np.random.default_rng(0)
    x = tuple((rng.random((_STEPS, _FEATURES)) < 0.05).astype(np.uint8) for _ in range(2 * _ROWS))
    data = Sequences(x, ("",) * len(x))
    few = data.subset(np.arange(1))
    splits = Splits("random", "binary", train=data, valid=few, test=few)
    train = TrainConfig.model_validate(
        {
            "device": device,
            "precision": precision,
            "threads": threads,
            "batch_size": _ROWS,
            "epochs": _REPEATS + 1,
            "eval_every": _REPEATS + 1,
            "lr": 1e-4,
        }
    )
    rows = []
    for config in _REFERENCES:
        model = build_model(config, DataSpec("binary", _FEATURES), seed=0)
        cost = update_cost(model, rows=_ROWS, steps=_STEPS)
        seconds = _fastest_update(Training(model, splits, train))
        # Dividing by the time gives every reference model the same weight.
        rows.append([_STEPS / seconds, cost.operations / seconds, cost.memory / seconds])
    matrix = np.array(rows)
    scale = matrix.max(axis=0)
    coefficients, _ = nnls(matrix / scale, np.ones(len(rows)))
    return _Speed(*(coefficients / scale).tolist())


def _fastest_update(training: Training) -> float:
    """Return the seconds of the fastest update. The first epoch is a warm-up."""
    began, best = time.monotonic(), math.inf
    for event in training.events():
        if isinstance(event, EpochEnd) and 1 < event.epoch <= _REPEATS:
            best = min(best, event.seconds / 2)
            if time.monotonic() - began > _MAX_SECONDS:
                break
    return best
