"""The runners of the server, which all sessions share."""

import streamlit as st

from dmm_core.runs.rendering import compose_midi
from dmm_core.runs.runner import Runner

__all__ = ["lesson_runner", "runner"]

_LESSON_CHECKPOINT_SECONDS = 2.0
"""Lessons show results of the model during training, so they need frequent checkpoints."""


@st.cache_resource(show_spinner=False, on_release=Runner.shutdown)
def runner() -> Runner:
    """Return the runner. It trains one run at a time and composes samples during training."""
    return Runner(compose_sample=compose_midi)


@st.cache_resource(show_spinner=False, on_release=Runner.shutdown)
def lesson_runner() -> Runner:
    """Return the runner of lessons, so that a lesson does not wait for a long training."""
    return Runner(checkpoint_seconds=_LESSON_CHECKPOINT_SECONDS)
