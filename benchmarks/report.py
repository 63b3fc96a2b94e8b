"""A row of the table: what was measured, how much, and how."""

import threading
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

__all__ = ["Options", "Row", "alternate", "in_threads", "ratio", "seconds"]


class Options(NamedTuple):
    """What a run of the benchmarks was asked for.

    Attributes:
        threads: of the matrix products.
        repetitions: pairs of which a median is taken.
        full: measure everything to its end instead of scaling a part.
        clock: wall, or cpu: seconds of the processor, which say more on a busy machine, with
            one thread.
        budget: seconds that the section `gpu` may take.
    """

    threads: int
    repetitions: int
    full: bool
    clock: str
    budget: float = 540.0


class Row(NamedTuple):
    """One measurement.

    Attributes:
        measure: what.
        value: how much; None where it was not measured.
        unit: of it, empty for a ratio.
        how: what the number stands for.
    """

    measure: str
    value: float | None
    unit: str
    how: str


def seconds(action: Callable[[], object], clock: str = "wall") -> float:
    """Seconds of one call, of a clock of `Options`."""
    now = {"wall": perf_counter, "cpu": process_time}[clock]
    began = now()
    action()
    return now() - began


def alternate(
    *actions: Callable[[], object], repetitions: int, clock: str = "wall"
) -> list[list[float]]:
    """Seconds of each action, called in turn so that all of them meet the same machine.

    Args:
        actions: what to time; each is called once before anything counts.
        repetitions: how often each is timed.
        clock: of `Options`.

    Returns:
        For each action the seconds of its calls; call i of one stands beside call i of the others.
    """
    for action in actions:
        action()
    rounds = [[seconds(action, clock) for action in actions] for _ in range(repetitions)]
    return [list(taken) for taken in zip(*rounds, strict=True)]


def in_threads(actions: Sequence[Callable[[], object]]) -> None:
    """Call all actions at the same time, each in a thread of its own, and wait for the last."""
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ratio(slower: list[float], faster: list[float]) -> float:
    """Median of the ratios of calls that stood side by side."""
    return median(a / b for a, b in zip(slower, faster, strict=True))
