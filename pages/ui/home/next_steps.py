"""Links to three pages that continue from the home page."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from pages.ui import frame

__all__ = ["draw"]


class _Step(NamedTuple):
    """A link to a page, with a description."""

    file: str
    label: str
    icon: str
    description: str


_STEPS = (
    _Step(
        "pages/6_Learn.py",
        "Understand it",
        ":material/school:",
        "Seven short lessons with live experiments. Each compares a model with a known answer.",
    ),
    _Step(
        "pages/2_Train.py",
        "Train your own",
        ":material/model_training:",
        "Choose a data set or upload your own, and watch a model learn it.",
    ),
    _Step(
        "pages/5_Compose.py",
        "Compose",
        ":material/piano:",
        "Compose new music, continue your own piece, and download the result as MIDI.",
    ),
)


def draw() -> None:
    """Draw the links."""
    parameters = {"present": "true"} if frame.presenting() else {}
    with st.grid(3, min_column_width=220):
        for step in _STEPS:
            key = f"next-step-{Path(step.file).stem}"
            with st.container(border=True, height="stretch", key=key):
                st.page_link(
                    step.file,
                    label=f"**{step.label}**",
                    icon=step.icon,
                    width="stretch",
                    query_params=parameters,
                )
                st.caption(step.description)
