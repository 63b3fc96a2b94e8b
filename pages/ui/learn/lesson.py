"""What a lesson is made of, and what it sees of its trainings."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dmm_core.config.lessons import Experiment
from dmm_core.config.schema import RunConfig
from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE, Status
from pages.ui import frame

__all__ = ["Lesson", "Watched", "chart", "column", "hold_place", "last", "valid_curve"]

_HIGH = 340
"""Pixels of the highest chart: with the controls above it, it fits a screen of 800 pixels."""


class Watched(NamedTuple):
    """One training of a lesson, as it is now.

    Attributes:
        run: its folder.
        title: of its variant.
        config: what is trained.
        status: its state.
        metrics: one mapping an epoch.
    """

    run: Run
    title: str
    config: RunConfig
    status: Status
    metrics: list[dict[str, Any]]

    @property
    def active(self) -> bool:
        """Whether it waits or trains."""
        return self.status.state in ACTIVE


class Lesson(NamedTuple):
    """A lesson.

    Attributes:
        title: to show, short.
        question: what the experiment asks, in a sentence or two.
        experiment: name of the file that describes the trainings, or "" where one is chosen.
        explains: what one sees, in plain words.
        draw: draws what was found so far; it is called again and again while a training goes on.
        ask: draws the lesson's own controls; what is to be trained, by title.
        before: draws what can be looked at before anything is trained.
        parameters: names in the address that belong to it alone.
    """

    title: str
    question: str
    experiment: str
    explains: str
    draw: Callable[[Sequence[Watched]], None]
    ask: Callable[[Experiment], Mapping[str, RunConfig]]
    before: Callable[[Experiment], None] | None = None
    parameters: tuple[str, ...] = ()


def chart(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw a figure as `frame.chart` does, no higher than the screen has room for."""
    frame.chart(figure, key=key, alt=alt, most=_HIGH)


def hold_place(text: str) -> None:
    """Say `text` in the place of a chart that is to come, so that the page does not jump."""
    with st.container(
        height=_HIGH,
        border=True,
        horizontal_alignment="center",
        vertical_alignment="center",
    ):
        st.caption(text, width="content")


def column(watched: Watched, name: str) -> np.ndarray:
    """A value an epoch; NaN where it was not measured."""
    return np.array([line.get(name) for line in watched.metrics], dtype=np.float64)


def valid_curve(watched: Watched) -> tuple[np.ndarray, np.ndarray]:
    """Updates and valid bounds, where one was measured."""
    updates, bound = column(watched, "update"), column(watched, "valid_bound")
    measured = np.isfinite(bound)
    return updates[measured], bound[measured]


def last(watched: Watched, name: str) -> float | None:
    """The newest value of that name, or None before there is one."""
    values = column(watched, name)
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else None
