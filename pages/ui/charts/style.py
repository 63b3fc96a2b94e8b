"""The common style of all charts: transparent background, theme colours, and thinning of points.

The colours of text, grids and lines are those of plotly's default template, which Streamlit sets
according to the theme.
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
    "colour",
    "colour_by_value",
    "figure",
    "float32",
    "label",
    "text_annotation",
    "text_colour",
    "thin_indices",
    "whole_numbers",
    "with_opacity",
]

MAX_POINTS = 2000
"""Maximum number of points of a curve. More points slow down the browser without being visible."""

ACCENT = "#3f90da"
"""Petroff's blue, with a contrast of at least 3:1 to the light and the dark background."""

NEUTRAL = "#717581"
"""Petroff's grey, with a contrast of at least 3:1 to both backgrounds, for reference lines."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star", "triangle-down")
"""Dashes and symbols in addition to colours, so that series can be distinguished without them."""


def colour(index: int) -> str:
    """Return the categorical colour at `index`, modulo their number, of the default template."""
    layout: Any = pio.templates[pio.templates.default].layout
    colourway: Sequence[str] = layout.colorway
    return colourway[index % len(colourway)]


def with_opacity(hexadecimal: str, alpha: float) -> str:
    """Return the colour `hexadecimal` (#rrggbb) with opacity `alpha`, as CSS."""
    red, green, blue = (int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def text_colour() -> str | None:
    """Return the text colour of the default template with the highest contrast, or None.

    It is the template's colour for tables. Its grey for axes has a contrast below 4.5:1 in the
    light theme.
    """
    template: Any = pio.templates[pio.templates.default]
    tables = template.data.table or ()
    return tables[0].cells.font.color if tables else None


def figure(traces: Sequence[Any], *, height: int, **layout: Any) -> go.Figure:
    """Create a figure with a transparent background, whose zoom is kept when its data change.

    Args:
        traces: plotly traces, drawn in this order.
        height: height in pixels.
        layout: further plotly layout, which overrides the common layout.
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
    """Escape `name`, because plotly interprets HTML tags, and truncate it to 60 characters."""
    return html.escape(name if len(name) <= 60 else f"{name[:59]}…")


def text_annotation(text: str, **place: Any) -> dict[str, Any]:
    """Return a plotly annotation without an arrow, at `place` (x, xanchor, y, yanchor)."""
    return {"text": text, "showarrow": False, "font": {"color": text_colour()}} | place


def colour_by_value(values: np.ndarray, title: str, **marker: Any) -> dict[str, Any]:
    """Return a plotly marker coloured by `values` with the sequential colours of the theme.

    An outline keeps both ends of the scale visible on any background.
    """
    font = {"color": text_colour()}
    bar = {"title": {"text": title, "font": font}, "tickfont": font, "thickness": 12, "len": 0.8}
    outline = {"color": NEUTRAL, "width": 0.5}
    return {"color": values, "colorbar": bar, "line": outline} | marker


def float32(values: Any) -> np.ndarray:
    """Convert `values` to float32, which halves the size of figures; None becomes NaN."""
    return np.asarray(values, dtype=np.float32)


def whole_numbers(x: np.ndarray) -> dict[str, Any]:
    """Return axis settings with ticks at whole numbers, for epochs or updates.

    Args:
        x: (N,) values on the axis; may be empty.
    """
    finite = x[np.isfinite(x)]
    span = float(np.ptp(finite)) / 8 if finite.size else 0.0
    decade = 10.0 ** np.floor(np.log10(span)) if span > 1 else 1.0
    step = next(decade * n for n in (1, 2, 5, 10) if decade * n >= span)
    return {"tick0": 0, "dtick": float(step), "tickformat": ",d"}


def thin_indices(length: int, most: int = MAX_POINTS) -> np.ndarray:
    """Return at most `most` evenly spaced indices below `length`, with the first and the last."""
    if length <= most:
        return np.arange(length)
    return np.linspace(0, length - 1, most).round().astype(np.int64)
