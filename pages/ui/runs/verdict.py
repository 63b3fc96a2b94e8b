"""What the numbers of a run mean, in one or two sentences."""

import streamlit as st

from dmm_core.runs.run import Run
from pages.ui import frame

__all__ = ["draw_verdict"]

_ICONS = {
    "improving": ":material/trending_down:",
    "converged": ":material/check_circle:",
    "nothing learned": ":material/error:",
    "collapsed": ":material/error:",
    "overfitting": ":material/info:",
    "diverged": ":material/error:",
}


def draw_verdict(run: Run) -> None:
    """Draw the verdict on a run, as a warning if more training will not mend what is wrong."""
    found = run.verdict()
    if found.condition == "starting":
        return
    text = frame.escape_markdown(found.text, most=1000)
    draw = st.info if found.worked else st.warning
    draw(text, icon=_ICONS[found.condition])
