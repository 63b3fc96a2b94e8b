"""What a continuation goes on from, and what a reconstruction looks through."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from pages.ui.models import Trained, load_data, pick_data
from pages.ui.pieces import ask_file, pick_piece, pick_split

__all__ = ["Start", "ask_start"]

_LONGEST_QUARTERS = 128
_BEGUN_QUARTERS = 16


class Start(NamedTuple):
    """Frames that are given.

    Attributes:
        x: (T, 88) uint8.
        title: the piece they are of, as its owner named it.
    """

    x: np.ndarray
    title: str


def ask_start(trained: Trained, grid: int, *, from_file: bool, whole: bool) -> Start:
    """Ask for a piece of a data set or a file, and for how much of it is given.

    Args:
        trained: the model it is given to.
        grid: frames of a quarter note.
        from_file: ask for a file instead of a piece of a data set.
        whole: give all of it, up to a length that can be played at once.

    Raises:
        DataError: if the address names none, or a file is refused.
    """
    if from_file:
        sequences, index = ask_file(grid), 0
        length_place = st.container()
    else:
        set_place, split_place, piece_place, length_place = st.columns([3, 3, 4, 2])
        with set_place:
            name = pick_data(trained)
        data = load_data(trained, name)
        with split_place:
            sequences = data[pick_split(data)]
        with piece_place:
            index = pick_piece(sequences)
    x = sequences.x[index]
    longest = min(len(x), _LONGEST_QUARTERS * grid)
    if not whole:
        with length_place:
            asked = st.number_input(
                "Frames of it",
                min_value=1,
                max_value=longest,
                value=min(longest, _BEGUN_QUARTERS * grid),
                key="begin",
                bind="query-params",
                help="How many frames are given; the model goes on from there.",
            )
        longest = min(max(int(asked), 1), longest)
    return Start(x[:longest], sequences.names[index])
