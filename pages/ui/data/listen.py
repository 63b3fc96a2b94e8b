"""One sequence of a data set: seen in the player, heard, and counted beside its split."""

import numpy as np
import streamlit as st

from dmm_core.data.sequences import Splits
from dmm_core.music.metrics import RollMetrics, roll_metrics
from dmm_core.music.pianoroll import rearticulates_by_default
from dmm_core.music.transposition import transposed
from pages.ui import charts, frame, terms
from pages.ui.address import choose
from pages.ui.data import features
from pages.ui.data.fetch import fetch
from pages.ui.datasets import SPLITS, SetFacts, data_sets, sound, split_metrics, splits
from pages.ui.pitch import LOWERED_CAPTION, sounding_shift_of
from pages.ui.player import player

__all__ = ["draw"]

_TEMPO = 90.0
_PART_QUARTERS = 180
"""Quarters in the player at once: two minutes at 90 a minute, 5 MB of sound."""
_LISTED = 2000
"""Sequences in the list: more would weigh on every rerun."""


def draw() -> None:
    """Draw the choice of a sequence, the sequence itself and its statistics."""
    sets = data_sets()
    which, split_place, piece_place = st.columns([3, 2, 3])
    with which:
        name = choose(
            "Data set",
            list(sets),
            key="data",
            show=lambda name: _title(sets, name),
            resets=("split", "piece", "part"),
        )
    if name is None:
        st.error("There is no such data set; choose one above.", icon=":material/error:")
        st.stop()
    facts = sets[name]
    st.caption(
        f"{frame.escape_markdown(facts.description)} "
        f"Licence: {frame.escape_markdown(facts.licence)}."
    )
    if not facts.ready:
        fetch(facts)
        return
    data = splits(name)
    with split_place:
        split = choose(
            "Split", SPLITS, key="split", show=str.capitalize, few=True, resets=("piece", "part")
        )
    if split is None:
        st.error("The splits are train, valid and test.", icon=":material/error:")
        st.stop()
    sequences = data[split]
    numbers = [str(number) for number in range(1, min(len(sequences), _LISTED) + 1)]
    with piece_place:
        piece = choose(
            f"Sequence, of {len(sequences):,}",
            numbers,
            key="piece",
            show=lambda number: f"{number}. {sequences.names[int(number) - 1]}",
            help=terms.SEQUENCE,
            resets=("part",),
        )
    if piece is None:
        st.error("There is no such sequence; choose one above.", icon=":material/error:")
        st.stop()
    _draw_sequence(data, facts, split, int(piece) - 1)
    st.page_link(
        "pages/2_Train.py",
        label="Train a model on this data set",
        icon=":material/model_training:",
        query_params={"data": name},
    )


def _title(sets: dict[str, SetFacts], name: str) -> str:
    """A label no other set has: two uploads may be called alike."""
    title = sets[name].title
    alike = sum(facts.title == title for facts in sets.values()) > 1
    return f"{title} ({name})" if alike else title


def _draw_sequence(data: Splits, facts: SetFacts, split: str, index: int) -> None:
    x, title = data[split].x[index], data[split].names[index]
    steps = data.steps_per_quarter
    if steps is None:
        features.draw(data, split, index)
        return
    _play(x, steps, title, sounding_shift_of(data.name))
    _draw_statistics(x, steps, data, split)


def _play(roll: np.ndarray, steps: int, title: str, semitones: int) -> None:
    """The player; a long piece comes in parts, or its sound would not fit into a message."""
    width = _PART_QUARTERS * steps
    start = 0
    if len(roll) > width:
        parts = [str(part) for part in range(1, -(-len(roll) // width) + 1)]
        part = choose(
            f"Part, of {len(parts)}",
            parts,
            key="part",
            show=lambda part: (
                f"Frames {(int(part) - 1) * width:,} to {min(int(part) * width, len(roll)) - 1:,}"
            ),
        )
        start = (int(part or 1) - 1) * width
    shown = transposed(roll[start : start + width], semitones)
    strike = rearticulates_by_default(steps)
    player(
        roll=shown,
        wav=sound(shown, tempo=_TEMPO, steps_per_quarter=steps, rearticulate=strike),
        steps_per_quarter=steps,
        tempo=_TEMPO,
        rearticulate=strike,
        key="player",
        title=title,
    )
    if semitones:
        st.caption(LOWERED_CAPTION)


def _draw_statistics(roll: np.ndarray, steps: int, data: Splits, split: str) -> None:
    own, whole = roll_metrics([roll]), split_metrics(data.name, split)
    seconds = len(roll) * 60 / _TEMPO / steps
    with st.grid("auto", min_column_width=150):
        st.metric(
            "Length",
            f"{len(roll):,} frames",
            help=f"{seconds:.0f} s at {_TEMPO:.0f} quarters a minute.",
        )
        st.metric("Pitches", _pitches(own))
        st.metric("Notes at once", f"{own.mean_polyphony:.2f}", help="On average over the frames.")
        st.metric("Held", f"{own.held:.0%}", help="Notes that sounded in the frame before too.")
    if frame.presenting():
        return
    with st.grid(2, min_column_width=340):
        frame.chart(
            charts.pitch_histogram(own.pitches, whole.pitches),
            key="pitches",
            alt="How often each pitch sounds, in this sequence and in the whole split.",
        )
        frame.chart(
            charts.pitch_class_histogram(own.pitch_classes, whole.pitch_classes),
            key="classes",
            alt="How often each pitch class sounds, in this sequence and in the whole split.",
        )
        frame.chart(
            charts.polyphony_histogram(own.polyphony, whole.polyphony),
            key="polyphony",
            alt="How many notes sound at once, in this sequence and in the whole split.",
        )
        frame.chart(
            charts.length_histogram(data[split].lengths, marked=len(roll)),
            key="lengths",
            alt="Lengths of the split's sequences, this one marked.",
        )


def _pitches(metrics: RollMetrics) -> str:
    if metrics.lowest is None or metrics.highest is None:
        return "silence"
    return f"{charts.pitch_name(metrics.lowest)} to {charts.pitch_name(metrics.highest)}"
