"""A run on its test split, beside what was published on the same data."""

from typing import Any

import streamlit as st

from dmm_core.experiments.published import published
from dmm_core.runs.run import Run
from pages.ui import frame
from pages.ui.published import comparable
from pages.ui.runs.evaluator import SAMPLES, evaluator

__all__ = ["draw_evaluation", "newest"]

_POLL_SECONDS = 1.0
_COLUMNS = {
    "importance_nll": "Importance NLL",
    "bound_per_step": "Bound per step",
    "bound_per_sequence": "Bound per sequence",
}


def draw_evaluation(run: Run) -> None:
    """Draw the newest evaluation on test, the one going on, or why the last one failed."""
    pending = evaluator().is_pending(run)
    every = _POLL_SECONDS if pending else None
    st.fragment(frame.guard()(_draw), run_every=every)(run, pending)


def newest(run: Run) -> dict[str, Any] | None:
    """The newest evaluation on the test split."""
    found = [entry for entry in run.evaluations() if entry.get("split") == "test"]
    return found[-1] if found else None


def _draw(run: Run, pending: bool) -> None:
    if evaluator().is_pending(run) != pending:
        st.rerun()
    if pending:
        st.status(f"Evaluating on the test split, {SAMPLES} samples a sequence", state="running")
        return
    if fault := evaluator().fault(run):
        st.error(frame.plain(fault), icon=":material/error:")
    if found := newest(run):
        _draw_table(run, found)


def _draw_table(run: Run, found: dict[str, Any]) -> None:
    data = run.config().data.name
    own = {"Model": f"**{frame.plain(run.label())}**", "Source": "This run, test split"}
    rows = [own | {title: _bold(found.get(key)) for key, title in _COLUMNS.items()}]
    for row in published(data):
        rows.append(
            {"Model": row.title, "Source": row.source}
            | {title: _number(getattr(row, key)) for key, title in _COLUMNS.items()}
        )
    st.table(
        rows,
        border="horizontal",
        hide_index=True,
        alt="Importance NLL and bounds of this run and of published models.",
    )
    error = found.get("standard_error")
    sampled = f"{found.get('samples')} samples a sequence"
    precise = f", standard error {error:.4f}" if isinstance(error, float) else ""
    st.caption(
        "Nats per frame, lower is better: the paper's a (b) {c}. "
        f"The importance NLL has {sampled}{precise}. {comparable(data)}"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _bold(value: Any) -> str:
    return f"**{value:.3f}**" if isinstance(value, float) else ""
