"""The queued and running runs, updated every two seconds."""

import streamlit as st

from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE
from dmm_core.runs.store import list_runs
from pages.ui import frame

__all__ = ["draw"]

_SECONDS = 2.0
_TRAIN = "pages/2_Train.py"


def draw() -> None:
    """Draw the progress of queued and running runs, if there are any."""
    if not _active():
        return
    st.subheader("Runs in progress", anchor=False)
    st.fragment(run_every=_SECONDS)(_draw_runs)()


def _draw_runs() -> None:
    runs = _active()
    if not runs:
        st.rerun()  # no run is left, so the section is removed
    for run in runs:
        _draw_run(run)


def _draw_run(run: Run) -> None:
    status = run.status()
    progress = status.progress
    label = frame.escape_markdown(run.label(), most=80)
    if status.state == "queued":
        st.progress(0.0, text=f"{label}: queued")
    else:
        seconds = progress.seconds_left
        remaining = "" if seconds is None else f", {_minutes(seconds)} left"
        fraction = min(max(progress.fraction, 0.0), 1.0)
        st.progress(fraction, text=f"{label}: epoch {progress.epoch}{remaining}")
    st.page_link(
        _TRAIN,
        label="Watch",
        icon=":material/visibility:",
        query_params={"run": run.id},
    )


def _active() -> list[Run]:
    return [run for run in list_runs() if run.state() in ACTIVE]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
