"""The one runner of the server: every session's runs wait in its queue."""

import streamlit as st

from dmm_core.listening import compose_midi
from dmm_core.runs.runner import Runner

__all__ = ["runner"]


@st.cache_resource(show_spinner=False, on_release=Runner.shutdown)
def runner() -> Runner:
    """The runner; it trains one run at a time and composes a sample now and then."""
    return Runner(listen=compose_midi)
