"""Download or build a data set that is not on the disk yet."""

import streamlit as st

from dmm_core.config.schema import DataConfig
from dmm_core.data.registry import load_dataset
from pages.ui import frame
from pages.ui.datasets import DatasetSummary

__all__ = ["fetch"]


def fetch(summary: DatasetSummary) -> None:
    """Build the data set of `summary` at once, or download it after the user has confirmed.

    Raises:
        DataError: if it cannot be downloaded or built.
    """
    place = st.empty()
    if summary.downloaded:
        with place.container():
            st.info(
                "This data set is not on this machine yet. It has to be downloaded once.",
                icon=":material/download:",
            )
            if not st.button("Download", type="primary", icon=":material/download:", key="fetch"):
                return
    with place.container():
        bar = st.progress(0.0, text="Starting")
        if not summary.downloaded:
            st.caption(
                "The data set is built once, from scores of music21. This takes about half a "
                "minute."
            )

    def report(fraction: float, message: str) -> None:
        bar.progress(min(max(fraction, 0.0), 1.0), text=frame.escape_markdown(message))

    load_dataset(DataConfig(name=summary.name), report)
    st.toast(f"{frame.escape_markdown(summary.title)} is ready.", icon=":material/check:")
    st.rerun()
