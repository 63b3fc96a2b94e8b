"""The home page: what a Deep Markov Model is, a composed piece, and where to go next."""

import streamlit as st

from pages.ui import frame
from pages.ui.home import next_steps, picture

__all__ = ["draw"]

PLAYER_PIXELS = 480


def draw() -> None:
    """Draw the page."""
    frame.begin(
        "Deep Markov Models",
        ":material/piano:",
        intro="A Deep Markov Model describes a sequence by a latent state that changes at every "
        "time step. Trained on music, it can sample new states and compose. The piece below was "
        "composed by such a model.",
    )
    player_place = st.container()
    picture.draw()
    next_steps.draw()
    runs_place = st.container()
    with frame.guard():
        with player_place, st.skeleton(height=PLAYER_PIXELS):
            from pages.ui.home import listen  # loads PyTorch, which takes seconds

            listen.draw()
        with runs_place:
            from pages.ui.home import progress

            progress.draw()
