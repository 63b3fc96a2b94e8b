"""A training epoch of ours against the same model in Pyro, alternating in one process."""

from collections.abc import Callable, Iterator
from statistics import median

import numpy as np
import torch

from benchmarks.epoch import epoch_of
from benchmarks.pyro_dmm import PyroDMM, svi_update
from benchmarks.report import Options, Row, alternate, ratio
from dmm_core.config.schema import DataConfig, ModelConfig, TrainConfig
from dmm_core.data.batching import ResidentSequences, batch_indices
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Splits

__all__ = ["pyro_epoch_of", "rows"]


def rows(options: Options) -> Iterator[Row]:
    """Epochs of JSB with a relu RNN of 600, as published with Pyro; ours in bf16 and LSTM too."""
    splits = load_dataset(DataConfig(name="jsb"))
    relu = ModelConfig(rnn="rnn-relu")
    ours, short, lstm, theirs, embedded = alternate(
        epoch_of(relu, splits),
        epoch_of(relu, splits, precision="bf16"),
        epoch_of(ModelConfig(), splits),
        pyro_epoch_of(relu, splits, embedding=False),
        pyro_epoch_of(relu, splits, embedding=True),
        repetitions=options.repetitions,
        clock=options.clock,
    )
    sizes = "z 100, transition 200, emission 100, DKS, gated, batches of 20"
    yield Row("JSB epoch, ours, relu RNN 600", median(ours), "s", sizes)
    yield Row("JSB epoch, ours, relu RNN 600, bf16", median(short), "s", "products in bf16")
    yield Row("JSB epoch, ours, LSTM 600", median(lstm), "s", sizes)
    yield Row("JSB epoch, Pyro, relu RNN 600", median(theirs), "s", "as published: no embedding")
    yield Row("JSB epoch, Pyro, our layers", median(embedded), "s", "with our embedding too")
    yield Row("Pyro / ours, relu RNN 600", ratio(theirs, ours), "", "median of pairs")
    yield Row("Pyro / ours in bf16, relu RNN 600", ratio(theirs, short), "", "median of pairs")
    yield Row("Pyro / ours, our layers", ratio(embedded, ours), "", "median of pairs")
    yield Row("Pyro's relu RNN / our LSTM", ratio(theirs, lstm), "", "median of pairs")


def pyro_epoch_of(
    config: ModelConfig, splits: Splits, *, embedding: bool, device: str = "cpu"
) -> Callable[[], None]:
    """A function that trains a new Pyro model for an epoch, its batches made as ours are."""
    train = TrainConfig()
    with torch.random.fork_rng(devices=[]):
        dmm = PyroDMM(config, splits.spec.x_dim, embedding=embedding).to(device)
    update = svi_update(dmm, lr=train.lr, clip_norm=train.clip_norm)
    resident = ResidentSequences(splits.train, device)
    rng = np.random.default_rng(0)

    def epoch() -> None:
        for indices in batch_indices(splits.train.lengths, train.batch_size, rng):
            update(resident.batch(indices))

    return epoch
