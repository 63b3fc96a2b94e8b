"""Statistics of a composed piece, compared with those of the training data."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from dmm_core.errors import DMMError
from dmm_core.music.metrics import RollMetrics, roll_metrics
from pages.ui import charts, frame
from pages.ui.compose.rendered import RenderedPiece
from pages.ui.datasets import dataset_summaries, split_metrics
from pages.ui.models import LoadedModel
from pages.ui.pitch import sounding_shift_of

__all__ = ["draw_measures"]

_NOT_AVAILABLE = "not downloaded"


def draw_measures(model: LoadedModel, rendered: RenderedPiece) -> None:
    """Draw a table and two histograms of both."""
    # Most statistics are compared at the model's pitch; pitches are shown as they sound.
    own, sounding = (
        roll_metrics([_composed(roll, rendered)])
        for roll in (rendered.alternative.roll, rendered.roll)
    )
    data, shift = _data_metrics(model), sounding_shift_of(model.data.name)
    if data is None:
        st.caption(
            "There is no comparison, because the data set of this model has not been downloaded."
        )
    rows = [
        ("Notes at once", *_both(own, data, lambda m: f"{m.mean_polyphony:.2f}")),
        (
            "Sounding pitches",
            _pitches(sounding, 0),
            _NOT_AVAILABLE if data is None else _pitches(data, shift),
        ),
        ("Held from the previous frame", *_both(own, data, lambda m: f"{m.held:.0%}")),
        ("Triads or seventh chords", *_both(own, data, lambda m: f"{m.chords:.0%}")),
        ("Frames with a semitone clash", *_both(own, data, lambda m: f"{m.clashes:.0%}")),
        ("Notes in the best-fitting scale", *_both(own, data, lambda m: f"{m.in_scale:.0%}")),
        ("Silent frames", *_both(own, data, lambda m: f"{m.polyphony[0] / max(m.frames, 1):.0%}")),
    ]
    st.markdown(
        "| | Composed | Training data |\n|---|--:|--:|\n"
        + "\n".join(f"| {name} | {one} | {other} |" for name, one, other in rows)
    )
    with st.grid(2, min_column_width=340):
        frame.chart(
            charts.pitch_class_histogram(own.pitch_classes, data and data.pitch_classes),
            key="measured_classes",
            alt="Histogram of pitch classes in the composed piece and in the training data.",
        )
        frame.chart(
            charts.polyphony_histogram(own.polyphony, data and data.polyphony),
            key="measured_polyphony",
            alt="Histogram of the notes per frame in the composed piece and in the training data.",
        )


def _composed(roll: np.ndarray, rendered: RenderedPiece) -> np.ndarray:
    if rendered.composed is None:
        return roll
    first, last = rendered.composed
    return roll[first : last + 1]


def _data_metrics(model: LoadedModel) -> RollMetrics | None:
    """Statistics of the training data, or None if they would need a download."""
    facts = dataset_summaries().get(model.data.name)
    if facts is None or not facts.ready:
        return None
    try:
        return split_metrics(model.data.name, "train")
    except DMMError:
        return None


def _both(
    own: RollMetrics, data: RollMetrics | None, show: Callable[[RollMetrics], str]
) -> tuple[str, str]:
    return show(own), _NOT_AVAILABLE if data is None else show(data)


def _pitches(metrics: RollMetrics, shift: int) -> str:
    if metrics.lowest is None or metrics.highest is None:
        return "silence"
    low, high = (min(max(pitch + shift, 21), 108) for pitch in (metrics.lowest, metrics.highest))
    return f"{charts.pitch_name(low)} to {charts.pitch_name(high)}"
