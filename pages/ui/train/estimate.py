"""How long a training will take here: a few real updates of the very model are timed."""

import json
import math
from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.building import EXPLAINS, build_model
from dmm_core.config import ModelConfig, RunConfig, TrainConfig
from dmm_core.data.catalogue import DATASETS, UPLOAD_PREFIX
from dmm_core.data.sequences import Kind, Sequences, Splits
from dmm_core.data.uploads import list_uploads
from dmm_core.events import EpochEnd
from dmm_core.training import Training

__all__ = ["Workload", "estimate", "workload"]

_MOST_ROWS, _MOST_FRAMES = 32, 40
"""Longer and wider batches are measured at this size, and counted in proportion."""
_UPDATES = 2
_MOST_EPOCHS = 40
_ENOUGH_SECONDS = 0.4
"""A fast model is timed over more epochs, since a single one says little."""
_WIDEST = 1500
"""Units of a layer beyond which the measurement itself would keep the page waiting."""
_VALID_SHARE = 0.35
"""Work of a validation per frame, by that of an update: no gradient is taken."""


class Workload(NamedTuple):
    """What a data set asks of a training: sequences and frames of its train and valid splits."""

    kind: Kind
    x_dim: int
    sequences: int
    frames: int
    valid_frames: int
    u_dim: int = 0
    missing: bool = False

    @property
    def emissions(self) -> list[str]:
        """The emissions that can explain such data, the usual one first."""
        return [
            name
            for name, kind in EXPLAINS.items()
            if kind == self.kind and not (self.missing and name == "nade")
        ]


def workload(name: str) -> Workload | None:
    """The workload of the data set called `name`, or None where there is none of that name."""
    if name in DATASETS:
        info = DATASETS[name]
        return Workload(
            info.kind,
            info.x_dim,
            info.sequences["train"],
            info.frames["train"],
            info.frames["valid"],
            info.u_dim,
            info.missing,
        )
    for upload in list_uploads():
        if name == f"{UPLOAD_PREFIX}{upload.id}":
            sequences = max(1, round(0.8 * upload.sequences))
            return Workload(
                upload.kind,
                upload.x_dim,
                sequences,
                round(0.8 * upload.frames),
                round(0.1 * upload.frames),
                upload.u_dim,
                upload.missing,
            )
    return None


def estimate(config: RunConfig, work: Workload) -> float | None:
    """Seconds that a training of `config` takes on this machine, or None for a very wide model.

    Raises:
        ConfigError: if the machine has no such device.
    """
    model, train = config.model, config.train
    widths = (model.z_dim, model.rnn_size, model.transition_hidden, model.emission_hidden)
    if max(widths) > _WIDEST:
        return None
    batch = min(train.batch_size, work.sequences)
    rows, steps = min(batch, _MOST_ROWS), work.frames / work.sequences
    frames = max(1, min(round(steps), _MOST_FRAMES))
    pace = _seconds_per_update(
        model.model_dump_json(),
        train.model_dump_json(include={"samples", "device", "precision", "graphs"}),
        work,
        rows,
        frames,
    )
    updates = math.ceil(work.sequences / train.batch_size)
    epoch = pace * (batch / rows) * (steps / frames) * updates
    valid = _VALID_SHARE * train.eval_samples * work.valid_frames / work.frames / train.eval_every
    return train.epochs * epoch * (1 + valid)


@st.cache_data(max_entries=64, ttl="10m", show_spinner=False)
def _seconds_per_update(
    model_json: str, train_json: str, work: Workload, rows: int, frames: int
) -> float:
    """Time epochs of two updates on random data, after one to warm up."""
    draw = np.random.default_rng(0)
    count, shape = _UPDATES * rows, (frames, work.x_dim)
    x = tuple(
        (draw.random(shape) < 0.05).astype(np.uint8)
        if work.kind == "binary"
        else draw.standard_normal(shape, dtype=np.float32)
        for _ in range(count)
    )
    u = (np.zeros((frames, work.u_dim), np.float32),) * count if work.u_dim else None
    observed = (np.ones(shape, np.uint8),) * count if work.missing else None
    whole = Sequences(x, ("",) * count, u, observed)
    few = whole.subset(np.arange(1))
    splits = Splits("random", work.kind, train=whole, valid=few, test=few)
    model = build_model(
        ModelConfig.model_validate_json(model_json),
        x_dim=work.x_dim,
        kind=work.kind,
        seed=0,
        u_dim=work.u_dim,
        missing=work.missing,
    )
    train = TrainConfig.model_validate(
        {
            **json.loads(train_json),
            "epochs": _MOST_EPOCHS,
            "eval_every": _MOST_EPOCHS,
            "batch_size": rows,
            "lr": 1e-4,
        }
    )
    measured: list[float] = []
    for event in Training(model, splits, train).events():
        if isinstance(event, EpochEnd) and event.epoch > 1:
            measured.append(event.seconds)
            if sum(measured) > _ENOUGH_SECONDS or event.epoch == _MOST_EPOCHS - 1:
                break
    return sum(measured) / len(measured) / _UPDATES
