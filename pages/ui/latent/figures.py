"""Figures of the Latent page: pure functions from arrays to plotly figures."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.style import (
    ACCENT,
    DASHES,
    colour,
    figure,
    float32,
    text_colour,
    thin_indices,
    with_opacity,
)

__all__ = ["kl_heatmap", "posterior_over_time", "prior_and_posterior", "standard_deviations"]

_POINTS = 1500
_ROWS = 24
"""Number of latent dimensions in the kl heatmap."""


def prior_and_posterior(
    prior: np.ndarray, posterior: np.ndarray, *, axes: tuple[str, str]
) -> go.Figure:
    """Scatter plot of states from the prior and states from the posterior.

    Args:
        prior: (N, 2) states in coordinates of the plane.
        posterior: (M, 2) states in coordinates of the plane.
        axes: axis titles.
    """
    series = (
        ("Posterior", posterior, {"color": ACCENT, "symbol": "circle", "size": 5}),
        ("Prior", prior, {"color": colour(3), "symbol": "x-thin-open", "size": 6}),
    )
    traces = []
    for name, points, marker in series:
        keep = thin_indices(len(points), _POINTS)
        x, y = float32(points)[keep].T
        traces.append(
            go.Scatter(
                x=np.ascontiguousarray(x),
                y=np.ascontiguousarray(y),
                name=name,
                mode="markers",
                marker=marker,
                opacity=0.6,
                hovertemplate="%{x:.2f}, %{y:.2f}",
            )
        )
    return figure(
        traces,
        height=480,
        xaxis={"title": {"text": axes[0]}},
        yaxis={"title": {"text": axes[1]}, "scaleanchor": "x"},
    )


def posterior_over_time(loc: np.ndarray, scale: np.ndarray) -> go.Figure:
    """The posterior of one latent dimension over time, with a band of one standard deviation.

    Args:
        loc: (T,) posterior means.
        scale: (T,) posterior standard deviations.
    """
    keep = thin_indices(len(loc))
    middle, spread = float32(loc)[keep], float32(scale)[keep]
    frames = keep.astype(np.int32)
    band = go.Scatter(
        x=np.concatenate([frames, frames[::-1]]),
        y=np.concatenate([middle + spread, (middle - spread)[::-1]]),
        fill="toself",
        fillcolor=with_opacity(ACCENT, 0.2),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
    line = go.Scatter(
        x=frames,
        y=middle,
        mode="lines",
        line={"color": ACCENT, "width": 2},
        hovertemplate="frame %{x}: %{y:.2f}<extra></extra>",
        showlegend=False,
    )
    return figure(
        [band, line],
        height=360,
        xaxis={"title": {"text": "Frame"}},
        yaxis={"title": {"text": "z"}},
    )


def standard_deviations(scales: Mapping[str, np.ndarray]) -> go.Figure:
    """Standard deviations over time, one line with its own colour and dash for each name.

    Args:
        scales: name -> (T,).
    """
    traces = []
    for i, (name, values) in enumerate(scales.items()):
        keep = thin_indices(len(values))
        traces.append(
            go.Scatter(
                x=keep.astype(np.int32),
                y=float32(values)[keep],
                name=name.split(":")[0],
                mode="lines",
                line={"color": colour(i), "width": 2, "dash": DASHES[i % len(DASHES)]},
                hovertemplate="%{y:.2f}",
            )
        )
    return figure(
        traces,
        height=480,
        hovermode="x unified",
        showlegend=True,
        xaxis={"title": {"text": "Frame"}},
        yaxis={"title": {"text": "Standard deviation of z"}, "rangemode": "tozero"},
    )


def kl_heatmap(kl: np.ndarray) -> go.Figure:
    """Heatmap of the kl per frame of the latent dimensions with the largest mean kl.

    Args:
        kl: (T, z_dim) nats.
    """
    order = np.argsort(-kl.mean(0), kind="stable")[:_ROWS]
    keep = thin_indices(len(kl))
    font = {"color": text_colour()}
    return figure(
        [
            go.Heatmap(
                z=np.ascontiguousarray(float32(kl)[keep][:, order].T),
                x=keep.astype(np.int32),
                y=[f"z[{d}]" for d in order],
                zmin=0,
                colorbar={
                    "title": {"text": "kl, nats", "font": font},
                    "tickfont": font,
                    "thickness": 12,
                },
                hovertemplate="frame %{x}, %{y}: %{z:.2f} nats<extra></extra>",
            )
        ],
        height=110 + 16 * len(order),
        xaxis={"title": {"text": "Frame"}, "showgrid": False, "zeroline": False},
        yaxis={"autorange": "reversed", "showgrid": False, "ticks": ""},
    )
