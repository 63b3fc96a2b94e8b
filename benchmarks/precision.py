"""What bf16 gains on this processor, and what it costs of the bound that is reached."""

from collections.abc import Iterator
from statistics import median

from benchmarks.epoch import CELLS, epoch_of
from benchmarks.report import Options, Row, alternate, ratio
from dmm_core.config.presets import PRESETS
from dmm_core.config.schema import DataConfig, ModelConfig, RunConfig
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Splits
from dmm_core.training.building import build_model
from dmm_core.training.events import Finished
from dmm_core.training.loop import fit

__all__ = ["bound_reached", "rows"]

_SEEDS = 3
_EPOCHS = 20


def rows(options: Options) -> Iterator[Row]:
    """An epoch of JSB in float32 and in bf16 for every cell, and the bound of short trainings."""
    splits = load_dataset(DataConfig(name="jsb"))
    for name, cell in CELLS.items():
        config = ModelConfig(rnn=cell)  # pyright: ignore[reportArgumentType]
        plain, short = alternate(
            epoch_of(config, splits),
            epoch_of(config, splits, precision="bf16"),
            repetitions=options.repetitions,
            clock=options.clock,
        )
        yield Row(f"JSB epoch, {name} 600, float32", median(plain), "s", "as against Pyro")
        yield Row(f"JSB epoch, {name} 600, bf16", median(short), "s", "the same")
        yield Row(f"bf16 / float32, {name} 600", ratio(short, plain), "", "median of pairs")
    quick = PRESETS["quick"]
    splits = load_dataset(quick.data)
    for seed in range(_SEEDS):
        for precision in ("float32", "bf16"):
            epochs = quick.train.epochs if options.full else _EPOCHS
            found = bound_reached(quick, splits, epochs=epochs, seed=seed, precision=precision)
            name = f"valid bound, quick, seed {seed}, {precision}"
            yield Row(name, found, "nats/frame", f"{epochs} epochs, 20 paths")


def bound_reached(config: RunConfig, splits: Splits, **changes: object) -> float:
    """The valid bound at the end of a training on the CPU, evaluated in float32."""
    settings = {"device": "cpu", "eval_every": config.train.epochs, "eval_samples": 20}
    train = type(config.train).model_validate(config.train.model_dump() | settings | changes)
    model = build_model(config.model, splits.spec, seed=train.seed)
    *_, end = fit(model, splits, train)
    assert isinstance(end, Finished) and end.best_valid_bound is not None
    return end.best_valid_bound
