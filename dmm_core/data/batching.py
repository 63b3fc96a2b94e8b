"""Ragged sequences -> padded batches of tensors, sequences of like lengths together."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError

__all__ = ["ResidentSequences", "SequenceBatch", "batch_indices", "in_order"]

_LENGTH_JITTER = 0.1
"""Spread of a length's factor in the sorting key: mixes the batches, at little padding."""


class SequenceBatch(NamedTuple):
    """Sequences left-aligned and padded with zeros to the longest.

    Attributes:
        x: (batch, time, feature), floating point.
        mask: (batch, time), 1 on valid steps and 0 on padding, of x's type.
        lengths: (batch,) int64, valid steps of each sequence.
        u: (batch, time, action), u[:, t] acting on the step from t to t + 1, or None.
        observed: (batch, time, feature), 1 where a feature was seen, or None where all were.
    """

    x: Tensor
    mask: Tensor
    lengths: Tensor
    u: Tensor | None = None
    observed: Tensor | None = None

    def part(self, rows: slice, steps: int) -> "SequenceBatch":
        """The sequences at `rows`, cut to `steps` time steps; none of them may be longer."""
        u, observed = (None if t is None else t[rows, :steps] for t in (self.u, self.observed))
        return SequenceBatch(
            self.x[rows, :steps], self.mask[rows, :steps], self.lengths[rows], u, observed
        )

    @property
    def x_before(self) -> Tensor:
        """(batch, time, feature), x_{t-1}, zero before the first step."""
        return _one_later(self.x)

    @property
    def u_before(self) -> Tensor:
        """(batch, time, action), u_{t-1}, zero before the first step.

        Raises:
            DataError: if the sequences have no actions.
        """
        if self.u is None:
            raise DataError("The model was made for actions, but these sequences have none.")
        return _one_later(self.u)


class ResidentSequences:
    """Sequences laid end to end on a device once, so that a batch costs one gather there.

    Args:
        sequences: what to lay down; binary ones stay a byte a value.
        device: where.
        dtype: type of the batches' x.
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
        self._dtype = dtype

    def batch(self, indices: np.ndarray) -> SequenceBatch:
        """The sequences at `indices` as one batch."""
        return self.gather(self.places(indices), int(self.lengths[indices].max()))

    def places(self, indices: np.ndarray) -> Tensor:
        """(2, batch) int64 on the device: where the sequences at `indices` start; their lengths."""
        places = np.stack([self._starts[indices], self.lengths[indices]])
        return torch.from_numpy(places).to(self._frames.device, non_blocking=True)

    def gather(self, places: Tensor, steps: int) -> SequenceBatch:
        """A batch of `steps` time steps, made on the device alone.

        Args:
            places: as `places` gives them; a length may be 0.
            steps: no fewer than the longest length.
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
        )

    def everything(self) -> SequenceBatch:
        """All sequences as one batch, in their order."""
        return self.batch(np.arange(len(self.lengths)))


def _one_later(steps: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(steps[:, :1]), steps[:, :-1]], dim=1)


def _end_to_end(arrays: tuple[np.ndarray, ...], device: torch.device | str) -> Tensor:
    """All rows, and one of zeros for padding behind them."""
    return torch.from_numpy(np.concatenate([*arrays, np.zeros_like(arrays[0][:1])])).to(device)


def batch_indices(
    lengths: np.ndarray, batch_size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Every index once, in batches of like lengths, the batches in random order."""
    jitter = rng.uniform(1.0 - _LENGTH_JITTER, 1.0 + _LENGTH_JITTER, len(lengths))
    order = np.argsort(lengths * jitter, kind="stable")
    batches = np.split(order, np.arange(batch_size, len(order), batch_size))
    return [batches[i] for i in rng.permutation(len(batches))]


def in_order(lengths: np.ndarray, frames: int) -> Iterator[np.ndarray]:
    """Every index once, from short to long, in batches of at most `frames` padded frames.

    A sequence longer than that stands alone.
    """
    batch: list[int] = []
    for index in np.argsort(lengths, kind="stable"):
        if batch and (len(batch) + 1) * lengths[index] > frames:
            yield np.array(batch)
            batch = []
        batch.append(int(index))
    if batch:
        yield np.array(batch)
