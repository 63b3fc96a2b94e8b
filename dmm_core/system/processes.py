"""Several processes that train one model together: each takes a part of every batch's sequences.

`torchrun` starts the processes and names each one's rank in its environment. Rank 0 leads: it alone
writes the run folder, and says before every update whether there is one, so that it can stop at any
moment. Every process draws the noise of the whole batch and takes its part of it, and gradients are
summed, so the training is that of one process, but for the order in which numbers are added.
"""

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, distributed

from dmm_core.errors import ConfigError

__all__ = ["ALONE", "Dismissed", "Shard", "World", "joined"]


class Dismissed(Exception):
    """The leader has ended the training; a follower has nothing left to do."""


class Shard(NamedTuple):
    """The part of a batch that one process takes.

    Attributes:
        rows: places of its sequences among the batch's; one at least.
        idle: whether its one sequence is another's and counts nothing, for want of sequences.
        batch: sequences of the whole batch.
        steps: time steps of the whole batch.
        frames: valid frames of the whole batch.
    """

    rows: slice
    idle: bool
    batch: int
    steps: int
    frames: int


class World(NamedTuple):
    """The processes that train together.

    Attributes:
        rank: this one's place, 0 for the leader.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    def shard(self, lengths: np.ndarray) -> Shard:
        """This process's part of a batch of sequences of these lengths."""
        edges = np.arange(self.size + 1) * len(lengths) // self.size
        first, last = int(edges[self.rank]), int(edges[self.rank + 1])
        idle = first == last
        rows = slice(0, 1) if idle else slice(first, last)
        return Shard(rows, idle, len(lengths), int(lengths.max()), int(lengths.sum()))

    def broadcast(self, message: Any = None) -> Any:
        """What the leader says: its `message`, on every process; alone nothing is sent.

        Raises:
            Dismissed: on a follower, once the leader has ended the training.
        """
        if self.size == 1:
            return message
        box = [message]
        distributed.broadcast_object_list(box, src=0)
        if self.rank and isinstance(box[0], _End):
            raise Dismissed
        return box[0]

    def add_up(self, parameters: Sequence[torch.nn.Parameter], sums: Tensor) -> Tensor:
        """Sum the gradients over the processes, in place, and `sums` beside them, as returned."""
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([*(grad.flatten() for grad in grads), sums])
        distributed.all_reduce(flat)
        *parts, sums = flat.split([*(grad.numel() for grad in grads), len(sums)])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)
        return sums


class _End:
    """What the leader says at the end."""


ALONE = World()
"""One process, which shares nothing."""


@contextmanager
def joined() -> Iterator[World]:
    """The processes that `torchrun` started beside this one, or `ALONE` without it.

    When the leader leaves, the others are dismissed.

    Raises:
        ConfigError: if this PyTorch cannot connect processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    if not distributed.is_available():
        raise ConfigError(f"This PyTorch cannot train in {size} processes; start one.")
    # It takes the group there is at its import as a default argument. An optimiser imports it, and
    # the group, with gloo's threads, would then last to the end of the process and may abort it.
    importlib.import_module("torch.distributed.nn")
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    world = World(distributed.get_rank(), size)
    try:
        yield world
    finally:
        if world.rank == 0:
            with suppress(RuntimeError):  # a follower that is gone already
                world.broadcast(_End())
        distributed.destroy_process_group()
