"""A player with a piece that the bundled model composes when the page is opened."""

import streamlit as st

from dmm_core.music.pianoroll import rearticulates_by_default
from dmm_core.music.transposition import transposed
from dmm_core.runs.rendering import require_piano
from pages.ui import frame
from pages.ui.compose.composition import compose
from pages.ui.compose.controls import ask_seed
from pages.ui.compose.modes import DEFAULT_MODE, mode_named
from pages.ui.compose.performance import Performance, sound
from pages.ui.compose.request import CompositionRequest
from pages.ui.models import load_source
from pages.ui.picker import COMPOSE_MODEL, bundled_or_first
from pages.ui.pitch import sounding_shift_of
from pages.ui.player import player

__all__ = ["HEIGHT", "draw"]

HEIGHT = 260
_QUARTERS = 64
_X_TEMPERATURE = 0.7
"""Notes a semitone apart sound in 10 % of the frames at 1, in 6 % at 0.7, and in 1 % in Bach."""


def draw() -> None:
    """Draw the player with a new piece, and the control of its seed."""
    source = bundled_or_first(COMPOSE_MODEL)
    if source is None:
        st.info(
            "There is no bundled model to compose with. Train a model first.",
            icon=":material/piano:",
        )
        return
    player_place = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = ask_seed()
        with st.container(width="content", gap=None):
            st.page_link(
                "pages/5_Compose.py",
                label="Open in Compose",
                icon=":material/tune:",
                query_params={
                    "run": source.id,
                    "seed": str(seed),
                    "count": "1",
                    "xt": f"{_X_TEMPERATURE:g}",
                    **({"present": "true"} if frame.presenting() else {}),
                },
            )
            st.space("xsmall")  # aligns the link with the button, which is taller
    model = load_source(source)
    steps_per_quarter = require_piano(model.data)
    request = CompositionRequest(
        mode=mode_named(DEFAULT_MODE),
        count=1,
        frames=_QUARTERS * steps_per_quarter,
        z_temperature=1.0,
        x_temperature=_X_TEMPERATURE,
        seed=seed,
    )
    (piece,) = compose(model, request)
    shift = sounding_shift_of(model.data.name)
    roll = transposed(piece.roll, shift)
    performance = Performance(
        steps_per_quarter, rearticulate=rearticulates_by_default(steps_per_quarter)
    )
    with player_place:
        player(
            roll=roll,
            wav=sound(roll, performance),
            steps_per_quarter=steps_per_quarter,
            tempo=performance.tempo,
            rearticulate=performance.rearticulate,
            key="player",
            title="Composed just now from random numbers",
            probabilities=transposed(piece.probabilities, shift),
            path=piece.path,
            height=HEIGHT,
        )
