"""Hear at once: the bundled model composes a piece at this moment."""

import streamlit as st

from dmm_core.music.pianoroll import rearticulates_by_default
from dmm_core.music.transposition import transposed
from dmm_core.runs.rendering import require_piano
from pages.ui import frame
from pages.ui.compose.controls import ask_seed
from pages.ui.compose.drawing import compose
from pages.ui.compose.performance import Performance, sound
from pages.ui.compose.request import CompositionRequest
from pages.ui.models import load_trained
from pages.ui.picker import TO_HEAR, bundled
from pages.ui.pitch import down_to_sound
from pages.ui.player import player

__all__ = ["HEIGHT", "draw"]

HEIGHT = 260
_QUARTERS = 64
_X_TEMPERATURE = 0.7
"""At 1, two notes stand a semitone apart in 10 % of the frames, at 0.7 in 6 %, in Bach in 1 %."""


def draw() -> None:
    """Draw the player with a new piece, and the seed it came from."""
    source = bundled(TO_HEAR)
    if source is None:
        st.info("There is no bundled model to compose; train one first.", icon=":material/piano:")
        return
    stage = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = ask_seed()
        with st.container(width="content", gap=None):
            st.page_link(
                "pages/5_Compose.py",
                label="Open it in Compose",
                icon=":material/tune:",
                query_params={
                    "run": source.id,
                    "seed": str(seed),
                    "count": "1",
                    "xt": f"{_X_TEMPERATURE:g}",
                    **({"present": "true"} if frame.presenting() else {}),
                },
            )
            st.space("xsmall")  # a link is less high than a button: on one line with it
    model = load_trained(source)
    grid = require_piano(model.data)
    (piece,) = compose(
        model, CompositionRequest("new", 1, _QUARTERS * grid, 1.0, _X_TEMPERATURE, seed)
    )
    semitones = down_to_sound(model.data.name)
    roll = transposed(piece.roll, semitones)
    performance = Performance(grid, rearticulate=rearticulates_by_default(grid))
    with stage:
        player(
            roll=roll,
            wav=sound(roll, performance),
            steps_per_quarter=grid,
            tempo=performance.tempo,
            rearticulate=performance.rearticulate,
            key="player",
            title="Composed just now, from nothing but random numbers",
            probabilities=transposed(piece.probabilities, semitones),
            path=piece.path,
            height=HEIGHT,
        )
