"""What a sweep found: its runs ranked by their bound on valid, and each setting over its seeds."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dmm_core.runs.status import State

__all__ = ["OverSeeds", "Result", "over_seeds", "ranked"]

_SEED = "train.seed"


class Result(NamedTuple):
    """What became of a combination.

    Attributes:
        run: the id of its run.
        settings: as `Combination` has them.
        state: of the run.
        reason: one sentence, or "".
        best_valid_bound: in nats a frame, or None before the first validation.
        best_epoch: when it was reached, or None.
    """

    run: str
    settings: Mapping[str, Any]
    state: State
    reason: str
    best_valid_bound: float | None
    best_epoch: int | None


class OverSeeds(NamedTuple):
    """The valid bound of one configuration over its seeds.

    Attributes:
        settings: all that was swept but the seed.
        runs: how many of them finished; one at least.
        mean: of their best valid bounds, in nats a frame.
        deviation: standard deviation of a sample (n - 1), or None of a single run.
    """

    settings: Mapping[str, Any]
    runs: int
    mean: float
    deviation: float | None


def ranked(results: Sequence[Result]) -> list[Result]:
    """Those that finished, best valid bound first, and then the others in the same way."""

    def key(result: Result) -> tuple[bool, float]:
        bound = result.best_valid_bound
        return result.state != "finished", math.inf if bound is None else bound

    return sorted(results, key=key)


def over_seeds(results: Sequence[Result]) -> list[OverSeeds]:
    """Each configuration over the seeds of the runs that finished, best mean first.

    Args:
        results: of a sweep.

    Returns:
        Nothing unless the seed was swept along with another setting.
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
