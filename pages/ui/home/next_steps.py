"""Where to go next: three doors."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from pages.ui import frame

__all__ = ["draw"]


class _Door(NamedTuple):
    file: str
    label: str
    icon: str
    says: str


_DOORS = (
    _Door(
        "pages/6_Learn.py",
        "Understand it",
        ":material/school:",
        "Six short lessons: experiments that run before your eyes, beside a known truth.",
    ),
    _Door(
        "pages/2_Train.py",
        "Train your own",
        ":material/model_training:",
        "Choose music, or bring yours, and watch a model learn it.",
    ),
    _Door(
        "pages/5_Compose.py",
        "Compose",
        ":material/piano:",
        "Draw alternatives, let it continue your piece, take the MIDI along.",
    ),
)


def draw() -> None:
    """Draw the doors."""
    kept = {"present": "true"} if frame.presenting() else {}
    with st.grid("auto", min_column_width=220):
        for door in _DOORS:
            with st.container(border=True, height="stretch", key=f"door-{Path(door.file).stem}"):
                st.page_link(
                    door.file,
                    label=f"**{door.label}**",
                    icon=door.icon,
                    width="stretch",
                    query_params=kept,
                )
                st.caption(door.says)
