"""The Home page: what a Deep Markov Model is, heard at once, and where to go next."""

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
        intro="A Deep Markov Model explains a sequence by a latent state that moves step by step, "
        "learns from music how it moves, and can then move on by itself: that is what you hear "
        "here.",
    )
    stage = st.container()
    picture.draw()
    next_steps.draw()
    below = st.container()
    with frame.guard():
        with stage, st.skeleton(height=PLAYER_PIXELS):
            from pages.ui.home import listen  # after all that needs no PyTorch, which takes seconds

            listen.draw()
        with below:
            from pages.ui.home import progress

            progress.draw()
