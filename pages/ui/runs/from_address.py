"""The run that the address names."""

import streamlit as st

from dmm_core.errors import RunError
from dmm_core.runs.bundled import BUNDLED_PREFIX
from dmm_core.runs.run import Run
from dmm_core.runs.store import find_run

__all__ = ["run_from_address"]


def run_from_address() -> Run | None:
    """Return the run that the query parameter `run` names.

    Returns:
        The run, or None if there is no such parameter or it names a bundled model, which cannot be
        trained further. If the run does not exist, an error is shown and None is returned.
    """
    text = st.query_params.get("run", BUNDLED_PREFIX)
    if text.startswith(BUNDLED_PREFIX):
        return None
    try:
        found = find_run(text)
    except RunError:
        st.error(
            "The run of this link does not exist. It may have been deleted.",
            icon=":material/error:",
        )
        return None
    return found if isinstance(found, Run) else None
