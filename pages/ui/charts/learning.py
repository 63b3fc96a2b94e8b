"""Learning curves of one run, and comparison of the curves of several runs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts.style import (
    DASHES,
    NEUTRAL,
    SYMBOLS,
    colour,
    figure,
    float32,
    label,
    thin_indices,
    whole_numbers,
)

__all__ = ["Reference", "RunCurve", "elbo_curves", "runs_overlay", "smoothed"]

_NATS = "Nats per frame"


class Reference(NamedTuple):
    """A reference value, drawn as a horizontal line: its title and its value in nats per frame."""

    title: str
    value: float


class RunCurve(NamedTuple):
    """One run's curve: its name, x (N,) and y (N,) in nats per frame."""

    name: str
    x: np.ndarray
    y: np.ndarray


def elbo_curves(
    x: np.ndarray,
    *,
    bound: np.ndarray,
    nll: np.ndarray,
    kl: np.ndarray,
    kl_weight: np.ndarray,
    valid_bound: np.ndarray,
    x_title: str = "Epoch",
    references: Sequence[Reference] = (),
) -> go.Figure:
    """Train bound, nll and kl, and the valid bound; in a small chart below, the KL weight.

    The initial range of the y axis excludes the highest 3 % of the values, so that the first epochs
    do not flatten the curves. A double click shows all values.

    Args:
        x: (N,) epochs, updates or seconds.
        bound: (N,) train bound, nats per frame.
        nll: (N,) train nll, nats per frame.
        kl: (N,) train kl, nats per frame.
        kl_weight: (N,) weight of the kl in the training loss, 0 to 1.
        valid_bound: (N,) valid bound, nats per frame; NaN or None where it was not measured.
        x_title: title of the x axis.
        references: reference values, drawn as dashed or dotted lines.
    """
    keep, valid = thin_indices(len(x)), float32(valid_bound)
    measured = np.flatnonzero(np.isfinite(valid))
    measured = measured[thin_indices(len(measured))]
    hover = "%{y:.3f} nats per frame"
    curves = (("Train bound", bound), ("Train nll", nll), ("Train kl", kl))
    traces: list[Any] = [
        go.Scatter(
            x=float32(x)[keep],
            y=float32(values)[keep],
            name=name,
            mode="lines",
            line={"color": colour(i), "dash": DASHES[i], "width": 2},
            hovertemplate=hover,
        )
        for i, (name, values) in enumerate(curves)
    ]
    traces.append(
        go.Scatter(
            x=float32(x)[measured],
            y=valid[measured],
            name="Valid bound",
            mode="lines+markers",
            line={"color": colour(3), "width": 1},
            marker={"symbol": "diamond", "size": 7},
            hovertemplate=hover,
        )
    )
    traces.append(
        go.Scatter(
            x=float32(x)[keep],
            y=float32(kl_weight)[keep],
            name="KL weight",
            mode="lines",
            yaxis="y2",
            showlegend=False,
            line={"color": NEUTRAL, "width": 2},
            hovertemplate="%{y:.2f}",
        )
    )
    return figure(
        [*traces, *_reference_lines(references, x)],
        height=440,
        hovermode="x unified",
        xaxis={"title": {"text": x_title}, "anchor": "y2", **whole_numbers(float32(x))},
        yaxis={
            "title": {"text": _NATS},
            "domain": [0.26, 1],
            "range": _range(bound, nll, kl, valid),
        },
        yaxis2={
            "title": {"text": "KL weight"},
            "domain": [0, 0.16],
            "range": [-0.05, 1.05],
            "tickvals": [0, 1],
        },
    )


def runs_overlay(
    runs: Sequence[RunCurve],
    *,
    x_title: str = "Epoch",
    smoothing: float = 0.0,
    log: bool = False,
    references: Sequence[Reference] = (),
) -> go.Figure:
    """The curves of several runs in one chart, each with its own colour, dash and symbol.

    Args:
        runs: one curve for each run; values that are not finite are omitted.
        x_title: title of the x axis.
        smoothing: weight of earlier values in an exponential moving average, from 0 (none) to below
            1. With smoothing, the measured curve is drawn in a faint colour.
        log: whether the y axis is logarithmic.
        references: reference values, drawn as dashed or dotted lines.
    """
    traces: list[Any] = []
    for i, run in enumerate(runs):
        finite = np.flatnonzero(np.isfinite(float32(run.y)))
        x, y = float32(run.x)[finite], float32(run.y)[finite]
        keep = thin_indices(len(x))
        line = {"color": colour(i), "dash": DASHES[i % len(DASHES)], "width": 2}
        if smoothing:
            traces.append(
                go.Scatter(
                    x=x[keep],
                    y=y[keep],
                    mode="lines",
                    line=line | {"dash": "solid", "width": 1},
                    opacity=0.35,
                    showlegend=False,
                    hoverinfo="skip",
                )
            )
            y = smoothed(y, smoothing)
        traces.append(
            go.Scatter(
                x=x[keep],
                y=y[keep],
                name=label(run.name),
                mode="lines+markers" if len(keep) <= 60 else "lines",
                line=line,
                marker={"symbol": SYMBOLS[i % len(SYMBOLS)], "size": 6},
                hovertemplate="%{y:.3f} nats per frame",
            )
        )
    counts = x_title in ("Epoch", "Update")
    everywhere = np.concatenate([float32(run.x) for run in runs]) if runs else float32([])
    return figure(
        [*traces, *_reference_lines(references, everywhere)],
        height=420,
        hovermode="x unified",
        showlegend=True,
        xaxis={"title": {"text": x_title}, **(whole_numbers(everywhere) if counts else {})},
        yaxis={"title": {"text": f"Valid bound, {_NATS.lower()}"}, "type": "log" if log else "-"},
    )


def smoothed(y: np.ndarray, weight: float) -> np.ndarray:
    """Return the bias-corrected exponential moving average of `y` (N,).

    Args:
        y: (N,) values.
        weight: weight of earlier values, from 0 to below 1.
    """
    average, norm, result = 0.0, 0.0, np.empty_like(y)
    for i, value in enumerate(y):
        average = weight * average + (1 - weight) * float(value)
        norm = weight * norm + (1 - weight)
        result[i] = average / norm
    return result


def _range(
    bound: np.ndarray, nll: np.ndarray, kl: np.ndarray, valid: np.ndarray
) -> list[float] | None:
    """Return the initial range of the y axis, or None for a short run.

    The lower limit may be negative, because the nll of real values can be negative.
    """
    curves = [values[np.isfinite(values)] for values in map(float32, (bound, nll, kl))]
    if min(values.size for values in curves) < 10:
        return None
    last_valid = valid[np.isfinite(valid)][-1:].tolist()
    top = max([*(float(np.quantile(v, 0.97, method="lower")) for v in curves), *last_valid])
    low = min([0.0, *(float(values.min()) for values in curves), *last_valid])
    return [low - 0.02 * (top - low), top + 0.08 * (top - low)]


def _reference_lines(references: Sequence[Reference], x: np.ndarray) -> list[Any]:
    """Return reference lines with names in the legend; labels in the chart would cover curves."""
    ends = float32([np.min(x), np.max(x)]) if len(x) else float32([0, 1])
    return [
        go.Scatter(
            x=ends,
            y=float32([value, value]),
            name=f"{label(title)}: {value:.2f}",
            mode="lines",
            line={"color": NEUTRAL, "dash": DASHES[2 + i % 4], "width": 1.5},
            hoverinfo="skip",
        )
        for i, (title, value) in enumerate(references)
    ]
