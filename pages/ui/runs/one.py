"""One of the chosen runs: what can be done with it, and how good it is."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dmm_core.data.registry import exists
from dmm_core.runs.exporting import export_run
from dmm_core.runs.run import Run
from pages.ui import frame
from pages.ui.address import choose
from pages.ui.runs.evaluator import evaluator
from pages.ui.runs.manage import draw_manage
from pages.ui.runs.results import draw_evaluation, newest
from pages.ui.runs.table import Row
from pages.ui.runs.words import STATES

__all__ = ["draw"]


def draw(rows: Sequence[Row]) -> None:
    """Draw the buttons and the evaluation of one of `rows`, which ?run= names."""
    row = _pick(rows)
    words = STATES[row.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(rows) == 1:
            st.subheader(frame.escape_markdown(row.name), anchor=False, width="content")
        st.badge(words.label, icon=words.icon, color=words.colour)
    with st.container(horizontal=True):
        offered = False
        here = exists(row.run.config().data.name)
        if any(row.run.checkpoints.glob("*.json")):
            offered = here and _draw_evaluate(row.run)
            st.download_button(
                "Export",
                partial(export_run, row.run),
                file_name=f"{row.run.id}.zip",
                mime="application/zip",
                icon=":material/download:",
                on_click="ignore",
                key="export",
                help="Weights, configuration, metrics, a MIDI sample, and how to train it again.",
            )
        kind = "secondary" if offered else "primary"
        if st.button("Open", type=kind, icon=":material/model_training:", key="open"):
            st.switch_page("pages/2_Train.py", query_params={"run": row.run.id})
        if not frame.presenting():
            draw_manage(row.run)
    if reason := row.run.status().reason:
        st.caption(frame.escape_markdown(reason, most=600))
    if notes := row.run.notes():
        st.caption(frame.escape_markdown(notes, most=1000))
    if not here:
        st.caption(
            "Its data set is not on this machine: the run can be used, but not evaluated here."
        )
    draw_evaluation(row.run)


def _pick(rows: Sequence[Row]) -> Row:
    by_id = {row.run.id: row for row in rows}
    if st.query_params.get("run") not in by_id:
        st.query_params["run"] = rows[0].run.id
    if len(rows) == 1:
        return rows[0]
    chosen = choose(
        "Run", list(by_id), key="run", show=lambda run_id: f"{by_id[run_id].name} · {run_id}"
    )
    return by_id[chosen] if chosen else rows[0]


def _draw_evaluate(run: Run) -> bool:
    """Offer the evaluation unless its result is known; whether it is offered.

    A result of an earlier version has no replicates, so it may be obtained again.
    """
    found = newest(run)
    known = found is not None and found.get("best_epoch") == run.status().progress.best_epoch
    if found and known and found.get("replicates"):
        return False
    if st.button(
        "Evaluate on test",
        type="primary",
        icon=":material/speed:",
        key="evaluate",
        disabled=evaluator().is_pending(run),
        help="The paper's three averages, and a particle filter's estimate of the NLL: seconds for "
        "small data sets, minutes for large ones.",
    ):
        evaluator().submit(run)
        st.rerun()
    return True
