"""The runners of the server: every session's runs wait in their queues."""

import streamlit as st

from dmm_core.runs.rendering import compose_midi
from dmm_core.runs.runner import Runner

__all__ = ["lesson_runner", "runner"]

_LESSON_CHECKPOINT_SECONDS = 2.0
"""A lesson shows what its model finds while it learns, and its models are small."""


@st.cache_resource(show_spinner=False, on_release=Runner.shutdown)
def runner() -> Runner:
    """The runner; it trains one run at a time and composes a sample now and then."""
    return Runner(compose_sample=compose_midi)


@st.cache_resource(show_spinner=False, on_release=Runner.shutdown)
def lesson_runner() -> Runner:
    """A lane for the trainings of lessons, which last seconds: none waits behind a long one."""
    return Runner(checkpoint_seconds=_LESSON_CHECKPOINT_SECONDS)
