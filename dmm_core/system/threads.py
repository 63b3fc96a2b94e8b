"""The number of PyTorch's threads per Python thread, and a parallel map on the CPU."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["parallel_map", "set_num_threads_locally"]

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_MAX_WORKERS = 8
"""Largest number of tasks that run at the same time; each task uses its own memory."""

_SETTING_LOCK = threading.Lock()


def set_num_threads_locally(count: int) -> int:
    """Set the number of PyTorch's threads for operations of the calling thread only.

    PyTorch stores the number per thread. However, `torch.set_num_threads` also changes the default
    of all threads that have not read the number yet. So this function first reads the number in the
    calling thread, sets it, and then restores the default from a helper thread.

    Args:
        count: number of threads; 0 keeps PyTorch's default.

    Returns:
        The number of threads that the calling thread uses now.
    """
    with _SETTING_LOCK, ThreadPoolExecutor(1) as helper:
        default = helper.submit(torch.get_num_threads).result()
        torch.get_num_threads()
        torch.set_num_threads(count or default)
        helper.submit(torch.set_num_threads, default).result()
    return count or default


def parallel_map(
    function: Callable[[_Task], _Result], tasks: Iterable[_Task], device: torch.device
) -> Iterator[_Result]:
    """Apply `function` to every task, in parallel threads on a CPU, and yield the results in order.

    Small matrix products gain little from a second PyTorch thread, and they become slow if another
    program uses its core. Independent tasks use the cores fully instead. Tasks are taken from their
    iterator in the calling thread, only a few ahead of the results.

    Args:
        function: called in worker threads, in which gradients are enabled.
        tasks: arguments of the calls.
        device: device on which `function` computes. For a GPU all calls are made in the calling
            thread, because the GPU queues their work anyway.
    """
    threads = torch.get_num_threads()
    workers = min(threads, _MAX_WORKERS) if device.type == "cpu" else 1
    if workers == 1:
        yield from map(function, tasks)
        return
    with ThreadPoolExecutor(
        workers, "parallel_map", initializer=set_num_threads_locally, initargs=(threads // workers,)
    ) as pool:
        waiting: deque[Future[_Result]] = deque()
        for task in tasks:
            waiting.append(pool.submit(function, task))
            if len(waiting) > workers + 1:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()
