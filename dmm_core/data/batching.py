"""Pads sequences to batches of tensors; a batch holds sequences of similar length."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError

__all__ = ["ResidentSequences", "SequenceBatch", "batch_indices", "in_order", "one_later"]

_LENGTH_JITTER = 0.1
"""Relative noise on the lengths by which sequences are sorted; it varies the batches between epochs
at the cost of little padding."""


class SequenceBatch(NamedTuple):
    """A batch of left-aligned sequences, padded with zeros to the longest.

    Attributes:
        x: (batch, time, feature), the observations, floating point.
        mask: (batch, time), 1 on valid steps and 0 on padding, of the type of `x`.
        lengths: (batch,) int64, valid steps of each sequence.
        u: (batch, time, action), the actions; u[:, t] acts on the step from t to t + 1. None
            without actions.
        observed: (batch, time, feature), 1 where a feature was observed. None if all features
            were observed.
        c: (batch, time, covariate), the covariates of each frame. None without covariates.

    Example:
        >>> import numpy as np
        >>> from dmm_core import Sequences
        >>> from dmm_core.data.batching import ResidentSequences
        >>> data = Sequences((np.ones((2, 1)), np.ones((3, 1))), ("short", "long"))
        >>> batch = ResidentSequences(data, "cpu").everything()
        >>> batch.x.shape, batch.mask.tolist()
        (torch.Size([2, 3, 1]), [[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    """

    x: Tensor
    mask: Tensor
    lengths: Tensor
    u: Tensor | None = None
    observed: Tensor | None = None
    c: Tensor | None = None

    def part(self, rows: slice, steps: int) -> "SequenceBatch":
        """The sequences at `rows`, cut to `steps` time steps; none of them may be longer."""
        u, observed, c = (
            None if part is None else part[rows, :steps] for part in (self.u, self.observed, self.c)
        )
        return SequenceBatch(
            self.x[rows, :steps], self.mask[rows, :steps], self.lengths[rows], u, observed, c
        )

    def between(self, start: int, end: int) -> "SequenceBatch":
        """The time steps from `start` up to, but not including, `end`."""
        u, observed, c = (
            None if part is None else part[:, start:end] for part in (self.u, self.observed, self.c)
        )
        lengths = (self.lengths - start).clamp(0, end - start)
        return SequenceBatch(self.x[:, start:end], self.mask[:, start:end], lengths, u, observed, c)

    @property
    def x_before(self) -> Tensor:
        """(batch, time, feature), x_{t-1}, zero before the first step."""
        return one_later(self.x)

    @property
    def u_before(self) -> Tensor:
        """(batch, time, action), u_{t-1} at step t; zero at the first step.

        Raises:
            DataError: if the sequences have no actions.
        """
        if self.u is None:
            raise DataError("The model was made for actions, but these sequences have none.")
        return one_later(self.u)


class ResidentSequences:
    """Sequences kept on a device, concatenated, so that making a batch takes one gather.

    Args:
        sequences: the sequences. A binary value occupies one byte on the device, a real value
            four.
        device: the device that stores them.
        dtype: type of `x` in the batches.
    """

    def __init__(
        self, sequences: Sequences, device: torch.device | str, dtype: torch.dtype = torch.float32
    ) -> None:
        self.lengths = sequences.lengths
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self._frames = _end_to_end(sequences.x, device)
        self._u = None if sequences.u is None else _end_to_end(sequences.u, device)
        self._observed = (
            None if sequences.observed is None else _end_to_end(sequences.observed, device)
        )
        self._c = None if sequences.c is None else _end_to_end(sequences.c, device)
        self._dtype = dtype

    def batch(self, indices: np.ndarray) -> SequenceBatch:
        """The sequences at `indices` as one batch."""
        return self.gather(self.places(indices), int(self.lengths[indices].max()))

    def places(self, indices: np.ndarray) -> Tensor:
        """(2, batch) int64 on the device: offset and length of the sequences at `indices`."""
        places = np.stack([self._starts[indices], self.lengths[indices]])
        return torch.from_numpy(places).to(self._frames.device, non_blocking=True)

    def gather(self, places: Tensor, steps: int) -> SequenceBatch:
        """Create a batch of `steps` time steps without waiting for the device.

        Args:
            places: the result of `places`; a length may be 0.
            steps: number of time steps, at least the largest length.
        """
        starts, lengths = places
        t = torch.arange(steps, device=places.device)
        valid = t < lengths[:, None]
        index = torch.where(valid, starts[:, None] + t, len(self._frames) - 1)
        return SequenceBatch(
            self._frames[index].to(self._dtype),
            valid.to(self._dtype),
            lengths,
            None if self._u is None else self._u[index].to(self._dtype),
            None if self._observed is None else self._observed[index].to(self._dtype),
            None if self._c is None else self._c[index].to(self._dtype),
        )

    def everything(self) -> SequenceBatch:
        """All sequences as one batch, in their order."""
        return self.batch(np.arange(len(self.lengths)))


def one_later(steps: Tensor) -> Tensor:
    """The values of each step moved to the step after it, (batch, time, ..); zero at the first."""
    return torch.cat([torch.zeros_like(steps[:, :1]), steps[:, :-1]], dim=1)


def _end_to_end(arrays: tuple[np.ndarray, ...], device: torch.device | str) -> Tensor:
    """All rows, followed by one row of zeros for padding."""
    return torch.from_numpy(np.concatenate([*arrays, np.zeros_like(arrays[0][:1])])).to(device)


def batch_indices(
    lengths: np.ndarray, batch_size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Divide the sequences into batches of similar length, in random order.

    Args:
        lengths: (N,), number of frames of each sequence.
        batch_size: largest number of sequences of a batch.
        rng: random generator of the order.

    Returns:
        The indices of each batch; every index occurs once.
    """
    jitter = rng.uniform(1.0 - _LENGTH_JITTER, 1.0 + _LENGTH_JITTER, len(lengths))
    order = np.argsort(lengths * jitter, kind="stable")
    batches = np.split(order, np.arange(batch_size, len(order), batch_size))
    return [batches[i] for i in rng.permutation(len(batches))]


def in_order(lengths: np.ndarray, frames: int) -> Iterator[np.ndarray]:
    """Yield the indices of batches, sorted by length, of at most `frames` padded frames each.

    Every index occurs once. A sequence longer than `frames` is a batch by itself.

    Args:
        lengths: (N,), number of frames of each sequence.
        frames: largest number of frames of a batch, including padding.
    """
    batch: list[int] = []
    for index in np.argsort(lengths, kind="stable"):
        if batch and (len(batch) + 1) * lengths[index] > frames:
            yield np.array(batch)
            batch = []
        batch.append(int(index))
    if batch:
        yield np.array(batch)
