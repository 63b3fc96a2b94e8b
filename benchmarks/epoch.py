"""The cost of a training epoch against that of its matrix products alone, at the same shapes.

The floor does, for every update at its actual time steps T and batch size B, the forward product
and the two gradient products of every linear map, and nothing else: no nonlinearity, no sampling,
no optimiser. What runs step by step in the model (the recurrent product of the RNN, the combiner's
two) is done step by step forward and for the gradient of its input; the gradient of a weight is
one product over all steps, which is the cheapest way to have it.
"""

import statistics
import time
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dmm_core.building import build_model
from dmm_core.config import DataConfig, ModelConfig, TrainConfig
from dmm_core.data.batching import batch_indices
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Splits
from dmm_core.events import EpochEnd
from dmm_core.training import Training

__all__ = ["EpochCost", "epoch_cost"]


class EpochCost(NamedTuple):
    """Medians over repetitions that alternate in one process.

    Attributes:
        seconds: of a training epoch.
        floor_seconds: of its matrix products alone.
        ratio: median of the repetitions' ratios.
        repetitions: how many.
        threads: of the matrix products.
    """

    seconds: float
    floor_seconds: float
    ratio: float
    repetitions: int
    threads: int


def epoch_cost(data: str = "jsb", repetitions: int = 7) -> EpochCost:
    """Measure the paper-size model (z 100, LSTM 600, DKS, gated, batches of 20)."""
    splits = load_dataset(DataConfig(name=data))
    config = TrainConfig(epochs=repetitions + 1, eval_every=10_000, device="cpu")
    model_config = ModelConfig()
    model = build_model(model_config, x_dim=splits.x_dim, kind=splits.kind, seed=0)
    epochs = (e for e in Training(model, splits, config).events() if isinstance(e, EpochEnd))
    floor = _Floor(model_config, splits, config.batch_size)
    next(epochs)  # the first allocates
    floor.epoch()
    seconds, floors = [], []
    for _ in range(repetitions - 1):  # the last epoch would validate
        seconds.append(next(epochs).seconds)
        began = time.perf_counter()
        floor.epoch()
        floors.append(time.perf_counter() - began)
    ratios = [a / b for a, b in zip(seconds, floors, strict=True)]
    return EpochCost(
        statistics.median(seconds),
        statistics.median(floors),
        statistics.median(ratios),
        len(seconds),
        torch.get_num_threads(),
    )


class _Floor:
    """The bare matrix products of an epoch."""

    def __init__(self, config: ModelConfig, splits: Splits, batch_size: int) -> None:
        z, h, x = config.z_dim, config.rnn_size, splits.x_dim
        e, t = config.emission_hidden, config.transition_hidden
        at_once = [(x, h), (h, 4 * h), (h, 2 * z)]  # embedding, RNN input, heads on the summary
        at_once += [(z, t), (t, z), (z, t), (t, z), (z, z), (z, z)]  # gate, proposal, loc, variance
        at_once += [(z, e), (e, e), (e, x)]  # emission
        self._at_once = [torch.randn(out, inn) for inn, out in at_once]
        by_step = [(h, 4 * h), (z, h), (h, 2 * z)]  # RNN recurrence; combiner, its heads
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
