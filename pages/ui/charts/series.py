"""Charts of real-valued sequences and counts over time, and of series that are split in time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.style import (
    ACCENT,
    DASHES,
    NEUTRAL,
    SYMBOLS,
    colour,
    figure,
    float32,
    label,
    text_annotation,
    thin_indices,
    with_opacity,
)

__all__ = ["real_sequence", "split_series"]

_FEW_POINTS = 60


def real_sequence(
    x: np.ndarray,
    *,
    names: Sequence[str] = (),
    letter: str = "x",
    times: np.ndarray | None = None,
    time_title: str = "Frame",
) -> go.Figure:
    """A sequence of numbers, one line for each feature; at most the first eight are drawn.

    Args:
        x: (T, x_dim) in the data's own units; NaN where a value is missing, which leaves a gap.
        names: names of the features; if empty, features are numbered.
        letter: symbol of the features without names.
        times: (T,) numbers or datetime64, the times of the frames; by default their indices.
        time_title: title of the x axis.
    """
    keep = thin_indices(len(x))
    shown = [label(name) for name in names] or [f"{letter}[{d}]" for d in range(x.shape[1])]
    lines = [
        go.Scatter(
            x=_places(keep if times is None else times[keep]),
            y=float32(x[keep, d]),
            name=shown[d],
            mode="lines+markers" if len(keep) <= _FEW_POINTS else "lines",
            line={"color": colour(d), "dash": DASHES[d % len(DASHES)], "width": 2},
            marker={"symbol": SYMBOLS[d], "size": 6},
            hovertemplate="%{y:.6~g}",
        )
        for d in range(min(x.shape[1], len(SYMBOLS)))
    ]
    single = shown[0] if names and x.shape[1] == 1 else letter
    return figure(
        lines,
        height=360,
        hovermode="x unified",
        showlegend=len(lines) > 1,
        xaxis=_time_axis(times, time_title),
        yaxis={"title": {"text": single}},
    )


def split_series(
    x: np.ndarray,
    *,
    valid_from: int,
    test_from: int,
    window: tuple[int, int] | None = None,
    names: Sequence[str] = (),
    times: np.ndarray | None = None,
    time_title: str = "Frame",
) -> go.Figure:
    """A whole series with its train, valid and test splits as regions.

    Args:
        x: (T, x_dim) in the data's own units; NaN where a value is missing.
        valid_from: first frame of the valid split.
        test_from: first frame of the test split.
        window: first frame of a window to mark, and the frame after its last one.
        names: names of the features.
        times: (T,) numbers or datetime64, the times of the frames.
        time_title: title of the x axis.
    """
    drawn = real_sequence(x, names=names, times=times, time_title=time_title)
    places = _places(np.arange(len(x)) if times is None else times)
    ends = (0, valid_from, test_from, len(x) - 1)
    fills = (None, with_opacity(ACCENT, 0.14), with_opacity(NEUTRAL, 0.26))
    for name, fill, first, last in zip(
        ("train", "valid", "test"), fills, ends, ends[1:], strict=False
    ):
        span = {"x0": places[first], "x1": places[last]}
        if fill:
            drawn.add_shape(
                {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "line": {"width": 0}}
                | {"fillcolor": fill, "layer": "below"}
                | span
            )
        middle = places[(first + last) // 2]
        drawn.add_annotation(
            text_annotation(name, x=middle, xanchor="center", y=1, yanchor="bottom", yref="paper")
        )
    if window is not None:
        drawn.add_shape(
            {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "x0": places[window[0]]}
            | {"x1": places[window[1] - 1], "line": {"color": NEUTRAL, "width": 1.5, "dash": "dot"}}
        )
    # The names of the splits are where a legend would be.
    return drawn.update_layout(
        height=320, legend={"y": -0.2, "yanchor": "top"}, margin={"l": 8, "r": 8, "t": 32, "b": 8}
    )


def _places(times: np.ndarray) -> np.ndarray | list[str]:
    """Return times as plotly takes them: numbers, or dates as text."""
    if times.dtype.kind == "M":
        return [text.replace("T", " ") for text in np.datetime_as_string(times).tolist()]
    return times.astype(np.int32) if times.dtype.kind == "i" else times


def _time_axis(times: np.ndarray | None, title: str) -> dict[str, Any]:
    dates = times is not None and times.dtype.kind == "M"
    return {"title": {"text": label(title)}} | ({"type": "date"} if dates else {})
