"""Ranks the runs of a sweep by their validation bound, and summarises settings over their seeds."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dmm_core.runs.status import State

__all__ = ["OverSeeds", "Result", "over_seeds", "ranked"]

_SEED = "train.seed"


class Result(NamedTuple):
    """The result of one combination of settings.

    Attributes:
        run: the id of its run.
        settings: the swept settings and their values.
        state: the state of the run.
        reason: the reason of the state, in one sentence, or "".
        best_valid_bound: the best validation bound, in nats per frame; None before the first
            validation.
        best_epoch: the epoch of the best validation bound, or None.
    """

    run: str
    settings: Mapping[str, Any]
    state: State
    reason: str
    best_valid_bound: float | None
    best_epoch: int | None


class OverSeeds(NamedTuple):
    """The validation bound of one configuration over its seeds.

    Attributes:
        settings: the swept settings, without the seed.
        runs: number of finished runs, at least one.
        mean: mean of their best validation bounds, in nats per frame.
        deviation: their sample standard deviation (n - 1); None for a single run.
    """

    settings: Mapping[str, Any]
    runs: int
    mean: float
    deviation: float | None


def ranked(results: Sequence[Result]) -> list[Result]:
    """Sort results by their validation bound, best first; finished runs come before the others."""

    def key(result: Result) -> tuple[bool, float]:
        bound = result.best_valid_bound
        return result.state != "finished", math.inf if bound is None else bound

    return sorted(results, key=key)


def over_seeds(results: Sequence[Result]) -> list[OverSeeds]:
    """Summarise each configuration over the seeds of its finished runs, best mean first.

    Args:
        results: the results of a sweep.

    Returns:
        One entry for each configuration; an empty list unless the sweep is over the seed and
        another setting.
    """
    bounds: dict[tuple[tuple[str, Any], ...], list[float]] = {}
    for result in results:
        others = tuple((key, value) for key, value in result.settings.items() if key != _SEED)
        both = 0 < len(others) < len(result.settings)
        if both and result.state == "finished" and result.best_valid_bound is not None:
            bounds.setdefault(others, []).append(result.best_valid_bound)
    found = [
        OverSeeds(
            dict(others),
            len(group),
            statistics.fmean(group),
            statistics.stdev(group) if len(group) > 1 else None,
        )
        for others, group in bounds.items()
    ]
    return sorted(found, key=lambda entry: entry.mean)
