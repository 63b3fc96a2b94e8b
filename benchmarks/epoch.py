"""The cost of training updates against that of their matrix products alone, at the same shapes.

The floor does, for every update at its actual time steps T and batch size B, the forward product
and the two gradient products of every linear map, and nothing else: no nonlinearity, no sampling,
no optimiser. What runs step by step in the model (the recurrent product of the RNN, the combiner's
two) is done step by step forward and for the gradient of its input; the gradient of a weight is
one product over all steps, which is the cheapest way to have it.
"""

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.report import Options, Row, alternate, ratio
from dmm_core.config.schema import DataConfig, ModelConfig, TrainConfig
from dmm_core.data.batching import batch_indices
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Splits
from dmm_core.training.building import build_model
from dmm_core.training.events import EpochEnd
from dmm_core.training.loop import Training

__all__ = ["CELLS", "epoch_of", "rows"]

CELLS = {"LSTM": "lstm", "GRU": "gru", "relu RNN": "rnn-relu"}
_GATES = {"lstm": 4, "gru": 3, "rnn": 1, "rnn-relu": 1}


def rows(options: Options) -> Iterator[Row]:
    """An epoch of JSB with every cell, its floor, and their ratio."""
    splits = load_dataset(DataConfig(name="jsb"))
    for name, cell in CELLS.items():
        config = ModelConfig(rnn=cell)  # pyright: ignore[reportArgumentType]
        ours, floor = alternate(
            epoch_of(config, splits),
            _Floor(config, splits, TrainConfig().batch_size).epoch,
            repetitions=options.repetitions,
            clock=options.clock,
        )
        size = "z 100, transition 200, emission 100, DKS, gated, batches of 20"
        yield Row(f"JSB epoch, {name} 600", median(ours), "s", size)
        yield Row(
            f"its matrix products alone, {name} 600", median(floor), "s", "forward, gradients"
        )
        yield Row(f"ratio, {name} 600", ratio(ours, floor), "", "median of pairs")


def epoch_of(config: ModelConfig, splits: Splits, **changes: Any) -> Callable[[], object]:
    """A function that trains a new model for its next epoch, without validating.

    Args:
        config: of the model.
        splits: of which train is used.
        changes: to the settings of the training, which runs on the CPU otherwise.
    """
    model = build_model(config, splits.spec, seed=0)
    settings = {"epochs": 100_000, "eval_every": 10_000, "device": "cpu"}
    train = TrainConfig.model_validate(settings | changes)
    ends = (e for e in Training(model, splits, train).events() if isinstance(e, EpochEnd))
    return partial(next, ends)


class _Floor:
    """The bare matrix products of an epoch."""

    def __init__(self, config: ModelConfig, splits: Splits, batch_size: int) -> None:
        z, h, x = config.z_dim, config.rnn_size, splits.spec.x_dim
        e, t = config.emission_hidden, config.transition_hidden
        gates = _GATES[config.rnn] * h
        at_once = [(x, h), (h, gates), (h, 2 * z)]  # embedding, RNN input, heads on the summary
        at_once += [(z, t), (t, z), (z, t), (t, z), (z, z), (z, z)]  # gate, proposal, loc, variance
        at_once += [(z, e), (e, e), (e, x)]  # emission
        self._at_once = [torch.randn(out, inn) for inn, out in at_once]
        by_step = [(h, gates), (z, h), (h, 2 * z)]  # RNN recurrence; combiner, its heads
        self._by_step = [torch.randn(out, inn) for inn, out in by_step]
        lengths = splits.train.lengths
        batches = batch_indices(lengths, batch_size, np.random.default_rng(0))
        self._shapes = [(int(lengths[b].max()), len(b)) for b in batches]

    @torch.no_grad()
    def epoch(self) -> None:
        for steps, rows in self._shapes:
            for weight in self._at_once:
                _three_products(weight, torch.ones(steps * rows, weight.shape[1]))
            for weight in self._by_step:
                inputs = torch.ones(steps, rows, weight.shape[1])
                grads = torch.ones(steps, rows, weight.shape[0])
                for step in inputs:
                    _ = step @ weight.t()
                for grad in grads:
                    _ = grad @ weight
                _ = grads.flatten(0, 1).t() @ inputs.flatten(0, 1)


def _three_products(weight: Tensor, inputs: Tensor) -> None:
    out = inputs @ weight.t()
    _ = out @ weight
    _ = out.t() @ inputs
