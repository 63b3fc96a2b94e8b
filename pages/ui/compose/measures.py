"""The figures of what was composed, beside those of the data the model learned from."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from dmm_core.errors import DMMError
from dmm_core.music.metrics import RollMetrics, roll_metrics
from pages.ui import charts, frame
from pages.ui.compose.rendered import RenderedPiece
from pages.ui.datasets import data_sets, split_metrics
from pages.ui.models import Trained
from pages.ui.pitch import down_to_sound

__all__ = ["draw_measures"]

_AWAY = "not on this computer"


def draw_measures(model: Trained, made: RenderedPiece) -> None:
    """Draw a table of both, and two charts."""
    own, heard = (roll_metrics([_composed(roll, made)]) for roll in (made.piece.roll, made.roll))
    whole, semitones = _of_the_data(model), down_to_sound(model.data.name)
    if whole is None:
        st.caption("The data set of this model is not on this computer, so it cannot be compared.")
    rows = [
        ("Notes at once", *_both(own, whole, lambda m: f"{m.mean_polyphony:.2f}")),
        (
            "Pitches, as heard",
            _pitches(heard, 0),
            _AWAY if whole is None else _pitches(whole, semitones),
        ),
        ("Held from the frame before", *_both(own, whole, lambda m: f"{m.held:.0%}")),
        ("Triads or seventh chords", *_both(own, whole, lambda m: f"{m.chords:.0%}")),
        ("Frames with a semitone clash", *_both(own, whole, lambda m: f"{m.clashes:.0%}")),
        ("Notes in the best-fitting scale", *_both(own, whole, lambda m: f"{m.in_scale:.0%}")),
        ("Silent frames", *_both(own, whole, lambda m: f"{m.polyphony[0] / max(m.frames, 1):.0%}")),
    ]
    st.markdown(
        "| | Composed | Training data |\n|---|--:|--:|\n"
        + "\n".join(f"| {name} | {one} | {other} |" for name, one, other in rows)
    )
    with st.grid(2, min_column_width=340):
        frame.chart(
            charts.pitch_class_histogram(own.pitch_classes, whole and whole.pitch_classes),
            key="measured_classes",
            alt="How often each pitch class sounds, in what was composed and in the data.",
        )
        frame.chart(
            charts.polyphony_histogram(own.polyphony, whole and whole.polyphony),
            key="measured_polyphony",
            alt="How many notes sound at once, in what was composed and in the data.",
        )


def _composed(roll: np.ndarray, made: RenderedPiece) -> np.ndarray:
    if made.composed is None:
        return roll
    first, last = made.composed
    return roll[first : last + 1]


def _of_the_data(model: Trained) -> RollMetrics | None:
    """Figures of the training data, if they can be had without a download."""
    facts = data_sets().get(model.data.name)
    if facts is None or not facts.ready:
        return None
    try:
        return split_metrics(model.data.name, "train")
    except DMMError:
        return None


def _both(
    own: RollMetrics, whole: RollMetrics | None, show: Callable[[RollMetrics], str]
) -> tuple[str, str]:
    return show(own), _AWAY if whole is None else show(whole)


def _pitches(metrics: RollMetrics, semitones: int) -> str:
    if metrics.lowest is None or metrics.highest is None:
        return "silence"
    low, high = (
        min(max(pitch + semitones, 21), 108) for pitch in (metrics.lowest, metrics.highest)
    )
    return f"{charts.pitch_name(low)} to {charts.pitch_name(high)}"
