"""What a CUDA GPU makes of it, in one call of a few minutes: `python -m benchmarks gpu`.

An epoch of ours, plain, with CUDA graphs, in TF32 and in bf16, against Pyro's;
the paper's training; the importance NLL; several seeds at once; what precision costs of the bound.
Each part begins only while there is time left of the budget, and one that fails is a line of the
table.
"""

import importlib.util
import math
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from time import monotonic
from typing import Any

import torch

from benchmarks.epoch import epoch_of
from benchmarks.precision import bound_reached
from benchmarks.report import Options, Row, alternate, in_threads, ratio, seconds
from dmm_core.config.presets import PRESETS
from dmm_core.config.schema import DataConfig, ModelConfig
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Splits
from dmm_core.errors import ConfigError, DataError
from dmm_core.inference.evaluation import evaluate
from dmm_core.system.device import choose_device
from dmm_core.training.building import build_model

__all__ = ["rows"]

WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "graphs": {"graphs": True},
    "graphs, tf32": {"graphs": True, "precision": "tf32"},
    "graphs, bf16": {"graphs": True, "precision": "bf16"},
}
"""How an epoch is trained -> settings of the training."""

_RECORDED_AFTER = 6
"""Epochs by which nearly every length has been met twice."""

_PAPER_EPOCHS = 5000
_LEAST_EPOCHS = 300
_PATHS = 2000
_AT_ONCE = 4


def rows(options: Options) -> Iterator[Row]:
    """Every part that fits the budget.

    Raises:
        ConfigError: without a CUDA GPU.
    """
    if not torch.cuda.is_available():
        raise ConfigError("The section gpu needs a CUDA GPU, and this machine has none.")
    end = monotonic() + options.budget
    splits = _splits()
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "epochs, relu RNN": lambda: _epochs("rnn-relu", "relu RNN", splits, options),
        "the paper's training": lambda: _paper(splits, end),
        "importance NLL": lambda: _importance(splits),
        "epochs, LSTM": lambda: _epochs("lstm", "LSTM", splits, options),
        "seeds at once": lambda: _seeds_at_once(splits),
        "precision and the bound": lambda: _bounds(end),
    }
    for name, part in parts.items():
        if monotonic() > end - 20.0:
            yield Row(name, None, "", "not begun: no time left of the budget")
            continue
        try:
            yield from part()
        except Exception as error:  # the other parts are worth having
            yield Row(name, None, "", f"failed: {error!r:.200}")
        torch.cuda.empty_cache()


def _splits() -> Splits:
    """JSB, or where it cannot be had the chorales that need no network."""
    try:
        return load_dataset(DataConfig(name="jsb"))
    except DataError:
        return load_dataset(DataConfig(name="jsb-m21"))


def _waited(action: Callable[[], object]) -> Callable[[], None]:
    """`action` up to the moment when the GPU has done it."""

    def waited() -> None:
        action()
        torch.cuda.synchronize()

    return waited


def _epochs(cell: str, name: str, splits: Splits, options: Options) -> Iterator[Row]:
    config = ModelConfig.model_validate({"rnn": cell})
    actions: dict[str, Callable[[], object]] = {
        way: epoch_of(config, splits, device="cuda", **changes) for way, changes in WAYS.items()
    }
    for epoch in actions.values():
        for _ in range(_RECORDED_AFTER):
            epoch()
    pyro = cell == "rnn-relu" and importlib.util.find_spec("pyro") is not None
    if pyro:
        from benchmarks.against_pyro import pyro_epoch_of

        actions["Pyro"] = pyro_epoch_of(config, splits, embedding=False, device="cuda")
    taken = alternate(*map(_waited, actions.values()), repetitions=options.repetitions)
    times = dict(zip(actions, taken, strict=True))
    what = f"{splits.name}, batches of 20"
    for way, found in times.items():
        yield Row(f"epoch, {name} 600, {way}", 1e3 * median(found), "ms", what)
    for way in WAYS:
        if way != "plain":
            gain = ratio(times["plain"], times[way])
            yield Row(f"plain / {way}, {name}", gain, "", "median of pairs")
        if pyro:
            gain = ratio(times["Pyro"], times[way])
            yield Row(f"Pyro / ours, {way}", gain, "", "median of pairs")
    if cell == "rnn-relu" and not pyro:
        yield Row("epoch, Pyro", None, "", "Pyro is not installed: see requirements-dev.txt")


