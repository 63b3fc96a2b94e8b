"""The model and the sequence that are selected on the Latent page."""

import hashlib
from dataclasses import replace
from typing import NamedTuple, TypedDict

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dmm_core.data.sequences import Sequences
from pages.ui.address import choose
from pages.ui.models import LoadedModel, load_data, pick_data
from pages.ui.pieces import ask_file, pick_piece, pick_split
from pages.ui.pitch import SoundingPiece, ask_transposition, sounding_shift_of

__all__ = [
    "FILE",
    "MAX_FRAMES",
    "Selection",
    "SequenceInputs",
    "select_sequence",
    "sequence_inputs",
]

MAX_FRAMES = 4000
"""Maximum number of frames of a sequence: over twenty minutes of music, seconds of computation."""

FILE = "the file"
"""The name of the sequences of an uploaded file."""

_SOURCES = {"data": "A data set", "file": "A file"}


class SequenceInputs(TypedDict):
    """Inputs of a model in addition to the frames of a sequence, as keyword arguments.

    Attributes:
        u: (T, u_dim) actions, or None.
        observed: (T, x_dim) 1 where a feature is observed, or None.
        c: (T, c_dim) covariates, or None.
    """

    u: np.ndarray | None
    observed: np.ndarray | None
    c: np.ndarray | None


def sequence_inputs(sequences: Sequences, number: int, most: int) -> SequenceInputs:
    """Return the inputs of the first `most` frames of the sequence with index `number`."""
    u, observed, c = (
        None if part is None else part[number][:most]
        for part in (sequences.u, sequences.observed, sequences.c)
    )
    return {"u": u, "observed": observed, "c": c}


class Selection(NamedTuple):
    """The model and the sequence that are selected.

    Attributes:
        loaded: the model.
        sequences: the split or file that contains the sequence.
        name: name of the split or file to display.
        key: identifies the sequences in caches.
        number: index of the sequence, starting at 0.
        key_shift: semitones by which it is transposed to the key of the model's data.
    """

    loaded: LoadedModel
    sequences: Sequences
    name: str
    key: str
    number: int
    key_shift: int = 0

    @property
    def sounding_shift(self) -> int:
        """Semitones by which the model's input and output are transposed for playback."""
        return sounding_shift_of(self.loaded.data.name) - self.key_shift

    @property
    def title(self) -> str:
        """The name of the sequence."""
        return self.sequences.names[self.number]

    @property
    def x(self) -> np.ndarray:
        """(T, x_dim) frames of the sequence, at most `MAX_FRAMES`."""
        return self.sequences.x[self.number][:MAX_FRAMES]

    def with_number(self, number: int) -> "Selection":
        """Return the selection of another sequence of the same split."""
        return self._replace(number=number)

    @property
    def inputs(self) -> SequenceInputs:
        """Actions, observation mask and covariates of the sequence."""
        return sequence_inputs(self.sequences, self.number, MAX_FRAMES)


def select_sequence(loaded: LoadedModel, place: DeltaGenerator) -> Selection:
    """Draw the choice of a sequence of a data set, or of a file if the model is one of music.

    Args:
        loaded: the model.
        place: container of the choice between data set and file.

    Raises:
        DataError: if the address names a sequence that does not exist, or a file is refused.
    """
    source = "data"
    if loaded.grid:
        names = list(_SOURCES)
        with place:
            source = choose(
                "Source",
                names,
                key="from",
                format_func=_SOURCES.__getitem__,
                segmented=True,
                resets=("file",),
            )
    if source == "file" and loaded.grid:
        file = ask_file(loaded.grid, place)
        model = loaded.data.name
        key_shift = ask_transposition(file.x[0], source="", model=model, place=place).key_shift
        sequences = replace(
            file, x=tuple(SoundingPiece(x, key_shift).for_model(model) for x in file.x)
        )
        key = hashlib.sha256(sequences.x[0].tobytes()).hexdigest()
        return Selection(loaded, sequences, FILE, key, 0, key_shift)
    set_place, split_place, piece_place = st.columns([4, 3, 4])
    with set_place:
        chosen = pick_data(loaded)
    data = load_data(loaded, chosen)
    with split_place:
        split = pick_split(data)
    sequences = data[split]
    name = f"{data.name}, {split}"
    with piece_place:
        return Selection(loaded, sequences, name, name, pick_piece(sequences))
