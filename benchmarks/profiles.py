"""Where an update's processor time goes, by kind of operation, on one thread.

torch.profiler, a batch of 20 JSB chorales of middle length; the models are LSTM and relu RNN of
`ModelConfig`'s sizes, and those of the presets `paper-aug` and `paper-aug-nade`.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.report import Options, Row
from dmm_core.config.presets import PRESETS
from dmm_core.config.schema import DataConfig, ModelConfig, TrainConfig
from dmm_core.data.batching import batch_indices
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Splits
from dmm_core.training.building import build_model
from dmm_core.training.loop import Training

__all__ = ["rows"]

MODELS = {
    "LSTM": ModelConfig(),
    "relu RNN": ModelConfig(rnn="rnn-relu"),
    "Aug": PRESETS["paper-aug"].model,
    "Aug-NADE": PRESETS["paper-aug-nade"].model,
}

GROUPS = {
    "fused LSTM, forward and backward": ("mkldnn_rnn_layer", "mkldnn_rnn_layer_backward"),
    "matrix products": ("mm", "addmm", "bmm"),
    "NADE's steps": ("addr", "addcmul_", "addmv", "sigmoid"),
    "dropout's draws": ("bernoulli_",),
    "reversal of sequences": ("index_select",),
    "tanh": ("tanh_", "tanh"),
    "Adam": ("_fused_adamw_",),
}
"""Kind of operation -> PyTorch's names; what is in none is the rest."""

_UPDATES = 5


def rows(options: Options) -> Iterator[Row]:
    """Milliseconds of every kind of operation, and of all, for each model."""
    splits = load_dataset(DataConfig(name="jsb"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for name, config in MODELS.items():
            times = _times(config, splits)
            total = sum(times.values())
            for group, found in times.items():
                if found >= 0.005 * total:
                    yield Row(f"{name}, {group}", found, "ms", f"{found / total:.0%} of an update")
            yield Row(f"{name}, all", total, "ms", "an update, of the processor")
    finally:
        torch.set_num_threads(threads)


def _times(config: ModelConfig, splits: Splits) -> dict[str, float]:
    model = build_model(config, splits.spec, seed=0)
    training = Training(model, splits, TrainConfig(device="cpu"))
    lengths = splits.train.lengths
    batches = batch_indices(lengths, training.config.batch_size, np.random.default_rng(0))
    batches.sort(key=lambda indices: lengths[indices].max())
    middle = training._train.batch(batches[len(batches) // 2])
    for _ in range(3):
        training._step(middle)
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(_UPDATES):
            training._step(middle)
    group_of = {f"aten::{name}": group for group, names in GROUPS.items() for name in names}
    times = dict.fromkeys([*GROUPS, "the rest"], 0.0)
    for event in found.key_averages():
        took = event.self_cpu_time_total / 1e3 / _UPDATES
        times[group_of.get(event.key, "the rest")] += took
    return times
