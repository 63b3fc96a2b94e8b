"""Figures of the lessons: pure functions from arrays to plotly figures."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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
    whole_numbers,
    with_opacity,
)

__all__ = [
    "Band",
    "TrainingPath",
    "imputation_tables",
    "kl_by_rank",
    "nll_against_kl",
    "parameter_curves",
    "posterior_bands",
]

_NATS = "nats per frame"


class Band(NamedTuple):
    """A posterior over time: its name, means loc (T,) and standard deviations scale (T,)."""

    name: str
    loc: np.ndarray
    scale: np.ndarray


class TrainingPath(NamedTuple):
    """The values of a training at every epoch: its name, kl (N,) and nll (N,)."""

    name: str
    kl: np.ndarray
    nll: np.ndarray


def posterior_bands(found: Sequence[Band], *, truth: np.ndarray) -> go.Figure:
    """Posteriors of one state over time, each a line with a band, and the true states.

    Args:
        found: one or two posteriors; the first one is the reference and drawn in grey.
        truth: (T,) true states.
    """
    frames = np.arange(len(truth), dtype=np.int32)
    traces: list[Any] = []
    for i, band in enumerate(found):
        tone = (NEUTRAL, ACCENT)[i % 2]
        low, high = float32(band.loc - band.scale), float32(band.loc + band.scale)
        traces.append(
            go.Scatter(
                x=np.concatenate([frames, frames[::-1]]),
                y=np.concatenate([high, low[::-1]]),
                fill="toself",
                fillcolor=with_opacity(tone, 0.22),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            )
        )
        traces.append(
            go.Scatter(
                x=frames,
                y=float32(band.loc),
                name=label(band.name),
                mode="lines",
                line={"color": tone, "width": 3 if i == 0 else 2, "dash": DASHES[(i * 1) % 2]},
                hovertemplate="%{y:.2f}",
            )
        )
    traces.append(
        go.Scatter(
            x=frames,
            y=float32(truth),
            name="True state",
            mode="markers",
            marker={"color": colour(1), "symbol": "x", "size": 6},
            hovertemplate="%{y:.2f}",
        )
    )
    return figure(
        traces,
        height=420,
        hovermode="x unified",
        xaxis={"title": {"text": "Frame"}},
        yaxis={"title": {"text": "z ± 1 std. deviation"}},
    )


def parameter_curves(
    x: np.ndarray, learned: Mapping[str, np.ndarray], truth: Mapping[str, float]
) -> go.Figure:
    """The values of parameters during training, and their true values.

    Args:
        x: (N,) updates.
        learned: name of a parameter -> (N,) learned values.
        truth: name of a parameter -> true value.
    """
    traces: list[Any] = []
    for i, (name, values) in enumerate(learned.items()):
        traces.append(
            go.Scatter(
                x=float32(x),
                y=float32(values),
                name=label(name),
                mode="lines+markers",
                line={"color": colour(i), "width": 2, "dash": DASHES[i % 2]},
                marker={"symbol": SYMBOLS[i], "size": 7},
                hovertemplate="%{y:.3f}",
            )
        )
        traces.append(
            go.Scatter(
                x=float32([x[0], x[-1]]),
                y=float32([truth[name]] * 2),
                name=f"True {label(name)}: {truth[name]:g}",
                mode="lines",
                line={"color": colour(i), "width": 1.5, "dash": "dot"},
                hoverinfo="skip",
            )
        )
    return figure(
        traces,
        height=400,
        hovermode="x unified",
        xaxis={"title": {"text": "Update"}, **whole_numbers(float32(x))},
        yaxis={"title": {"text": "Value"}},
    )


def nll_against_kl(paths: Sequence[TrainingPath], *, exact: float) -> go.Figure:
    """Paths of trainings in the plane of kl and nll, with diagonals on which the bound is constant.

    The axes are scaled to the last two thirds of each path, so the first epochs may be outside.

    Args:
        paths: one path for each training.
        exact: the exact NLL in nats per frame, drawn as a diagonal. No bound can be below it.
    """
    settled = [(p.kl[len(p.kl) // 3 :], p.nll[len(p.nll) // 3 :]) for p in paths]
    kl = np.concatenate([pair[0] for pair in settled])
    nll = np.concatenate([pair[1] for pair in settled])
    right = 1.1 * max(float(kl.max()), 0.5)
    low = min(float(nll.min()), exact - right)
    high = max(float(nll.max()), exact) + 0.1
    traces: list[Any] = []
    for above in np.arange(0, 12):
        ends = np.array([0.0, right])
        traces.append(
            go.Scatter(
                x=float32(ends),
                y=float32(exact + 0.5 * above - ends),
                mode="lines",
                line={
                    "color": NEUTRAL if above == 0 else with_opacity(NEUTRAL, 0.45),
                    "width": 2 if above == 0 else 1,
                    "dash": "solid" if above == 0 else "dot",
                },
                name=f"Exact NLL: {exact:.2f}",
                showlegend=bool(above == 0),
                hoverinfo="skip",
            )
        )
    for i, path in enumerate(paths):
        traces.append(
            go.Scatter(
                x=float32(path.kl),
                y=float32(path.nll),
                name=label(path.name),
                mode="lines+markers",
                line={"color": colour(i), "width": 2, "dash": DASHES[i % len(DASHES)]},
                marker={"symbol": SYMBOLS[i % len(SYMBOLS)], "size": 7},
                customdata=np.arange(1, len(path.kl) + 1, dtype=np.int32),
                hovertemplate="epoch %{customdata}: kl %{x:.2f}, nll %{y:.2f}",
            )
        )
        if len(path.kl):
            traces.append(
                go.Scatter(
                    x=float32(path.kl[-1:]),
                    y=float32(path.nll[-1:]),
                    mode="markers",
                    marker={
                        "symbol": "circle-open",
                        "size": 18,
                        "color": colour(i),
                        "line": {"width": 2},
                    },
                    showlegend=False,
                    hoverinfo="skip",
                )
            )
    return figure(
        traces,
        height=420,
        xaxis={"title": {"text": f"kl, {_NATS}"}, "range": [0, right]},
        yaxis={"title": {"text": f"nll, {_NATS}"}, "range": [low - 0.1, high]},
    )


def kl_by_rank(bars: Mapping[str, np.ndarray], *, threshold: float) -> go.Figure:
    """Bars of the kl of the latent dimensions of several models, each in descending order.

    Args:
        bars: name of a model -> (z_dim,) nats per frame.
        threshold: kl in nats per frame above which a dimension counts as used.
    """
    traces = [
        go.Bar(
            x=np.arange(1, len(kl) + 1, dtype=np.int32),
            y=float32(np.sort(kl)[::-1]),
            name=label(name),
            marker={"color": colour(i), "pattern": {"shape": ("", "/", "x", "-")[i % 4]}},
            hovertemplate="%{y:.3f} nats per frame",
        )
        for i, (name, kl) in enumerate(bars.items())
    ]
    drawn = figure(
        traces,
        height=420,
        showlegend=True,
        barmode="group",
        xaxis={"title": {"text": "Latent dimension, by rank"}, "dtick": 1},
        yaxis={"title": {"text": f"kl, {_NATS}"}},
    )
    drawn.add_hline(
        y=threshold,
        line={"color": NEUTRAL, "dash": "dash", "width": 1.5},
        annotation=text_annotation(
            f"in use above {threshold:g}", x=1, xanchor="right", yanchor="bottom"
        ),
    )
    return drawn


def imputation_tables(
    truth: np.ndarray, observed: np.ndarray, probability: np.ndarray, features: Sequence[str]
) -> go.Figure:
    """Three heatmaps of a record: observed values, imputed probabilities, and true values.

    Args:
        truth: (T, x_dim) 0 or 1.
        observed: (T, x_dim) 1 where the model saw the value.
        probability: (T, x_dim) imputed probability that the value is 1.
        features: names of the features.
    """
    blank = np.float32("nan")
    shown = np.where(observed > 0, truth, blank)
    imputed = np.where(observed > 0, blank, probability)
    names = [label(name) for name in features]
    tables = (("Observed", shown), ("Imputed", imputed), ("Truth", truth))
    scale = [[0, with_opacity(NEUTRAL, 0.16)], [1, ACCENT]]
    traces = [
        go.Heatmap(
            z=np.ascontiguousarray(float32(values).T),
            y=names,
            zmin=0,
            zmax=1,
            xgap=1,
            ygap=1,
            colorscale=scale,
            showscale=False,
            hoverongaps=False,
            xaxis=f"x{i + 1}" if i else "x",
            hovertemplate="quarter %{x}, %{y}: %{z:.2f}<extra></extra>",
        )
        for i, (_, values) in enumerate(tables)
    ]
    width = 1 / len(tables)
    axes = {
        f"xaxis{i + 1}" if i else "xaxis": {
            "title": {"text": title},
            "domain": [i * width + 0.01 * bool(i), (i + 1) * width - 0.01],
            "showgrid": False,
            "zeroline": False,
            "side": "top",
            "showticklabels": False,
        }
        for i, (title, _) in enumerate(tables)
    }
    return figure(
        traces,
        height=90 + 21 * len(names),
        yaxis={"autorange": "reversed", "showgrid": False, "ticks": "", "dtick": 1},
        **axes,
    )
