"""Charts of forecasts: a fan of intervals around the median, and the calibration of a model."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.style import (
    ACCENT,
    DASHES,
    NEUTRAL,
    colour,
    figure,
    float32,
    label,
    text_colour,
    thin_indices,
    with_opacity,
)

__all__ = ["Fan", "calibration", "fan_chart", "scores_by_horizon", "simulations", "symbol_shares"]

_RECENT = 2000
"""Number of points of the observed part that are drawn."""


class Fan(NamedTuple):
    """Quantiles of one feature at some times.

    Attributes:
        times: (N,) numbers or datetime64.
        quantiles: (5, N): the levels 5, 25, 50, 75 and 95 %.
        name: what the fan is, for the legend.
    """

    times: np.ndarray
    quantiles: np.ndarray
    name: str = "Forecast"


def fan_chart(
    times: np.ndarray,
    values: np.ndarray,
    fan: Fan,
    *,
    title: str,
    x_title: str,
    truth: slice | None = None,
    origin: Any = None,
) -> go.Figure:
    """The values of a feature with a fan: the median, and the central 50 and 90 % intervals.

    Args:
        times: (T,) numbers or datetime64.
        values: (T,), NaN where a value is missing.
        fan: the fan.
        title: name of the feature, with its unit.
        x_title: title of the time axis.
        truth: the part of the values that the fan does not know, drawn as points.
        origin: the time at which the forecast begins, marked by a line; None for no line.
    """
    known = np.ones(len(times), bool)
    if truth is not None:
        known[truth] = False
    low, low_mid, median, high_mid, high = fan.quantiles
    traces: list[Any] = []
    for name, bottom, top, alpha in (
        ("90 % interval", low, high, 0.18),
        ("50 % interval", low_mid, high_mid, 0.32),
    ):
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        traces.append(go.Scatter(x=fan.times, y=float32(top), showlegend=False, **edge))
        traces.append(
            go.Scatter(
                x=fan.times,
                y=float32(bottom),
                name=name,
                fill="tonexty",
                fillcolor=with_opacity(ACCENT, alpha),
                **edge,
            )
        )
    traces.append(
        go.Scatter(
            x=fan.times,
            y=float32(median),
            name=f"{label(fan.name)}, median",
            mode="lines",
            line={"color": ACCENT, "width": 2, "dash": "dash"},
            customdata=np.stack([float32(low), float32(high)], axis=-1),
            hovertemplate="%{y:.4g} (90 %: %{customdata[0]:.4g} to %{customdata[1]:.4g})",
        )
    )
    shown = np.flatnonzero(known)
    shown = shown[thin_indices(len(shown), _RECENT)]
    traces.append(
        go.Scatter(
            x=times[shown],
            y=float32(values)[shown],
            name="Observed",
            mode="lines+markers" if len(shown) <= 60 else "lines",
            line={"color": text_colour() or NEUTRAL, "width": 1.5},
            marker={"size": 4},
            connectgaps=False,
            hovertemplate="%{y:.4g}",
        )
    )
    if truth is not None and not known.all():
        traces.append(
            go.Scatter(
                x=times[~known],
                y=float32(values)[~known],
                name="What happened",
                mode="markers",
                marker={"color": colour(1), "symbol": "diamond", "size": 7},
                hovertemplate="%{y:.4g}",
            )
        )
    drawn = figure(
        traces,
        height=420,
        hovermode="x unified",
        xaxis={"title": {"text": label(x_title)}},
        yaxis={"title": {"text": label(title)}},
    )
    if origin is not None:
        # plotly's add_vline cannot take datetime64
        at = str(origin) if isinstance(origin, np.datetime64) else origin
        drawn.add_shape(
            type="line",
            x0=at,
            x1=at,
            y0=0,
            y1=1,
            yref="paper",
            line={"color": NEUTRAL, "dash": "dot", "width": 1.5},
        )
    return drawn


def simulations(times: np.ndarray, values: np.ndarray, *, title: str, x_title: str) -> go.Figure:
    """A feature of some simulated sequences, each with its own colour and dash.

    Args:
        times: (T,) numbers or datetime64.
        values: (sequences, T).
        title: name of the feature.
        x_title: title of the time axis.
    """
    keep = thin_indices(len(times))
    return figure(
        [
            go.Scatter(
                x=times[keep],
                y=float32(row)[keep],
                name=f"Simulation {i}",
                mode="lines",
                line={"color": colour(i - 1), "dash": DASHES[(i - 1) % len(DASHES)], "width": 1.5},
                hovertemplate="%{y:.4g}",
            )
            for i, row in enumerate(values, 1)
        ],
        height=420,
        hovermode="x unified",
        xaxis={"title": {"text": label(x_title)}},
        yaxis={"title": {"text": label(title)}},
    )


def symbol_shares(times: np.ndarray, shares: np.ndarray, *, x_title: str) -> go.Figure:
    """The probability of each symbol of a categorical feature over time, as a heat map.

    Args:
        times: (T,) numbers or datetime64.
        shares: (T, categories), from 0 to 1.
        x_title: title of the time axis.
    """
    return figure(
        [
            go.Heatmap(
                x=times,
                y=[str(i) for i in range(shares.shape[1])],
                z=np.ascontiguousarray(float32(shares).T),
                zmin=0,
                zmax=1,
                colorscale=[[0, with_opacity(NEUTRAL, 0.1)], [1, ACCENT]],
                colorbar={"title": {"text": "Probability"}, "tickformat": ".0%", "thickness": 12},
                hovertemplate="%{x}, symbol %{y}: %{z:.1%}<extra></extra>",
            )
        ],
        height=min(700, 160 + 18 * shares.shape[1]),
        xaxis={"title": {"text": label(x_title)}, "showgrid": False},
        yaxis={"title": {"text": "Symbol"}, "showgrid": False, "type": "category"},
    )


def scores_by_horizon(curves: Sequence[tuple[str, np.ndarray]]) -> go.Figure:
    """The CRPS of each forecast at each horizon.

    Args:
        curves: name and (horizon,) CRPS of each forecast.
    """
    return figure(
        [
            go.Scatter(
                x=np.arange(1, len(crps) + 1, dtype=np.int32),
                y=float32(crps),
                name=label(name[:1].upper() + name[1:]),
                mode="lines+markers" if len(crps) <= 30 else "lines",
                line={
                    "color": ACCENT if i == 0 else colour(i),
                    "width": 3 if i == 0 else 1.5,
                    "dash": DASHES[i % len(DASHES)],
                },
                hovertemplate="%{y:.4g}",
            )
            for i, (name, crps) in enumerate(curves)
        ],
        height=320,
        hovermode="x unified",
        xaxis={"title": {"text": "Frames ahead"}},
        yaxis={"title": {"text": "CRPS"}, "rangemode": "tozero"},
    )


def calibration(shares: np.ndarray) -> go.Figure:
    """Share of the values in each tenth of the forecast distribution, with the ideal as a line.

    Args:
        shares: (10,), which sum to 1.
    """
    count = len(shares)
    edges = [f"{100 * i // count}–{100 * (i + 1) // count} %" for i in range(count)]  # noqa: RUF001
    drawn = figure(
        [
            go.Bar(
                x=edges,
                y=float32(shares),
                marker={"color": ACCENT},
                hovertemplate="%{y:.1%} of the values<extra></extra>",
            )
        ],
        height=320,
        bargap=0.1,
        showlegend=False,
        xaxis={"title": {"text": "Part of the forecast distribution"}},
        yaxis={"title": {"text": "Share of the values"}, "tickformat": ".0%"},
    )
    drawn.add_hline(y=1 / count, line={"color": NEUTRAL, "dash": "dash", "width": 1.5})
    return drawn
