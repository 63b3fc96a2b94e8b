"""Where to go next: three doors."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from pages.ui import frame

__all__ = ["draw"]

_ROOT = Path(__file__).resolve().parents[3]


class _Door(NamedTuple):
    """A door opens to the first of its pages that there is."""

    files: tuple[str, ...]
    label: str
    icon: str
    says: str


_DOORS = (
    _Door(
        ("pages/6_Learn.py", "pages/4_Latent.py"),
        "Understand it",
        ":material/school:",
        "Six short lessons: experiments that run before your eyes, beside a known truth.",
    ),
    _Door(
        ("pages/2_Train.py", "pages/1_Data.py"),
        "Train your own",
        ":material/model_training:",
        "Choose music, or bring yours, and watch a model learn it.",
    ),
    _Door(
        ("pages/5_Compose.py",),
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
            file = next(file for file in door.files if (_ROOT / file).exists())
            with st.container(border=True, height="stretch", key=f"door-{Path(file).stem}"):
                st.page_link(
                    file,
                    label=f"**{door.label}**",
                    icon=door.icon,
                    width="stretch",
                    query_params=kept,
                )
                st.caption(door.says)
