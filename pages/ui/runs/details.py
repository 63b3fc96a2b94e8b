"""The buttons, notes and evaluation of one of the selected runs."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dmm_core.data.registry import exists
from dmm_core.runs.exporting import export_run
from dmm_core.runs.run import Run
from pages.ui import frame
from pages.ui.address import choose
from pages.ui.runs.evaluator import evaluator
from pages.ui.runs.labels import STATES
from pages.ui.runs.manage import draw_manage
from pages.ui.runs.results import draw_evaluation, latest_evaluation
from pages.ui.runs.table import Row
from pages.ui.runs.verdict import draw_verdict

__all__ = ["draw"]


def draw(rows: Sequence[Row]) -> None:
    """Draw the buttons and the evaluation of the run of `rows` that ?run= names."""
    row = _pick(rows)
    display = STATES[row.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(rows) == 1:
            st.subheader(frame.escape_markdown(row.name), anchor=False, width="content")
        st.badge(display.label, icon=display.icon, color=display.colour)
    with st.container(horizontal=True):
        can_evaluate = False
        has_data = exists(row.run.config().data.name)
        if any(row.run.checkpoints.glob("*.json")):
            can_evaluate = has_data and _draw_evaluate(row.run)
            st.download_button(
                "Export",
                partial(export_run, row.run),
                file_name=f"{row.run.id}.zip",
                mime="application/zip",
                icon=":material/download:",
                on_click="ignore",
                key="export",
                help="Downloads a zip file with the weights, the configuration, the metrics, a "
                "MIDI sample and a script that trains the run again.",
            )
        kind = "secondary" if can_evaluate else "primary"
        if st.button("Open", type=kind, icon=":material/model_training:", key="open"):
            st.switch_page("pages/2_Train.py", query_params={"run": row.run.id})
        if not frame.presenting():
            draw_manage(row.run)
    if reason := row.run.status().reason:
        st.caption(frame.escape_markdown(reason, most=600))
    if notes := row.run.notes():
        st.caption(frame.escape_markdown(notes, most=1000))
    if not has_data:
        st.caption(
            "The data set of this run is not on this machine. The model can be used, but the run "
            "cannot be evaluated here."
        )
    draw_verdict(row.run)
    draw_evaluation(row.run)


def _pick(rows: Sequence[Row]) -> Row:
    by_id = {row.run.id: row for row in rows}
    if st.query_params.get("run") not in by_id:
        st.query_params["run"] = rows[0].run.id
    if len(rows) == 1:
        return rows[0]
    chosen = choose(
        "Run", list(by_id), key="run", format_func=lambda run_id: f"{by_id[run_id].name} · {run_id}"
    )
    return by_id[chosen] if chosen else rows[0]


def _draw_evaluate(run: Run) -> bool:
    """Draw the Evaluate button unless the newest weights are evaluated; whether it is drawn.

    An evaluation by an earlier version has no replicates and can therefore be repeated.
    """
    found = latest_evaluation(run)
    current = found is not None and found.get("best_epoch") == run.status().progress.best_epoch
    if found and current and found.get("replicates"):
        return False
    if st.button(
        "Evaluate on test",
        type="primary",
        icon=":material/speed:",
        key="evaluate",
        disabled=evaluator().is_pending(run),
        help="Computes the three averages of the paper and the particle-filter estimate of the "
        "NLL. This takes seconds for small data sets and minutes for large ones.",
    ):
        evaluator().submit(run)
        st.rerun()
    return True
