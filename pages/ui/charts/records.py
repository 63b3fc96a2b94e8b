"""Sequences that are no music: what was seen of each feature, what acted, and shares over time."""

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
    faint,
    figure,
    float32,
    label,
)

__all__ = ["ShareCurve", "feature_shares", "record", "shares_over_time"]

_ROW = 21
"""Pixels of a feature's row, as long as there are few."""
_TALLEST = 900
_GAPS = 120
"""Frames beyond which cells touch, so that they stay visible."""


class ShareCurve(NamedTuple):
    """Shares over time: a name, loc (H,) between 0 and 1, and the standard errors (H,) or None."""

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
) -> go.Figure:
    """A binary sequence as rows of cells, time to the right: strong is 1, pale 0, blank unseen.

    Args:
        x: (T, x_dim) 0 or 1; at most the first 2,000 frames are drawn.
        observed: (T, x_dim) 1 where the feature was seen; None where all were.
        u: (T, u_dim) actions, drawn below the features; None where nothing acts.
        features: names of the features; numbered where there are none.
        actions: names of the actions; numbered where there are none.
    """
    cells = float32(x) if observed is None else np.where(observed > 0, float32(x), np.nan)
    rows = x.shape[1]
    layers = [_cells(cells, _names(features, "x", rows), ACCENT)]
    axes = {"yaxis": _rows("Features")}
    frames: dict[str, Any] = {"title": {"text": "Frame"}, "showgrid": False, "zeroline": False}
    if u is not None:
        below, rows = u.shape[1], rows + u.shape[1] + 1  # a row between both stays empty
        layers.append(_cells(u, _names(actions, "u", below), colour(1), yaxis="y2"))
        axes["yaxis"]["domain"] = [(below + 1) / rows, 1]
        axes["yaxis2"] = _rows("Actions") | {"domain": [0, below / rows]}
        frames["anchor"] = "y2"
    return figure(layers, height=min(_TALLEST, 90 + _ROW * rows), xaxis=frames, **axes)


def feature_shares(
    shares: np.ndarray, observed: np.ndarray | None = None, features: Sequence[str] = ()
) -> go.Figure:
    """How often each feature is 1 where it was seen, and how often it was seen.

    Args:
        shares: (x_dim,) between 0 and 1; NaN for a feature that was never seen.
        observed: (x_dim,) between 0 and 1; None where all is seen.
        features: names of the features; numbered where there are none.
    """
    names = _names(features, "x", len(shares))
    traces: list[Any] = [
        go.Bar(
            x=float32(shares),
            y=names,
            orientation="h",
            name="Is 1, where seen",
            marker={"color": colour(0)},
            hovertemplate="%{y}: 1 in %{x:.1%} of what was seen<extra></extra>",
        )
    ]
    if observed is not None:
        traces.append(
            go.Scatter(
                x=float32(observed),
                y=names,
                mode="markers",
                name="Was seen",
                marker={"color": colour(1), "symbol": "diamond", "size": 8},
                hovertemplate="%{y}: seen in %{x:.1%} of the frames<extra></extra>",
            )
        )
    return figure(
        traces,
        height=min(_TALLEST, 100 + _ROW * len(names)),
        showlegend=observed is not None,
        bargap=0.3,
        xaxis={"title": {"text": "Share"}, "tickformat": ".0%", "range": [0, 1.02]},
        yaxis=_rows("Feature"),
    )


def shares_over_time(curves: Sequence[ShareCurve], *, title: str, x_title: str) -> go.Figure:
    """Shares of a group under one treatment or another, with two standard errors.

    Args:
        curves: one for each treatment or estimate.
        title: what the share is of.
        x_title: what time counts; the first value of a curve stands at 1.
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


def _names(given: Sequence[str], letter: str, count: int) -> list[str]:
    return [label(name) for name in given] or [f"{letter}[{d}]" for d in range(count)]


def _rows(title: str) -> dict[str, Any]:
    """An axis of names, the first on top."""
    return {"title": {"text": title}, "autorange": "reversed", "showgrid": False, "ticks": ""}


def _cells(values: np.ndarray, names: list[str], strong: str, **place: Any) -> go.Heatmap:
    shown = np.ascontiguousarray(float32(values)[:MAX_POINTS].T)
    gap = 2 if shown.shape[1] <= _GAPS else 0
    finite = shown[np.isfinite(shown)]
    return go.Heatmap(
        z=shown,
        y=names,
        zmin=min(0.0, float(finite.min(initial=0))),
        zmax=max(1.0, float(finite.max(initial=1))),
        xgap=gap,
        ygap=gap,
        colorscale=[[0, faint(NEUTRAL, 0.22)], [1, strong]],
        showscale=False,
        hoverongaps=False,
        hovertemplate="frame %{x}, %{y}: %{z:.3~g}<extra></extra>",
        **place,
    )
