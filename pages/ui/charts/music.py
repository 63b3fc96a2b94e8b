"""Charts of sequences, and of the statistics of piano-rolls."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from dmm_core.music.key import estimate_key, key_of_roll, pitch_names, spell_pitch
from dmm_core.music.pianoroll import LOWEST
from pages.ui.charts.style import (
    ACCENT,
    MAX_POINTS,
    colour,
    figure,
    float32,
    text_annotation,
    with_opacity,
)

__all__ = [
    "length_histogram",
    "pianoroll",
    "pitch_class_histogram",
    "pitch_histogram",
    "pitch_name",
    "polyphony_histogram",
]

_PITCHES = pitch_names(None)
_OCTAVES = [f"C{octave}" for octave in range(1, 9)]


def pitch_name(pitch: int) -> str:
    """Return the name of a MIDI pitch from 21 to 108, spelled as in C major: 60 is C4."""
    return _PITCHES[pitch - LOWEST]


def pianoroll(roll: np.ndarray, *, probabilities: np.ndarray | None = None) -> go.Figure:
    """A piano-roll with time on the x axis and the pitches in use on the y axis.

    Args:
        roll: (T, 88) 0 or 1, column 0 = MIDI pitch 21; at most the first 2,000 frames are drawn.
        probabilities: (T, 88) p(x given z), drawn in a faint colour under the notes.
    """
    notes = np.ascontiguousarray(np.asarray(roll)[:MAX_POINTS].T, dtype=np.uint8)
    used = np.flatnonzero(notes.any(axis=1))
    low, high = (int(used[0]), int(used[-1])) if used.size else (27, 51)
    names = pitch_names(key_of_roll(notes.T))
    layers: list[Any] = []
    if probabilities is not None:
        layers.append(
            go.Heatmap(
                z=np.ascontiguousarray(float32(probabilities)[:MAX_POINTS].T),
                y=names,
                zmin=0,
                zmax=1,
                colorscale=[[0, with_opacity(ACCENT, 0)], [1, with_opacity(ACCENT, 0.6)]],
                showscale=False,
                hovertemplate="frame %{x}, %{y}: probability %{z:.2f}<extra></extra>",
            )
        )
    layers.append(
        go.Heatmap(
            z=notes,
            y=names,
            zmin=0,
            zmax=1,
            ygap=1,
            colorscale=[[0, with_opacity(ACCENT, 0)], [1, ACCENT]],
            showscale=False,
            hovertemplate="frame %{x}, %{y}<extra></extra>",
            hoverinfo="skip" if probabilities is not None else None,
        )
    )
    return figure(
        layers,
        height=360,
        xaxis={"title": {"text": "Frame"}, "showgrid": False},
        yaxis={
            "title": {"text": "Pitch"},
            "tickvals": names[3::12],
            "range": [max(0, low - 2) - 0.5, min(87, high + 2) + 0.5],
        },
    )


def pitch_histogram(counts: np.ndarray, reference: np.ndarray | None = None) -> go.Figure:
    """Share of the notes at each pitch, from the lowest to the highest pitch in use.

    Args:
        counts: (88,) number of notes at each pitch, column 0 = MIDI pitch 21.
        reference: (88,) the same for the split, drawn as a line.
    """
    both = np.asarray(counts) + (0 if reference is None else np.asarray(reference))
    used = np.flatnonzero(both)
    low, high = (int(used[0]), int(used[-1])) if used.size else (0, 87)
    kept = slice(low, high + 1)
    drawn = _bars(
        _PITCHES[kept],
        np.asarray(counts)[kept],
        None if reference is None else np.asarray(reference)[kept],
        x_title="Pitch",
        unit="notes",
    )
    return drawn.update_xaxes(tickvals=[name for name in _OCTAVES if name in _PITCHES[kept]])


def pitch_class_histogram(counts: np.ndarray, reference: np.ndarray | None = None) -> go.Figure:
    """Share of the notes at each of the twelve pitch classes, spelled in the key of `counts`.

    Args:
        counts: (12,) number of notes in each pitch class, from C upwards.
        reference: (12,) the same for the split, drawn as a line.
    """
    key = estimate_key(np.asarray(counts, dtype=np.float64)) if np.any(counts) else None
    classes = [str(spell_pitch(60 + i, key))[:-1] for i in range(12)]
    return _bars(classes, counts, reference, x_title="Pitch class", unit="notes")


def polyphony_histogram(counts: np.ndarray, reference: np.ndarray | None = None) -> go.Figure:
    """Share of the frames with each number of simultaneous notes.

    Args:
        counts: (n,) number of frames with 0, 1, 2, ... notes.
        reference: (n,) the same for the split, drawn as a line.
    """
    both = np.asarray(counts) + (0 if reference is None else np.asarray(reference))
    kept = slice(0, int(np.flatnonzero(both).max(initial=0)) + 1)
    drawn = _bars(
        list(range(kept.stop)),
        np.asarray(counts)[kept],
        None if reference is None else np.asarray(reference)[kept],
        x_title="Notes at once",
        unit="frames",
    )
    return drawn.update_xaxes(dtick=1)


def length_histogram(lengths: np.ndarray, *, marked: int | None = None) -> go.Figure:
    """Histogram of the lengths of sequences.

    Args:
        lengths: (N,) frames of each sequence.
        marked: length of the selected sequence in frames, drawn as a vertical line.
    """
    counts, edges = np.histogram(lengths, bins=min(40, max(1, len(np.unique(lengths)))))
    centres = (edges[:-1] + edges[1:]) / 2
    hover = [
        f"{a:.0f} to {b:.0f} frames: {n} sequences"
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    drawn = figure(
        [
            go.Bar(
                x=float32(centres),
                y=counts.astype(np.int32),
                width=float32(np.diff(edges) * 0.92),
                hovertext=hover,
                hovertemplate="%{hovertext}<extra></extra>",
                marker={"color": colour(0)},
            )
        ],
        height=280,
        xaxis={"title": {"text": "Frames"}},
        yaxis={"title": {"text": "Sequences"}},
    )
    if marked is not None:
        drawn.add_vline(
            x=marked,
            line={"dash": "dash", "width": 2, "color": colour(1)},
            annotation=text_annotation("this sequence", yanchor="bottom"),
        )
    return drawn


def _bars(
    x: list[Any], counts: np.ndarray, reference: np.ndarray | None, *, x_title: str, unit: str
) -> go.Figure:
    bars = go.Bar(
        x=x,
        y=_shares(counts),
        name="This sequence",
        marker={"color": colour(0)},
        hovertemplate="%{x}: %{y:.1%} of the " + unit + "<extra></extra>",
    )
    traces: list[Any] = [bars]
    if reference is not None:
        traces.append(
            go.Scatter(
                x=x,
                y=_shares(reference),
                name="All sequences of the split",
                mode="lines",
                line={"color": colour(1), "width": 1.5, "shape": "hvh"},
                hovertemplate="%{x}: %{y:.1%} of the split's " + unit + "<extra></extra>",
            )
        )
    return figure(
        traces,
        height=280,
        showlegend=reference is not None,
        bargap=0.12,
        xaxis={"title": {"text": x_title}},
        yaxis={"title": {"text": f"Share of {unit}"}, "tickformat": ".0%"},
    )


def _shares(counts: np.ndarray) -> np.ndarray:
    return float32(counts) / max(float(np.sum(counts)), 1.0)
