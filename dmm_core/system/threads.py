"""PyTorch's threads: how many a thread of the program has, and parts of a work side by side."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["own_threads", "spread"]

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_MOST = 8
"""Parts done at once: each holds what it computes with."""

_SETTING = threading.Lock()


def own_threads(count: int) -> int:
    """Give the calling thread `count` of PyTorch's threads for its products, and no other thread.

    PyTorch keeps the number by thread, but what is set in one is also what every thread begins with
    that has not asked yet. So it is asked first here, and set back for the others afterwards.

    Args:
        count: how many; 0 for as many as threads have that nobody gave a number.

    Returns:
        How many it has now.
    """
    with _SETTING, ThreadPoolExecutor(1) as aside:
        usual = aside.submit(torch.get_num_threads).result()
        torch.get_num_threads()
        torch.set_num_threads(count or usual)
        aside.submit(torch.set_num_threads, usual).result()
    return count or usual


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
    with ThreadPoolExecutor(
        workers, "spread", initializer=own_threads, initargs=(threads // workers,)
    ) as pool:
        waiting: deque[Future[_Result]] = deque()
        for task in tasks:
            waiting.append(pool.submit(function, task))
            if len(waiting) > workers + 1:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()
