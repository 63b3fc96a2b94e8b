"""One sequence of a data set in the player, with statistics of the sequence and its split."""

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
from pages.ui.datasets import (
    SPLITS,
    dataset_label,
    dataset_summaries,
    roll_to_wav,
    split_metrics,
    splits,
)
from pages.ui.pitch import LOWERED_CAPTION, sounding_shift_of
from pages.ui.player import player
from pages.ui.voices.listening import play
from pages.ui.voices.working_score import score_of_symbols

__all__ = ["draw"]

_TEMPO = 90.0
_PART_QUARTERS = 180
"""Length of a part of a long piece in quarter notes: two minutes at 90 quarters per minute, 5 MB
of audio."""
_MAX_LISTED = 2000
"""Number of sequences in the list; a longer list would slow down every rerun."""


def draw() -> None:
    """Draw the choice of a sequence, the sequence itself and its statistics."""
    sets = dataset_summaries()
    which, split_place, piece_place = st.columns([3, 2, 3])
    with which:
        name = choose(
            "Data set",
            list(sets),
            key="data",
            format_func=lambda name: dataset_label(sets, name),
            resets=("split", "piece", "part"),
        )
    if name is None:
        st.error("There is no such data set. Choose one above.", icon=":material/error:")
        st.stop()
    summary = sets[name]
    st.caption(
        f"{frame.escape_markdown(summary.description)} "
        f"Licence: {frame.escape_markdown(summary.licence)}."
    )
    if not summary.ready:
        fetch(summary)
        return
    data = splits(name)
    with split_place:
        split = choose(
            "Split",
            SPLITS,
            key="split",
            format_func=str.capitalize,
            segmented=True,
            resets=("piece", "part"),
        )
    if split is None:
        st.error("The splits are train, valid and test.", icon=":material/error:")
        st.stop()
    sequences = data[split]
    numbers = [str(number) for number in range(1, min(len(sequences), _MAX_LISTED) + 1)]
    with piece_place:
        piece = choose(
            f"Sequence (of {len(sequences):,})",
            numbers,
            key="piece",
            format_func=lambda number: f"{number}. {sequences.names[int(number) - 1]}",
            help=terms.SEQUENCE,
            resets=("part",),
        )
    if piece is None:
        st.error("There is no such sequence. Choose one above.", icon=":material/error:")
        st.stop()
    _draw_sequence(data, split, int(piece) - 1)
    st.page_link(
        "pages/2_Train.py",
        label="Train a model on this data set",
        icon=":material/model_training:",
        query_params={"data": name},
    )


def _draw_sequence(data: Splits, split: str, index: int) -> None:
    x, title = data[split].x[index], data[split].names[index]
    steps = data.steps_per_quarter
    if data.spec.is_voices:
        known = data[split].c
        assert known is not None, "music in voices has covariates"
        play(score_of_symbols(x, known[index]), title=title)
    if steps is None:
        features.draw(data, split, index)
        return
    _draw_player(x, steps, title, sounding_shift_of(data.name))
    _draw_statistics(x, steps, data, split)


def _draw_player(roll: np.ndarray, steps: int, title: str, semitones: int) -> None:
    """Draw the player. A long piece is divided into parts, because its audio would be too large.

    Args:
        roll: (T, 88) piano-roll.
        steps: frames per quarter note.
        title: title of the piece.
        semitones: shift from the data to the pitches that sound.
    """
    width = _PART_QUARTERS * steps
    start = 0
    if len(roll) > width:
        parts = [str(part) for part in range(1, -(-len(roll) // width) + 1)]
        part = choose(
            f"Part (of {len(parts)})",
            parts,
            key="part",
            format_func=lambda part: (
                f"Frames {(int(part) - 1) * width:,} to {min(int(part) * width, len(roll)) - 1:,}"
            ),
        )
        start = (int(part or 1) - 1) * width
    shown = transposed(roll[start : start + width], semitones)
    strike = rearticulates_by_default(steps)
    player(
        roll=shown,
        wav=roll_to_wav(shown, tempo=_TEMPO, steps_per_quarter=steps, rearticulate=strike),
        steps_per_quarter=steps,
        tempo=_TEMPO,
        rearticulate=strike,
        key="player",
        title=title,
    )
    if semitones:
        st.caption(LOWERED_CAPTION)


def _draw_statistics(roll: np.ndarray, steps: int, data: Splits, split: str) -> None:
    sequence, whole = roll_metrics([roll]), split_metrics(data.name, split)
    seconds = len(roll) * 60 / _TEMPO / steps
    with st.grid("auto", min_column_width=150):
        st.metric(
            "Length",
            f"{len(roll):,} frames",
            help=f"{seconds:.0f} s at {_TEMPO:.0f} quarter notes per minute.",
        )
        st.metric("Pitches", _pitches(sequence))
        st.metric(
            "Notes at once",
            f"{sequence.mean_polyphony:.2f}",
            help="The number of notes that sound at the same time, averaged over the frames.",
        )
        st.metric(
            "Held notes",
            f"{sequence.held:.0%}",
            help="The share of notes that already sound in the previous frame.",
        )
    if frame.presenting():
        return
    with st.grid(2, min_column_width=340):
        frame.chart(
            charts.pitch_histogram(sequence.pitches, whole.pitches),
            key="pitches",
            alt="The share of notes at each pitch, in this sequence and in the whole split.",
        )
        frame.chart(
            charts.pitch_class_histogram(sequence.pitch_classes, whole.pitch_classes),
            key="classes",
            alt="The share of notes in each pitch class, in this sequence and in the whole split.",
        )
        frame.chart(
            charts.polyphony_histogram(sequence.polyphony, whole.polyphony),
            key="polyphony",
            alt="The share of frames with each number of notes, in this sequence and in the whole "
            "split.",
        )
        frame.chart(
            charts.length_histogram(data[split].lengths, marked=len(roll)),
            key="lengths",
            alt="The lengths of the sequences of the split; the length of this one is marked.",
        )


def _pitches(metrics: RollMetrics) -> str:
    if metrics.lowest is None or metrics.highest is None:
        return "Silence"
    return f"{charts.pitch_name(metrics.lowest)} to {charts.pitch_name(metrics.highest)}"
