"""The runs that are queued or running, kept up to date."""

import streamlit as st

from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE
from dmm_core.runs.store import list_runs
from pages.ui import frame

__all__ = ["draw"]

_SECONDS = 2.0
_TRAIN = "pages/2_Train.py"


def draw() -> None:
    """Draw the runs in progress, if there are any."""
    if not _active():
        return
    st.subheader("Runs in progress", anchor=False)
    st.fragment(run_every=_SECONDS)(_draw_runs)()


def _draw_runs() -> None:
    runs = _active()
    if not runs:
        st.rerun()  # the last one has ended, and so does the watching
    for run in runs:
        _draw_run(run)


def _draw_run(run: Run) -> None:
    status = run.status()
    progress = status.progress
    label = frame.escape_markdown(run.label(), most=80)
    if status.state == "queued":
        st.progress(0.0, text=f"{label}: queued")
    else:
        left = "" if progress.seconds_left is None else f", {_minutes(progress.seconds_left)} left"
        fraction = min(max(progress.fraction, 0.0), 1.0)
        st.progress(fraction, text=f"{label}: epoch {progress.epoch}{left}")
    st.page_link(
        _TRAIN,
        label="Watch it",
        icon=":material/visibility:",
        query_params={"run": run.id},
    )


def _active() -> list[Run]:
    return [run for run in list_runs() if run.state() in ACTIVE]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
