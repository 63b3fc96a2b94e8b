"""A player with a piece that the bundled model composes when the page is opened."""

import streamlit as st

from dmm_core.music.meter import Meter
from pages.ui import frame
from pages.ui.compose.controls import ask_seed
from pages.ui.models import load_source
from pages.ui.picker import COMPOSE_MODEL, bundled_or_first
from pages.ui.voices.arrangement import Redrawing, arrange
from pages.ui.voices.listening import play
from pages.ui.voices.working_score import empty_score

__all__ = ["HEIGHT", "draw"]

HEIGHT = 260
_BARS = 8


def draw() -> None:
    """Draw the player with a new piece, and the control of its seed."""
    source = bundled_or_first(COMPOSE_MODEL)
    if source is None or source.id != COMPOSE_MODEL:
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
                    "bars": str(_BARS),
                    **({"present": "true"} if frame.presenting() else {}),
                },
            )
            st.space("xsmall")  # aligns the link with the button, which is taller
    meter = Meter(4)
    (composed,) = arrange(
        load_source(source),
        empty_score(meter, _BARS * meter.beats),
        Redrawing(count=1, seed=seed),
        lambda done: None,
    )
    with player_place:
        play(
            composed.score,
            title="Composed just now from random numbers",
            path=composed.path,
            height=HEIGHT,
        )
