"""The model, the sequence and the feature that are selected on the Forecast page."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.data.sequences import Sequences, Splits
from dmm_core.errors import DataError
from dmm_core.inference.backtest import held_out
from pages.ui.address import choose
from pages.ui.models import LoadedModel, load_data
from pages.ui.pieces import pick_piece, pick_split

__all__ = ["MAX_FRAMES", "Selection", "select"]

MAX_FRAMES = 4000
"""Largest number of frames before an origin that a filter reads; earlier ones are left out."""


class Selection(NamedTuple):
    """What is selected.

    Attributes:
        loaded: the model.
        data: its data set.
        sequences: the uncut series of data that are split in time; otherwise the sequences of a
            split.
        number: index of the sequence.
        feature: index of the feature.
        key: identifies the sequences in caches.
        first: frame from which the sequence is held out, counted from 0; None if all of it is.
    """

    loaded: LoadedModel
    data: Splits
    sequences: Sequences
    number: int
    feature: int
    key: str
    first: int | None

    @property
    def title(self) -> str:
        """The name of the sequence."""
        return self.sequences.names[self.number]

    @property
    def frames(self) -> int:
        """Number of frames of the sequence."""
        return int(self.sequences.lengths[self.number])

    @property
    def feature_name(self) -> str:
        """Name of the feature."""
        return feature_names(self.data)[self.feature]

    @property
    def x_title(self) -> str:
        """Title of the time axis."""
        time = self.data.spec.time
        return time.title if time else "Frame"

    @property
    def values(self) -> np.ndarray:
        """(T,), the feature; NaN where it was not observed."""
        x = self.sequences.x[self.number][:, self.feature].astype(np.float64)
        if self.sequences.observed is not None:
            x[self.sequences.observed[self.number][:, self.feature] == 0] = np.nan
        return x

    def times(self, first: int, frames: int) -> np.ndarray:
        """The times of some frames, which may lie after the end of the sequence.

        Args:
            first: the first frame, counted from 0.
            frames: number of frames.
        """
        time, starts = self.data.spec.time, self.sequences.starts
        if time is None or starts is None:
            return np.arange(first, first + frames)
        return time.values(starts[self.number], first + frames)[first:]


def feature_names(data: Splits) -> tuple[str, ...]:
    """The names of the features; x[0], x[1], ... where there are none."""
    return data.spec.features or tuple(f"x[{i}]" for i in range(data.spec.x_dim))


def select(loaded: LoadedModel) -> Selection:
    """Draw the choice of a sequence and a feature of the model's data set.

    Raises:
        DataError: if the data set is not on this machine, or the address names something that does
            not exist.
    """
    name = loaded.source.config().data.name
    data = load_data(loaded, name)
    split_place, piece_place, feature_place = st.columns([3, 4, 4])
    first = None
    if data.whole is not None:
        part = held_out(data, "test")
        sequences, key = part.sequences, f"{data.name}, whole"
        with split_place:
            number = pick_piece(sequences)
        first = part.first[number]
    else:
        with split_place:
            split = pick_split(data)
        sequences, key = data[split], f"{data.name}, {split}"
        with piece_place:
            number = pick_piece(sequences)
    names = feature_names(data)
    with feature_place:
        feature = _pick_feature(names)
    return Selection(loaded, data, sequences, number, feature, key, first)


def _pick_feature(names: tuple[str, ...]) -> int:
    numbers = [str(i) for i in range(1, len(names) + 1)]
    if len(numbers) == 1:
        return 0
    chosen = choose(
        f"Feature (of {len(names):,})",
        numbers,
        key="feature",
        format_func=lambda number: f"{number}. {names[int(number) - 1]}",
    )
    if chosen is None:
        raise DataError(f"The address names a feature that does not exist; there are {len(names)}.")
    return int(chosen) - 1
