"""The Compose page from the choice of a beginning to the downloads."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.errors import DataError
from dmm_core.listening import require_piano
from dmm_core.music.pianoroll import rearticulates_by_default
from pages.ui.address import choose
from pages.ui.compose.controls import ORIGINAL, ask_performance, ask_plan
from pages.ui.compose.drawing import Mode, Piece, compose
from pages.ui.compose.performance import Performance, midi, sound
from pages.ui.compose.start import Start, ask_start
from pages.ui.models import trained
from pages.ui.octave import octave_of, shifted
from pages.ui.picker import pick_run
from pages.ui.player import player

__all__ = ["draw"]


class _Beginning(NamedTuple):
    title: str
    mode: Mode


_BEGINNINGS = {
    "new": _Beginning("New", "new"),
    "continue": _Beginning("Continue", "continue"),
    "file": _Beginning("From a file", "continue"),
    "reconstruct": _Beginning("Reconstruct", "reconstruct"),
}


def draw() -> None:
    """Ask what to compose, draw it, and let it be heard and kept.

    Raises:
        DataError: if the model explains no music, or the address names nothing that exists.
        RunError: if the model cannot be loaded.
    """
    with st.grid("auto", min_column_width=350):
        model = trained(pick_run())
        grid = require_piano(model.data)
        beginning = choose(
            "Beginning",
            list(_BEGINNINGS),
            key="mode",
            show=lambda name: _BEGINNINGS[name].title,
            few=True,
        )
    if beginning is None:
        raise DataError("There is no such beginning; choose one above.")
    mode = _BEGINNINGS[beginning].mode
    start = None
    if mode != "new":
        start = ask_start(model, grid, from_file=beginning == "file", whole=mode == "reconstruct")
    plan, hear = ask_plan(mode, grid, given=len(start.x) if start else 0)
    with st.spinner("Composing"):
        pieces = compose(model, plan, start.x if start else None)
    piece = pieces[max(hear - 1, 0)]
    if start and hear == ORIGINAL:
        piece = piece._replace(roll=start.x > 0)
    stage = st.container()
    performance, octave = ask_performance(
        grid, strike=rearticulates_by_default(grid), octave=octave_of(model.data.name)
    )
    with stage:
        _play(piece, _title(mode, hear, start), performance, octave)
    _draw_downloads(piece, performance, octave, name=f"{mode}-{plan.seed}-{hear}")
    if beginning != "file":
        st.caption("The address of this page holds everything: the same link, the same music.")


def _title(mode: Mode, number: int, start: Start | None) -> str:
    if start is None:
        return f"Alternative {number}"
    if number == ORIGINAL:
        return start.title
    joined = "continued from frame" if mode == "continue" else "reconstructed"
    begun = f" {len(start.x)}" if mode == "continue" else ""
    return f"{start.title}, {joined}{begun}, alternative {number}"


def _play(piece: Piece, title: str, performance: Performance, octave: int) -> None:
    roll = shifted(piece.roll, octave)
    player(
        roll=roll,
        wav=sound(roll, performance),
        steps_per_quarter=performance.steps_per_quarter,
        tempo=performance.tempo,
        rearticulate=performance.rearticulate,
        key="player",
        title=title,
        probabilities=np.clip(shifted(piece.probabilities, octave), 0, 1),
        path=piece.path,
        kl=piece.kl,
        height=300,
    )
    lost = int(piece.roll.sum() - roll.sum())
    if lost:
        st.caption(f"{lost:,} notes lie beyond the keyboard in this octave and are left out.")
    if not roll.any():
        st.info(
            "Nothing sounds: no note is more likely than not. Raise the temperature of x, "
            "or take another seed.",
            icon=":material/music_off:",
        )


def _draw_downloads(piece: Piece, performance: Performance, octave: int, *, name: str) -> None:
    roll = shifted(piece.roll, octave)
    with st.container(horizontal=True):
        st.download_button(
            "MIDI",
            midi(roll, performance),
            file_name=f"{name}.mid",
            mime="audio/midi",
            icon=":material/download:",
            key="get_midi",
            on_click="ignore",
        )
        st.download_button(
            "WAV",
            sound(roll, performance),
            file_name=f"{name}.wav",
            mime="audio/wav",
            icon=":material/download:",
            key="get_wav",
            on_click="ignore",
        )
