"""What every figure shares: size, transparent ground, colours that follow the theme, thinning.

Text, grids and line colours come from the template, which the app fills in for light and dark.
"""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio

__all__ = [
    "ACCENT",
    "DASHES",
    "MAX_POINTS",
    "NEUTRAL",
    "SYMBOLS",
    "by_value",
    "colour",
    "faint",
    "figure",
    "float32",
    "label",
    "note",
    "text_colour",
    "thin",
    "whole_numbers",
]

MAX_POINTS = 2000
"""Points of a curve beyond which a browser works without showing more."""

ACCENT = "#3f90da"
"""Petroff's blue: at least 3:1 on both the light and the dark ground."""

NEUTRAL = "#717581"
"""Petroff's grey: at least 3:1 on both grounds, for references and connecting lines."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star", "triangle-down")
"""Drawn beside the colours, so that series can be told apart without them."""


def colour(index: int) -> str:
    """The categorical colour at `index`, counted round, of the template in force."""
    layout: Any = pio.templates[pio.templates.default].layout
    colourway: Sequence[str] = layout.colorway
    return colourway[index % len(colourway)]


def faint(hexadecimal: str, alpha: float) -> str:
    """`hexadecimal` (#rrggbb) at opacity `alpha`, as CSS."""
    red, green, blue = (int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def text_colour() -> str | None:
    """The strongest text colour of the template in force, or None where it names none.

    It is the one that template gives to tables; its grey for axes falls below 4.5:1 in light.
    """
    template: Any = pio.templates[pio.templates.default]
    tables = template.data.table or ()
    return tables[0].cells.font.color if tables else None


def figure(traces: Sequence[Any], *, height: int, **layout: Any) -> go.Figure:
    """A figure `height` pixels high, on a transparent ground; zoom survives new data.

    Args:
        traces: plotly traces, drawn in this order.
        height: pixels.
        layout: further plotly layout, which wins over what is shared.
    """
    shared: dict[str, Any] = {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 32, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)"},
        "uirevision": "keep",
    }
    drawn = go.Figure(data=list(traces), layout=shared | layout)
    font = {"color": text_colour()}
    axis = {"tickfont": font, "title": {"font": font}}
    if "scene" in layout:
        drawn.update_scenes(xaxis=axis, yaxis=axis, zaxis=axis)
    else:
        drawn.update_xaxes(axis).update_yaxes(axis)
    return drawn.update_layout(font=font)


def label(name: str) -> str:
    """`name` as plotly shows it letter for letter: it would read tags as markup; cut at 60."""
    return html.escape(name if len(name) <= 60 else f"{name[:59]}…")


def note(text: str, **place: Any) -> dict[str, Any]:
    """A plotly annotation without an arrow, at `place` (x, xanchor, y, yanchor)."""
    return {"text": text, "showarrow": False, "font": {"color": text_colour()}} | place


def by_value(values: np.ndarray, title: str, **marker: Any) -> dict[str, Any]:
    """A plotly marker coloured by `values` on the theme's sequential scale, with its bar.

    An outline keeps both ends of the scale visible on any ground.
    """
    font = {"color": text_colour()}
    bar = {"title": {"text": title, "font": font}, "tickfont": font, "thickness": 12, "len": 0.8}
    outline = {"color": NEUTRAL, "width": 0.5}
    return {"color": values, "colorbar": bar, "line": outline} | marker


def float32(values: Any) -> np.ndarray:
    """`values` as float32, half of what plotly sends otherwise; None becomes NaN, a gap."""
    return np.asarray(values, dtype=np.float32)


def whole_numbers(x: np.ndarray) -> dict[str, Any]:
    """Ticks at whole numbers, for an axis that counts epochs or updates.

    Args:
        x: (N,) what the axis shows; empty where nothing is drawn yet.
    """
    finite = x[np.isfinite(x)]
    span = float(np.ptp(finite)) / 8 if finite.size else 0.0
    decade = 10.0 ** np.floor(np.log10(span)) if span > 1 else 1.0
    step = next(decade * n for n in (1, 2, 5, 10) if decade * n >= span)
    return {"tick0": 0, "dtick": float(step), "tickformat": ",d"}


def thin(length: int, most: int = MAX_POINTS) -> np.ndarray:
    """At most `most` indices of `length` points, evenly spread, the first and the last included."""
    if length <= most:
        return np.arange(length)
    return np.linspace(0, length - 1, most).round().astype(np.int64)
