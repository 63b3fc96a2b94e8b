"""A data set that is not on the disk yet: one button, a progress bar, and it is."""

import streamlit as st

from dmm_core.config import DataConfig
from dmm_core.data.registry import load_dataset
from pages.ui import frame
from pages.ui.datasets import SetFacts

__all__ = ["fetch"]


def fetch(facts: SetFacts) -> None:
    """Offer to get the data set of `facts`, and get it.

    Raises:
        DataError: if it cannot be had.
    """
    st.info(
        "This data set is not on this machine yet. It is built or downloaded once.",
        icon=":material/download:",
    )
    place = st.empty()
    if not place.button(
        "Get this data set", type="primary", icon=":material/download:", key="fetch"
    ):
        return
    bar = place.progress(0.0, text="Starting")

    def report(fraction: float, message: str) -> None:
        bar.progress(min(max(fraction, 0.0), 1.0), text=frame.plain(message))

    load_dataset(DataConfig(name=facts.name), report)
    st.toast(f"{frame.plain(facts.title)} is ready.", icon=":material/check:")
    st.rerun()
