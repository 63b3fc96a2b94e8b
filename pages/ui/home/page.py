"""The home page: what a Deep Markov Model is, a composed piece, and where to go next."""

from contextlib import nullcontext

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import frame
from pages.ui.home import next_steps, picture

__all__ = ["draw"]

PLAYER_PIXELS = 480
_SEEN = "home.seen"
"""Session state key that says that the user has seen the player."""


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
        _draw_player(player_place)
        with runs_place:
            from pages.ui.home import progress

            progress.draw()


def _draw_player(place: DeltaGenerator) -> None:
    """Draw the player, and a skeleton until it appears for the first time.

    The skeleton is below the place of the player and is not drawn again. Otherwise it would move
    the player under the pointer, and a click at that moment could miss.
    """
    with place:
        player_place = st.container()
        skeleton = st.skeleton(height=PLAYER_PIXELS) if _SEEN not in st.session_state else None
    with skeleton or nullcontext(), player_place:
        from pages.ui.home import listen  # loads PyTorch, which takes seconds

        listen.draw()
    st.session_state[_SEEN] = True
