"""The pitch at which music sounds, and the pitch at which a model sees it."""

from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dmm_core.errors import DataError
from dmm_core.music.key import Key
from dmm_core.music.transposition import (
    Transposition,
    describe_semitones,
    pitch_reference,
    transposed,
    transposition_for_model,
)
from pages.ui.address import choose

__all__ = ["LOWERED_CAPTION", "SoundingPiece", "ask_transposition", "sounding_shift_of"]

LOWERED_CAPTION = (
    "The music is played and drawn an octave lower than it is stored in the data set, close to the "
    "range of Bach's singers."
)
"""Caption for music of a data set that stores it an octave too high."""

_AUTO = "auto"


def sounding_shift_of(data: str) -> int:
    """Semitones, at most 0, from the stored to the sounding pitch of the data set called `data`."""
    return -pitch_reference(data).raised


class SoundingPiece(NamedTuple):
    """A piece at its sounding pitch, and its transposition to the key of a model's data.

    Attributes:
        x: (T, 88) uint8, at the sounding pitch.
        key_shift: semitones by which it is transposed for a model, in addition to octaves.
    """

    x: np.ndarray
    key_shift: int = 0

    def for_model(self, model: str) -> np.ndarray:
        """(T, 88) uint8 for a model that was trained on the data set called `model`."""
        return transposed(self.x, pitch_reference(model).raised + self.key_shift)


def ask_transposition(
    x: np.ndarray, *, source: str, model: str, place: DeltaGenerator
) -> SoundingPiece:
    """Ask how to transpose a piece for a model whose training data are all in the same key.

    For other models, and for pieces of the model's own data set, nothing is asked.

    Args:
        x: (T, 88) uint8, the piece as its source stores it.
        source: name of its data set, or "" for a file.
        model: name of the data set that the model was trained on.
        place: container of the choice.

    Raises:
        DataError: if the address names a transposition that is not on offer.
    """
    auto = transposition_for_model(x, source=source, model=model)
    sounding = transposed(x, sounding_shift_of(source))
    if auto.key is None:
        return SoundingPiece(sounding)
    with place:
        chosen = choose(
            "Transpose for the model",
            [_AUTO, *(str(n) for n in range(-6, 7))],
            key="move",
            format_func=lambda text: (
                _auto_label(auto) if text == _AUTO else _semitones_label(int(text))
            ),
            help="Most pieces that this model was trained on are in C major or C minor. Your piece "
            "is transposed to one of these keys for the model, and the result is transposed back.",
        )
    if chosen is None:
        raise DataError("The transposition must be -6 to 6 semitones or auto; choose one above.")
    key_shift = auto.by_key if chosen == _AUTO else int(chosen)
    model_key = Key((auto.key.tonic + key_shift) % 12, auto.key.minor)
    st.caption(
        f"Estimated key: {auto.key}. The model sees the piece in {model_key}; the result is "
        f"transposed back to {auto.key}."
        if key_shift
        else f"Estimated key: {auto.key}. The model sees the piece in this key."
    )
    return SoundingPiece(sounding, key_shift)


def _auto_label(auto: Transposition) -> str:
    return f"{_semitones_label(auto.by_key)} (from {auto.key})"


def _semitones_label(semitones: int) -> str:
    words = describe_semitones(semitones)
    return words[0].upper() + words[1:]
