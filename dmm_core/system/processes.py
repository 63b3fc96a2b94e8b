"""Data-parallel training: several processes train one model, each on a part of every batch.

`torchrun` starts the processes and sets each one's rank in its environment. Rank 0 is the leader.
Only the leader writes the run folder, and before every update it tells the others whether to
continue, so it can stop the training at any time. Every process draws the noise of the whole batch
and uses its part of it, and the gradients are summed over the processes. The result is therefore
the same as with one process, up to floating-point rounding.
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

__all__ = ["SINGLE_PROCESS", "Shard", "TrainingEnded", "World", "process_group"]


class TrainingEnded(Exception):
    """Raised in a follower process after the leader has ended the training."""


class Shard(NamedTuple):
    """The part of a batch that one process computes.

    Attributes:
        rows: indices of its sequences in the batch; at least one.
        idle: whether the batch has fewer sequences than there are processes and none is left for
            this one. It then computes the first sequence with weight 0.
        batch: number of sequences of the whole batch.
        steps: number of time steps of the whole batch, including padding.
        frames: number of valid frames of the whole batch.
    """

    rows: slice
    idle: bool
    batch: int
    steps: int
    frames: int


class World(NamedTuple):
    """The group of processes that train one model.

    Attributes:
        rank: index of this process; the leader has rank 0.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    def shard(self, lengths: np.ndarray) -> Shard:
        """Return this process's part of a batch.

        Args:
            lengths: (batch,) number of frames of each sequence of the batch.
        """
        edges = np.arange(self.size + 1) * len(lengths) // self.size
        first, last = int(edges[self.rank]), int(edges[self.rank + 1])
        idle = first == last
        rows = slice(0, 1) if idle else slice(first, last)
        return Shard(rows, idle, len(lengths), int(lengths.max()), int(lengths.sum()))

    def broadcast(self, message: Any = None) -> Any:
        """Send the leader's `message` to every process and return it.

        A group of one process sends nothing and returns `message`.

        Raises:
            TrainingEnded: in a follower, if the leader has ended the training.
        """
        if self.size == 1:
            return message
        box = [message]
        distributed.broadcast_object_list(box, src=0)
        if self.rank and isinstance(box[0], _End):
            raise TrainingEnded
        return box[0]

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter], sums: Tensor) -> Tensor:
        """Sum the gradients over all processes in place, and return the sum of `sums`.

        Args:
            parameters: parameters whose `grad` is replaced by its sum.
            sums: (n,) further numbers of this process that are summed in the same message.
        """
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([*(grad.flatten() for grad in grads), sums])
        distributed.all_reduce(flat)
        *parts, sums = flat.split([*(grad.numel() for grad in grads), len(sums)])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)
        return sums


class _End:
    """Message by which the leader ends the training."""


SINGLE_PROCESS = World()
"""A group of one process, which does not communicate."""


@contextmanager
def process_group() -> Iterator[World]:
    """Connect the processes that `torchrun` started; without `torchrun`, yield `SINGLE_PROCESS`.

    When the leader leaves the context, `broadcast` raises `TrainingEnded` in the other processes.

    Raises:
        ConfigError: if this build of PyTorch has no support for distributed training.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield SINGLE_PROCESS
        return
    if not distributed.is_available():
        raise ConfigError(f"This build of PyTorch cannot train in {size} processes, only in 1.")
    # On import, this module stores the current process group as a default argument. Optimisers
    # import it. If that happened after the group is created, the group and gloo's threads would
    # live until the process exits and could abort it. So it is imported first.
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
            with suppress(RuntimeError):  # a follower has already exited
                world.broadcast(_End())
        distributed.destroy_process_group()
