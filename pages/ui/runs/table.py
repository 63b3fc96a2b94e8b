"""The table of all runs, in which runs are filtered, sorted and selected."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

import streamlit as st

from dmm_core.errors import RunError
from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE, State
from dmm_core.runs.store import list_runs
from pages.ui import frame
from pages.ui.datasets import dataset_label, dataset_summaries
from pages.ui.runs.labels import STATES

__all__ = ["Row", "draw", "read_rows"]

_POLL_SECONDS = 3.0
_ROW_PIXELS = 35
_MAX_ROWS = 6
"""Number of visible rows; with more, the buttons below the table would be off the screen."""


class Row(NamedTuple):
    """A run and the values that the table shows.

    Attributes:
        run: the run.
        name: its name, or its id if it has no name.
        state: its state.
        data: label of its data set.
        best: lowest valid bound in nats per frame, or None before the first validation.
        epoch: number of finished epochs.
        epochs: number of epochs to train.
        created: time of its creation.
    """

    run: Run
    name: str
    state: State
    data: str
    best: float | None
    epoch: int
    epochs: int
    created: datetime


def read_rows() -> list[Row]:
    """Return all readable runs, the newest first."""
    rows, sets = [], dataset_summaries()
    for run in list_runs():
        with suppress(RunError):  # the run was deleted in the meantime
            record, status = run.record(), run.status()
            rows.append(
                Row(
                    run=run,
                    name=run.label(),
                    state=status.state,
                    data=dataset_label(sets, record.config.data.name),
                    best=status.progress.best_valid_bound,
                    epoch=status.progress.epoch,
                    epochs=record.config.train.epochs,
                    created=record.created,
                )
            )
    return rows


def draw(rows: Sequence[Row]) -> list[Row]:
    """Draw the filters and the table, and return the selected rows.

    The ids of the selected runs are stored in the address as ?compare=.
    """
    filtered = _draw_filters(rows)
    if not filtered:
        st.info("No run matches the filters.", icon=":material/filter_alt_off:")
        return []
    selected = _selected_indices([row.run.id for row in filtered])
    active = any(row.state in ACTIVE for row in rows)
    every = _POLL_SECONDS if active else None
    st.fragment(frame.guard()(_draw_table), run_every=every)(rows, filtered, selected)
    return [filtered[index] for index in selected]


def _draw_filters(rows: Sequence[Row]) -> list[Row]:
    with st.container(horizontal=True):
        states = st.multiselect(
            "State",
            [state for state in STATES if any(row.state == state for row in rows)],
            format_func=lambda state: STATES[state].label,
            placeholder="All states",
            key="states",
            persist_state="session",
        )
        data = st.multiselect(
            "Data set",
            sorted({row.data for row in rows}),
            placeholder="All data sets",
            key="sets",
            persist_state="session",
        )
    return [
        row
        for row in rows
        if (not states or row.state in states) and (not data or row.data in data)
    ]


def _draw_table(rows: Sequence[Row], filtered: Sequence[Row], selected: list[int]) -> None:
    """Draw the table with current values; rerun the page if a state or the selection changes."""
    now = {row.run.id: row for row in read_rows()}
    if {run_id: row.state for run_id, row in now.items()} != {r.run.id: r.state for r in rows}:
        st.rerun()
    ids = [row.run.id for row in filtered]
    event = st.dataframe(
        [_cells(now[run_id]) for run_id in ids],
        column_config={
            "Name": st.column_config.TextColumn(width=320),
            "Best valid bound": st.column_config.NumberColumn(
                format="%.3f",
                help="The lowest bound on the valid split, in nats per frame. Lower is better.",
            ),
            "Created": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
        },
        hide_index=True,
        height=(min(len(ids), _MAX_ROWS) + 1) * _ROW_PIXELS + 3,
        row_height=_ROW_PIXELS,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": selected}},
        key=f"runs-{hash(tuple(ids))}",  # the selection consists of indices into these rows
        alt="All runs, with their state, data set, best valid bound and epoch.",
    )
    indices = sorted(event["selection"]["rows"])
    if indices != selected:
        st.query_params["compare"] = ",".join(ids[index] for index in indices)
        st.rerun()


def _cells(row: Row) -> dict[str, Any]:
    return {
        "Name": row.name,
        "State": STATES[row.state].label,
        "Data set": row.data,
        "Best valid bound": row.best,
        "Epoch": f"{row.epoch:,} of {row.epochs:,}",
        "Created": row.created,
    }


def _selected_indices(ids: Sequence[str]) -> list[int]:
    """Return the indices of the runs that the address names, or of the newest run."""
    compared = st.query_params.get("compare")
    if compared == "":
        return []
    for names in ((compared or "").split(","), [st.query_params.get("run", "")]):
        if found := [index for index, run_id in enumerate(ids) if run_id in names]:
            return found
    return [0]
