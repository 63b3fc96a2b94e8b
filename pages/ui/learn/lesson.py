"""The description of a lesson, the snapshots of its trainings, and helpers to draw them."""

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

__all__ = [
    "Lesson",
    "TrainingSnapshot",
    "chart",
    "column",
    "draw_placeholder",
    "last",
    "valid_curve",
]

_MAX_HEIGHT = 340
"""Maximum height of a chart in pixels, so that chart and controls fit on a screen of 800 pixels."""


class TrainingSnapshot(NamedTuple):
    """The present state of one training of a lesson.

    Attributes:
        run: its run folder.
        title: title of the variant of the experiment.
        config: its configuration.
        status: its status.
        metrics: one mapping of metrics for each epoch.
    """

    run: Run
    title: str
    config: RunConfig
    status: Status
    metrics: list[dict[str, Any]]

    @property
    def active(self) -> bool:
        """Whether it is queued or running."""
        return self.status.state in ACTIVE


class Lesson(NamedTuple):
    """A lesson.

    Attributes:
        title: short title to display.
        question: one to three sentences on the question of the experiment.
        experiment: name of the file that describes the trainings, or "" if the user chooses it.
        explanation: explanation of the results, in Markdown.
        draw_results: draws the results so far; called repeatedly during training.
        draw_controls: draws the lesson's own controls, and returns title -> configuration of the
            trainings.
        draw_preview: draws the data before the experiment is run.
        parameters: names of the query parameters that only this lesson uses.
        defaults: returns the default values of the parameters that are bound to a widget.
    """

    title: str
    question: str
    experiment: str
    explanation: str
    draw_results: Callable[[Sequence[TrainingSnapshot]], None]
    draw_controls: Callable[[Experiment], Mapping[str, RunConfig]]
    draw_preview: Callable[[Experiment], None] | None = None
    parameters: tuple[str, ...] = ()
    defaults: Callable[[Experiment], Mapping[str, float]] | None = None


def chart(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw a figure with `frame.chart`, with the maximum height of lessons."""
    frame.chart(figure, key=key, alt=alt, most=_MAX_HEIGHT)


def draw_placeholder(text: str) -> None:
    """Draw `text` in place of a chart that will appear later, so that the layout is stable."""
    with st.container(
        height=_MAX_HEIGHT,
        border=True,
        horizontal_alignment="center",
        vertical_alignment="center",
    ):
        st.caption(text, width="content")


def column(snapshots: TrainingSnapshot, name: str) -> np.ndarray:
    """Return the metric called `name` for every epoch; NaN where it was not measured."""
    return np.array([line.get(name) for line in snapshots.metrics], dtype=np.float64)


def valid_curve(snapshots: TrainingSnapshot) -> tuple[np.ndarray, np.ndarray]:
    """Return the updates after which the valid bound was measured, and these bounds."""
    updates, bound = column(snapshots, "update"), column(snapshots, "valid_bound")
    measured = np.isfinite(bound)
    return updates[measured], bound[measured]


def last(snapshots: TrainingSnapshot, name: str) -> float | None:
    """Return the latest value of the metric called `name`, or None if there is none yet."""
    values = column(snapshots, name)
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else None
