"""A data set that is not on the disk yet: got, from the network only after a click."""

import streamlit as st

from dmm_core.config.schema import DataConfig
from dmm_core.data.registry import load_dataset
from pages.ui import frame
from pages.ui.datasets import SetFacts

__all__ = ["fetch"]


def fetch(facts: SetFacts) -> None:
    """Get the data set of `facts`: at once if it is built here, after a click if downloaded.

    Raises:
        DataError: if it cannot be had.
    """
    place = st.empty()
    if facts.downloaded:
        with place.container():
            st.info(
                "This data set is not on this machine yet. It is downloaded once.",
                icon=":material/download:",
            )
            if not st.button(
                "Get this data set", type="primary", icon=":material/download:", key="fetch"
            ):
                return
    with place.container():
        bar = st.progress(0.0, text="Starting")
        if not facts.downloaded:
            st.caption("It is made once, out of music21's scores, in half a minute or so.")

    def report(fraction: float, message: str) -> None:
        bar.progress(min(max(fraction, 0.0), 1.0), text=frame.escape_markdown(message))

    load_dataset(DataConfig(name=facts.name), report)
    st.toast(f"{frame.escape_markdown(facts.title)} is ready.", icon=":material/check:")
    st.rerun()
