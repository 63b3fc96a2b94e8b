"""How an update's time and memory grow: with time steps, batch, latent dimensions and data.

Of each sweep the exponent is fitted to the logarithms: 1 is linear. Memory is what an update keeps
for its backward pass, counted by PyTorch's hooks on saved tensors; the workspace that the fused
LSTM keeps to itself is not in it, so the plain RNN is measured, which has none.
"""

from collections.abc import Callable, Iterator, Sequence
from statistics import median

import numpy as np
import torch
from torch import Tensor

from benchmarks.report import Options, Row, seconds
from dmm_core.config.schema import ModelConfig
from dmm_core.data.batching import ResidentSequences, SequenceBatch, batch_indices
from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import DataSpec
from dmm_core.inference.objective import bound_of
from dmm_core.inference.seeded_sampling import draw_noise
from dmm_core.nn.dmm import DMM
from dmm_core.training.building import build_model

__all__ = ["exponent", "kept_bytes", "rows"]

_X_DIM = 88
Setting = Callable[[int], tuple[DMM, SequenceBatch]]


def rows(options: Options) -> Iterator[Row]:
    """Exponents of time and memory over four sweeps, each of four sizes, doubling."""
    yield from _sweep("time steps, 16 sequences", (64, 128, 256, 512), options, _of_steps)
    yield from _sweep("sequences, 64 time steps", (16, 32, 64, 128), options, _of_rows)
    yield from _sweep("latent dimensions, 16 x 64", (64, 128, 256, 512), options, _of_latent)
    sizes = (80, 160, 320, 640)
    model = _model()
    times = [_epoch_seconds(model, count, options) for count in sizes]
    yield Row("epoch ~ sequences^", exponent(sizes, times), "", _how(sizes))


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The slope of log(values) over log(sizes)."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def kept_bytes(model: DMM, batch: SequenceBatch) -> int:
    """Bytes that one update keeps for its backward pass, without the model's own weights."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = _loss(model, batch)
    found = sum(kept.values())
    del loss  # until here it held them, so that no address was used twice
    return found


def _sweep(name: str, sizes: tuple[int, ...], options: Options, setting: Setting) -> Iterator[Row]:
    times, memory = [], []
    for size in sizes:
        model, batch = setting(size)

        def update(model: DMM = model, batch: SequenceBatch = batch) -> None:
            model.zero_grad()
            _loss(model, batch).backward()

        update()
        times.append(median(seconds(update, options.clock) for _ in range(options.repetitions)))
        memory.append(kept_bytes(model, batch))
    yield Row(f"time ~ {name}^", exponent(sizes, times), "", _how(sizes))
    yield Row(f"memory ~ {name}^", exponent(sizes, memory), "", _how(sizes))


def _how(sizes: tuple[int, ...]) -> str:
    return f"fitted at {', '.join(map(str, sizes))}"


def _of_steps(steps: int) -> tuple[DMM, SequenceBatch]:
    return _model(), _batch(16, steps)


def _of_rows(count: int) -> tuple[DMM, SequenceBatch]:
    return _model(), _batch(count, 64)


def _of_latent(z_dim: int) -> tuple[DMM, SequenceBatch]:
    return _model(z_dim), _batch(16, 64)


def _model(z_dim: int = 64) -> DMM:
    config = ModelConfig(z_dim=z_dim, rnn="rnn-relu", rnn_size=256)
    return build_model(config, DataSpec("binary", _X_DIM), seed=0)


def _sequences(count: int, steps: int) -> Sequences:
    rng = np.random.default_rng(0)
    x = tuple((rng.random((steps, _X_DIM)) < 0.05).astype(np.uint8) for _ in range(count))
    return Sequences(x, tuple(map(str, range(count))))


def _batch(count: int, steps: int) -> SequenceBatch:
    return ResidentSequences(_sequences(count, steps), "cpu").everything()


def _loss(model: DMM, batch: SequenceBatch) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    noise = draw_noise((*batch.mask.shape, model.z_dim), generator, batch.x)
    bound = bound_of(model, batch, model.posterior(batch, noise, generator))
    return (bound.nll + bound.kl).sum() / batch.mask.sum()


def _epoch_seconds(model: DMM, count: int, options: Options) -> float:
    sequences = _sequences(count, 32)
    resident = ResidentSequences(sequences, "cpu")

    def epoch() -> None:
        for indices in batch_indices(sequences.lengths, 20, np.random.default_rng(0)):
            model.zero_grad()
            _loss(model, resident.batch(indices)).backward()

    return seconds(epoch, options.clock)
