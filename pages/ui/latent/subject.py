"""What the Latent page looks at: a model, a sequence, and the sequences around it."""

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

__all__ = ["FILE", "MOST_FRAMES", "Given", "Subject", "ask_subject", "given_of"]

MOST_FRAMES = 4000
"""Frames of a sequence that are looked at: twenty-odd minutes of music, seconds of computing."""

FILE = "the file"
"""The name of sequences that somebody brought."""

_SOURCES = {"data": "A data set", "file": "A file"}


class Given(TypedDict):
    """What a model has to know of a sequence beside its frames, as the library's arguments.

    Attributes:
        u: (T, u_dim) actions, or None.
        observed: (T, x_dim) 1 where a feature was seen, or None.
    """

    u: np.ndarray | None
    observed: np.ndarray | None


def given_of(sequences: Sequences, number: int, most: int) -> Given:
    """What stands beside the first `most` frames of the sequence of that number."""
    u, observed = sequences.u, sequences.observed
    return {
        "u": None if u is None else u[number][:most],
        "observed": None if observed is None else observed[number][:most],
    }


class Subject(NamedTuple):
    """One sequence among others.

    Attributes:
        trained: the model that looks at it.
        sequences: the split it stands in, or the file's own.
        name: of these sequences, to show.
        key: names them for caches.
        number: which one, counted from 0.
        by_key: semitones by which it was moved to the key of the model's data.
    """

    trained: LoadedModel
    sequences: Sequences
    name: str
    key: str
    number: int
    by_key: int = 0

    @property
    def to_sound(self) -> int:
        """Semitones that move what the model sees and composes to where it sounds."""
        return sounding_shift_of(self.trained.data.name) - self.by_key

    @property
    def title(self) -> str:
        """The sequence's name, as its owner gave it."""
        return self.sequences.names[self.number]

    @property
    def x(self) -> np.ndarray:
        """(T, x_dim) frames of the sequence, at most `MOST_FRAMES`."""
        return self.sequences.x[self.number][:MOST_FRAMES]

    def beside(self, number: int) -> "Subject":
        """The sequence of that number, counted from 0, of the same sequences."""
        return self._replace(number=number)

    @property
    def given(self) -> Given:
        """What acted on the sequence, and what of it was observed."""
        return given_of(self.sequences, self.number, MOST_FRAMES)


def ask_subject(trained: LoadedModel, place: DeltaGenerator) -> Subject:
    """Ask for a sequence of a data set, or for a file where the model explains music.

    Args:
        trained: the model that looks at it.
        place: where data set or file is chosen.

    Raises:
        DataError: if the address names none, or a file is refused.
    """
    source = "data"
    if trained.grid:
        names = list(_SOURCES)
        with place:
            source = choose(
                "From",
                names,
                key="from",
                format_func=_SOURCES.__getitem__,
                segmented=True,
                resets=("file",),
            )
    if source == "file" and trained.grid:
        given = ask_file(trained.grid, place)
        model = trained.data.name
        by_key = ask_transposition(given.x[0], source="", model=model, place=place).key_shift
        sequences = replace(
            given, x=tuple(SoundingPiece(x, by_key).for_model(model) for x in given.x)
        )
        key = hashlib.sha256(sequences.x[0].tobytes()).hexdigest()
        return Subject(trained, sequences, FILE, key, 0, by_key)
    set_place, split_place, piece_place = st.columns([4, 3, 4])
    with set_place:
        chosen = pick_data(trained)
    data = load_data(trained, chosen)
    with split_place:
        split = pick_split(data)
    sequences = data[split]
    name = f"{data.name}, {split}"
    with piece_place:
        return Subject(trained, sequences, name, name, pick_piece(sequences))
