"""Several seeds: one after another with all threads, against all at once with a share each."""

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

from benchmarks.epoch import epoch_of
from benchmarks.report import Options, Row, alternate, in_threads, ratio
from dmm_core.config.presets import PRESETS
from dmm_core.config.schema import DataConfig, ModelConfig
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Splits
from dmm_core.system.device import cores
from dmm_core.system.threads import set_num_threads_locally

__all__ = ["rows"]


def rows(options: Options) -> Iterator[Row]:
    """An epoch of as many seeds as there are cores, for a large and a small model."""
    quick = PRESETS["quick"]
    jsb = load_dataset(DataConfig(name="jsb"))
    yield from _compared("relu RNN 600, JSB", ModelConfig(rnn="rnn-relu"), jsb, options)
    yield from _compared("preset quick", quick.model, load_dataset(quick.data), options)


def _compared(name: str, config: ModelConfig, splits: Splits, options: Options) -> Iterator[Row]:
    seeds = range(cores())
    epochs = [epoch_of(config, splits, seed=seed) for seed in seeds]

    def one_after_another() -> None:
        for epoch in epochs:
            _with_threads(options.threads, epoch)

    each = max(1, options.threads // len(seeds))
    shared = partial(in_threads, [partial(_with_threads, each, epoch) for epoch in epochs])
    in_turn, at_once = alternate(
        one_after_another, shared, repetitions=options.repetitions, clock=options.clock
    )
    count = len(seeds)
    how = f"{options.threads} threads"
    yield Row(f"{count} seeds in turn, {name}", median(in_turn), "s", f"an epoch of each, {how}")
    yield Row(f"{count} seeds at once, {name}", median(at_once), "s", f"threads of each: {each}")
    yield Row(f"in turn / at once, {name}", ratio(in_turn, at_once), "", "median of pairs")


def _with_threads(count: int, action: Callable[[], object]) -> None:
    set_num_threads_locally(count)
    action()
