"""Compare runs: their learning curves in one chart, and the settings that differ."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.runs.status import ACTIVE
from pages.ui import charts, frame
from pages.ui.address import choose
from pages.ui.published import comparable, references
from pages.ui.runs.diff import differences
from pages.ui.runs.table import Row

__all__ = ["draw"]

_POLL_SECONDS = 3.0
_CURVES = {"valid": "Valid bound", "train": "Train bound"}
_AXES = {"epoch": "Epoch", "update": "Update", "time": "Minutes of training"}


def draw(rows: Sequence[Row]) -> None:
    """Draw the learning curves of `rows`, and the settings in which they differ."""
    st.subheader("Learning curves", anchor=False)
    with st.container(horizontal=True, vertical_alignment="top"):
        curve = choose(
            "Curve", list(_CURVES), key="curve", format_func=_CURVES.__getitem__, segmented=True
        )
        over = choose(
            "Over", list(_AXES), key="over", format_func=_AXES.__getitem__, segmented=True
        )
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.95,
            0.0,
            0.05,
            key="smoothing",
            bind="query-params",
            width=180,
            help="The weight of earlier values in an exponential moving average. With 0, the "
            "measured values are shown.",
        )
        with st.container(height="stretch", width="content", vertical_alignment="center"):
            log = st.toggle("Log axis", key="log", bind="query-params")
    active = any(row.state in ACTIVE for row in rows)
    view = _View(curve or "valid", over or "epoch", smoothing, log)
    st.fragment(frame.guard()(_draw_curves), run_every=_POLL_SECONDS if active else None)(
        rows, view
    )
    if len(rows) > 1:
        _draw_differences(rows)


class _View(NamedTuple):
    curve: str
    over: str
    smoothing: float
    log: bool


def _draw_curves(rows: Sequence[Row], view: _View) -> None:
    curves = [_curve(row, name, view) for row, name in zip(rows, _names(rows), strict=True)]
    data = {row.run.config().data.name for row in rows}
    lines = references(*data) if len(data) == 1 else []
    figure = charts.runs_overlay(
        curves,
        x_title=_AXES[view.over],
        smoothing=view.smoothing,
        log=view.log,
        references=lines,
    )
    title = f"{_CURVES[view.curve]}, nats per frame"
    figure.update_yaxes(title={"text": title})
    frame.chart(
        figure, key="overlay", alt=f"{title}, of each run; x axis: {_AXES[view.over].lower()}."
    )
    unit = "The curves are the negative ELBO (bound) in nats per frame. Lower is better."
    if len(data) > 1:
        st.caption(
            f"{unit} These runs use different data sets, so their bounds are not comparable."
        )
    else:
        st.caption(f"{unit} {comparable(*data)}")


def _draw_differences(rows: Sequence[Row]) -> None:
    st.subheader("Settings that differ", anchor=False)
    found = differences([row.run.config() for row in rows])
    if not found:
        st.caption("The runs have the same configuration.")
        return
    names = [frame.escape_markdown(name, most=60) for name in _names(rows)]
    st.table(
        [
            {"Setting": setting.title}
            | {
                name: frame.escape_markdown(str(value))
                for name, value in zip(names, setting.values, strict=True)
            }
            for setting in found
        ],
        border="horizontal",
        hide_index=True,
        alt="The settings in which the selected runs differ.",
    )


def _curve(row: Row, name: str, view: _View) -> charts.RunCurve:
    lines = row.run.metrics()
    y = np.array([line.get(f"{view.curve}_bound") for line in lines], dtype=np.float32)
    if view.over == "time":
        x = np.cumsum([line.get("seconds", 0.0) for line in lines]) / 60
    else:
        x = np.array([line.get(view.over) for line in lines], dtype=np.float32)
    return charts.RunCurve(name, x, y)


def _names(rows: Sequence[Row]) -> list[str]:
    """Return unique names; a name that several runs share is followed by a part of the id."""
    names = [row.name for row in rows]
    return [
        f"{row.name} ({row.run.id[-6:]})" if names.count(row.name) > 1 else row.name for row in rows
    ]
