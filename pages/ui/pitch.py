"""The octave and the key in which music is heard, and in which a model meets it."""

from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dmm_core.errors import DataError
from dmm_core.music.key import Key
from dmm_core.music.transposition import (
    Transposition,
    home_of,
    into_model,
    semitones_in_words,
    transposed,
)
from pages.ui.address import choose

__all__ = ["LOWERED", "Heard", "ask_heard_piece", "down_to_sound"]

LOWERED = (
    "Heard and drawn an octave lower than in the data set, which is about where Bach's singers are."
)
"""Says so on a page."""

_AUTO = "auto"


def down_to_sound(data: str) -> int:
    """Semitones, at most 0, that move music of the data set called `data` to where it sounds."""
    return -home_of(data).raised


class Heard(NamedTuple):
    """A piece as it sounds, and how a model meets it.

    Attributes:
        x: (T, 88) uint8, at the pitch where it sounds.
        by_key: semitones by which it is moved, beside its octave, before a model sees it.
    """

    x: np.ndarray
    by_key: int = 0

    def for_model(self, model: str) -> np.ndarray:
        """(T, 88) uint8 for a model that was trained on the data set called `model`."""
        return transposed(self.x, home_of(model).raised + self.by_key)


def ask_heard_piece(x: np.ndarray, *, source: str, model: str, place: DeltaGenerator) -> Heard:
    """A piece of a data set or a file as it sounds; where a model has a key, ask how to get there.

    Args:
        x: (T, 88) uint8, the piece as its source has it.
        source: the data set that it is of, or "" for a file.
        model: the data set that the model was trained on.
        place: where the choice is drawn.

    Raises:
        DataError: if the address names no such move.
    """
    auto = into_model(x, source=source, model=model)
    sounding = transposed(x, down_to_sound(source))
    if auto.key is None:
        return Heard(sounding)
    with place:
        chosen = choose(
            "Transpose for the model",
            [_AUTO, *(str(n) for n in range(-6, 7))],
            key="move",
            show=lambda text: _move(auto) if text == _AUTO else _capital(int(text)),
            help="Most pieces that this model learned from are in C major or C minor. Yours is "
            "moved there before the model sees it, and everything is moved back afterwards.",
        )
    if chosen is None:
        raise DataError("A piece is moved by -6 to 6 semitones, or by auto; choose one above.")
    by_key = auto.by_key if chosen == _AUTO else int(chosen)
    there = Key((auto.key.tonic + by_key) % 12, auto.key.minor)
    st.caption(
        f"Estimated key: {auto.key}. The model sees the piece in {there}, and what it composes "
        f"comes back in {auto.key}."
        if by_key
        else f"Estimated key: {auto.key}. The model sees the piece in this key."
    )
    return Heard(sounding, by_key)


def _move(auto: Transposition) -> str:
    return f"{_capital(auto.by_key)} (from {auto.key})"


def _capital(semitones: int) -> str:
    words = semitones_in_words(semitones)
    return words[0].upper() + words[1:]
