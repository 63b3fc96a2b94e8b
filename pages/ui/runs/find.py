"""The run that the address names."""

import streamlit as st

from dmm_core.errors import RunError
from dmm_core.runs.bundled import BUNDLED_PREFIX
from dmm_core.runs.run import Run
from dmm_core.runs.store import find_run

__all__ = ["named_run"]


def named_run() -> Run | None:
    """The run of ?run=, or None: for a bundled model, which trains no more, and for no run.

    A run that does not exist is said in a sentence, and the page goes on without one.
    """
    text = st.query_params.get("run", BUNDLED_PREFIX)
    if text.startswith(BUNDLED_PREFIX):
        return None
    try:
        found = find_run(text)
    except RunError:
        st.error("There is no such run: it was deleted, or never was.", icon=":material/error:")
        return None
    return found if isinstance(found, Run) else None
