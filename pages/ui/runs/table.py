"""All runs in a table: filtered, sorted by any column, and chosen for what stands below it."""

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
from pages.ui.datasets import data_sets
from pages.ui.runs.words import STATES, set_label

__all__ = ["Row", "draw", "read_rows"]

_POLL_SECONDS = 3.0
_ROW_PIXELS = 35
_MOST_ROWS = 6
"""Rows in sight at once: the buttons below the table should be in sight too."""


class Row(NamedTuple):
    """A run and what the table shows of it."""

    run: Run
    name: str
    state: State
    data: str
    best: float | None
    epoch: int
    epochs: int
    created: datetime


def read_rows() -> list[Row]:
    """Every readable run, newest first."""
    rows, sets = [], data_sets()
    for run in list_runs():
        with suppress(RunError):  # deleted meanwhile
            record, status = run.record(), run.status()
            rows.append(
                Row(
                    run=run,
                    name=run.label(),
                    state=status.state,
                    data=set_label(sets, record.config.data.name),
                    best=status.progress.best_valid_bound,
                    epoch=status.progress.epoch,
                    epochs=record.config.train.epochs,
                    created=record.created,
                )
            )
    return rows


def draw(rows: Sequence[Row]) -> list[Row]:
    """Draw filters and the table; the chosen rows, whose ids stand in the address as ?compare=."""
    fitting = _draw_filters(rows)
    if not fitting:
        st.info("No run is in such a state, or of such data.", icon=":material/filter_alt_off:")
        return []
    chosen = _chosen([row.run.id for row in fitting])
    active = any(row.state in ACTIVE for row in rows)
    every = _POLL_SECONDS if active else None
    st.fragment(frame.guard()(_draw_table), run_every=every)(rows, fitting, chosen)
    return [fitting[place] for place in chosen]


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


def _draw_table(rows: Sequence[Row], fitting: Sequence[Row], chosen: list[int]) -> None:
    """The table as it is now; another choice, or another state of a run, draws all anew."""
    now = {row.run.id: row for row in read_rows()}
    if {run_id: row.state for run_id, row in now.items()} != {r.run.id: r.state for r in rows}:
        st.rerun()
    ids = [row.run.id for row in fitting]
    picked = st.dataframe(
        [_cells(now[run_id]) for run_id in ids],
        column_config={
            "Name": st.column_config.TextColumn(width=320),
            "Best valid bound": st.column_config.NumberColumn(
                format="%.3f", help="Nats per frame; lower is better."
            ),
            "Created": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
        },
        hide_index=True,
        height=(min(len(ids), _MOST_ROWS) + 1) * _ROW_PIXELS + 3,
        row_height=_ROW_PIXELS,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": chosen}},
        key=f"runs-{hash(tuple(ids))}",  # other rows are another table: places have moved
        alt="All runs, with their state, data set, best valid bound and epoch.",
    )
    places = sorted(picked["selection"]["rows"])
    if places != chosen:
        st.query_params["compare"] = ",".join(ids[place] for place in places)
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


def _chosen(ids: Sequence[str]) -> list[int]:
    """The places of the runs that the address names, else of the newest one."""
    named = st.query_params.get("compare")
    if named == "":
        return []
    for names in ((named or "").split(","), [st.query_params.get("run", "")]):
        if found := [place for place, run_id in enumerate(ids) if run_id in names]:
            return found
    return [0]
