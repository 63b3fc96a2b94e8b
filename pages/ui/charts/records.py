"""Charts of binary records with missing values and actions, and of shares over time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.style import (
    ACCENT,
    DASHES,
    MAX_POINTS,
    NEUTRAL,
    SYMBOLS,
    colour,
    figure,
    float32,
    label,
    with_opacity,
)

__all__ = ["ShareCurve", "feature_shares", "record", "shares_over_time"]

_ROW = 21
"""Height of a row in pixels."""
_MAX_HEIGHT = 900
_MAX_GAP_FRAMES = 120
"""Number of frames above which there are no gaps between cells, because the cells are narrow."""


class ShareCurve(NamedTuple):
    """Shares over time: a name, shares loc (H,) from 0 to 1, and standard errors (H,) or None."""

    name: str
    loc: np.ndarray
    error: np.ndarray | None = None


def record(
    x: np.ndarray,
    *,
    observed: np.ndarray | None = None,
    u: np.ndarray | None = None,
    features: Sequence[str] = (),
    actions: Sequence[str] = (),
    times: np.ndarray | None = None,
    time_title: str = "Frame",
) -> go.Figure:
    """A binary sequence as a heatmap with a row for each feature and time on the x axis.

    Coloured cells are 1, grey cells are 0, and blank cells are missing.

    Args:
        x: (T, x_dim) 0 or 1; at most the first 2,000 frames are drawn.
        observed: (T, x_dim) 1 where the feature is observed; None if no values are missing.
        u: (T, u_dim) actions, drawn below the features; None if there are no actions.
        features: names of the features; if empty, features are numbered.
        actions: names of the actions; if empty, actions are numbered.
        times: (T,) numbers or datetime64, the times of the frames; by default their indices.
        time_title: title of the x axis.
    """
    cells = float32(x) if observed is None else np.where(observed > 0, float32(x), np.nan)
    rows = x.shape[1]
    places = {} if times is None else {"x": _places(times[:MAX_POINTS])}
    layers = [_cells(cells, _names(features, "x", rows), ACCENT, **places)]
    axes = {"yaxis": _rows("Features")}
    frames: dict[str, Any] = {
        "title": {"text": label(time_title)},
        "showgrid": False,
        "zeroline": False,
    }
    if u is not None:
        below, rows = u.shape[1], rows + u.shape[1] + 1  # a row between both stays empty
        layers.append(_cells(u, _names(actions, "u", below), colour(1), yaxis="y2", **places))
        axes["yaxis"]["domain"] = [(below + 1) / rows, 1]
        axes["yaxis2"] = _rows("Actions") | {"domain": [0, below / rows]}
        frames["anchor"] = "y2"
    return figure(layers, height=min(_MAX_HEIGHT, 90 + _ROW * rows), xaxis=frames, **axes)


def feature_shares(
    shares: np.ndarray, observed: np.ndarray | None = None, features: Sequence[str] = ()
) -> go.Figure:
    """Share of ones among the observed values of each feature, and share of observed values.

    Args:
        shares: (x_dim,) between 0 and 1; NaN for a feature that is never observed.
        observed: (x_dim,) between 0 and 1; None if no values are missing.
        features: names of the features; if empty, features are numbered.
    """
    names = _names(features, "x", len(shares))
    traces: list[Any] = [
        go.Bar(
            x=float32(shares),
            y=names,
            orientation="h",
            name="Ones among observed values",
            marker={"color": colour(0)},
            hovertemplate="%{y}: 1 in %{x:.1%} of the observed values<extra></extra>",
        )
    ]
    if observed is not None:
        traces.append(
            go.Scatter(
                x=float32(observed),
                y=names,
                mode="markers",
                name="Observed values",
                marker={"color": colour(1), "symbol": "diamond", "size": 8},
                hovertemplate="%{y}: observed in %{x:.1%} of the frames<extra></extra>",
            )
        )
    return figure(
        traces,
        height=min(_MAX_HEIGHT, 100 + _ROW * len(names)),
        showlegend=observed is not None,
        bargap=0.3,
        xaxis={"title": {"text": "Share"}, "tickformat": ".0%", "range": [0, 1.02]},
        yaxis=_rows("Feature"),
    )


def shares_over_time(curves: Sequence[ShareCurve], *, title: str, x_title: str) -> go.Figure:
    """Shares of a group over time, with error bars of two standard errors.

    Args:
        curves: one curve for each treatment or estimate.
        title: title of the y axis.
        x_title: title of the x axis, which starts at 1.
    """
    lines = [
        go.Scatter(
            x=np.arange(1, len(curve.loc) + 1, dtype=np.int32),
            y=float32(curve.loc),
            error_y=None
            if curve.error is None
            else {"array": float32(2 * curve.error), "thickness": 1, "width": 3},
            name=label(curve.name),
            mode="lines+markers",
            line={"color": colour(i), "dash": DASHES[i % len(DASHES)], "width": 2},
            marker={"symbol": SYMBOLS[i % len(SYMBOLS)], "size": 7},
            hovertemplate="%{y:.1%}",
        )
        for i, curve in enumerate(curves)
    ]
    return figure(
        lines,
        height=340,
        hovermode="x unified",
        showlegend=True,
        xaxis={"title": {"text": x_title}, "dtick": 1},
        yaxis={"title": {"text": title}, "tickformat": ".0%", "rangemode": "tozero"},
    )


def _places(times: np.ndarray) -> list[Any]:
    """Return times as plotly takes them: numbers, or dates as text."""
    return (np.datetime_as_string(times) if times.dtype.kind == "M" else times).tolist()


def _names(given: Sequence[str], letter: str, count: int) -> list[str]:
    return [label(name) for name in given] or [f"{letter}[{d}]" for d in range(count)]


def _rows(title: str) -> dict[str, Any]:
    """Return an axis of names with the first name on top."""
    return {"title": {"text": title}, "autorange": "reversed", "showgrid": False, "ticks": ""}


def _cells(values: np.ndarray, names: list[str], strong: str, **place: Any) -> go.Heatmap:
    shown = np.ascontiguousarray(float32(values)[:MAX_POINTS].T)
    gap = 2 if shown.shape[1] <= _MAX_GAP_FRAMES else 0
    finite = shown[np.isfinite(shown)]
    return go.Heatmap(
        z=shown,
        y=names,
        zmin=min(0.0, float(finite.min(initial=0))),
        zmax=max(1.0, float(finite.max(initial=1))),
        xgap=gap,
        ygap=gap,
        colorscale=[[0, with_opacity(NEUTRAL, 0.22)], [1, strong]],
        showscale=False,
        hoverongaps=False,
        hovertemplate="frame %{x}, %{y}: %{z:.3~g}<extra></extra>",
        **place,
    )