def _paper(splits: Splits, end: float) -> Iterator[Row]:
    """The preset `paper-dmm`, validations among its epochs, scaled to the paper's epochs."""
    preset = PRESETS["paper-dmm"]
    changes = {"epochs": _PAPER_EPOCHS, "device": "cuda", "graphs": True}
    epoch = epoch_of(preset.model, splits, **(preset.train.model_dump() | changes))
    for _ in range(_RECORDED_AFTER):
        epoch()
    until, began, done = (end + monotonic()) / 2, monotonic(), 0
    while done < _LEAST_EPOCHS and monotonic() < until:
        epoch()
        done += 1
    torch.cuda.synchronize()
    each = (monotonic() - began) / done
    yield Row(
        f"paper-dmm, {_PAPER_EPOCHS} epochs, graphs",
        _PAPER_EPOCHS * each / 60,
        "min",
        f"scaled from {done} epochs of {1e3 * each:.1f} ms",
    )


def _importance(splits: Splits) -> Iterator[Row]:
    model = build_model(ModelConfig(), splits.spec, seed=0)
    model = model.to(choose_device("cuda"))
    evaluate(model, splits.test, samples=2, replicates=2, seed=0)  # allocates
    taken = seconds(lambda: evaluate(model, splits.test, samples=_PATHS // 2, replicates=2, seed=0))
    yield Row(f"importance NLL, S = {_PATHS}, LSTM 600", taken, "s", f"{splits.name}, to the end")


def _bounds(end: float) -> Iterator[Row]:
    quick = PRESETS["quick"]
    splits = load_dataset(quick.data)
    for seed in range(3):
        for precision in ("float32", "tf32", "bf16"):
            if monotonic() > end:
                return
            reached = partial(bound_reached, quick, splits, seed=seed, precision=precision)
            name = f"valid bound, quick, seed {seed}, {precision}"
            found = reached(device="cuda", graphs=True)
            yield Row(name, found, "nats/frame", f"{quick.train.epochs} epochs, 20 paths")


def _seeds_at_once(splits: Splits) -> Iterator[Row]:
    """Trainings of their own, each in a thread and on a stream of the GPU."""
    config, device = ModelConfig(rnn="rnn-relu"), choose_device("cuda")
    epochs = [
        epoch_of(config, splits, device="cuda", graphs=True, seed=seed) for seed in range(_AT_ONCE)
    ]
    streams = [torch.cuda.Stream(device) for _ in epochs]
    torch.cuda.synchronize()  # the models are on the GPU before their streams look at them
    rounds = 10

    def train(epoch: Callable[[], object], stream: torch.cuda.Stream, count: int) -> None:
        with torch.cuda.stream(stream):
            for _ in range(count):
                epoch()

    for epoch, stream in zip(epochs, streams, strict=True):
        train(epoch, stream, _RECORDED_AFTER)

    actions = [
        partial(train, epoch, stream, rounds) for epoch, stream in zip(epochs, streams, strict=True)
    ]
    alone = seconds(_waited(actions[0]))
    taken = seconds(_waited(partial(in_threads, actions)))
    gain = _AT_ONCE * alone / taken if taken else math.inf
    what = f"{_AT_ONCE} threads and streams, one process"
    yield Row(f"{_AT_ONCE} seeds at once, an epoch of all", 1e3 * taken / rounds, "ms", what)
    yield Row("  as many one after another / at once", gain, "", what)
