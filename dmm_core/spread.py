"""Parts of a work done side by side, a thread each."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["spread"]

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_MOST = 8
"""Parts done at once: each holds what it computes with."""

_START_SECONDS = 60.0


def spread(
    function: Callable[[_Task], _Result], tasks: Iterable[_Task], device: torch.device
) -> Iterator[_Result]:
    """Results of `function`, in the order of `tasks`; on a CPU several are worked on at once.

    Many small products gain little from a second thread, and lose much where another program needs
    its core; parts that know nothing of each other gain all of it. Tasks are taken from their
    iterator here, one by one and only a few ahead.

    Args:
        function: called in threads, which start with gradients enabled.
        tasks: what it is called with.
        device: where it computes; with a GPU it is called here, since work queues up there.
    """
    threads = torch.get_num_threads()
    workers = min(threads, _MOST) if device.type == "cpu" else 1
    if workers == 1:
        yield from map(function, tasks)
        return
    with ThreadPoolExecutor(workers, "spread") as pool:
        _share_out(pool, threads, workers)
        waiting: deque[Future[_Result]] = deque()
        for task in tasks:
            waiting.append(pool.submit(function, task))
            if len(waiting) > workers + 1:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()


def _share_out(pool: ThreadPoolExecutor, threads: int, workers: int) -> None:
    """Give each of the pool's threads its share of PyTorch's."""
    started = threading.Barrier(workers + 1, timeout=_START_SECONDS)

    def start() -> None:
        torch.get_num_threads()  # PyTorch's first question in a thread sets its number anew
        torch.set_num_threads(threads // workers)
        started.wait()

    for _ in range(workers):
        pool.submit(start)
    started.wait()
    torch.set_num_threads(threads)  # what threads that are yet to come begin with was changed too
