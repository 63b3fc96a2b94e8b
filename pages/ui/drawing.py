"""A component in which a person draws the future of a series by hand."""

from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from streamlit.components.v2 import component

from dmm_core.system import files
from pages.ui.javascript import join_modules

__all__ = ["DrawnForecast", "drawing", "read_forecast"]

_MAX_WIDTH = 15.0
"""Largest standard deviation that the slider offers."""


class DrawnForecast(NamedTuple):
    """A Gaussian forecast whose mean was drawn and whose width is constant.

    Attributes:
        values: the mean of every frame, in the units of the data.
        width: standard deviation; 0 for a forecast without uncertainty.
    """

    values: tuple[float, ...]
    width: float


_ASSETS = files.assets() / "drawing"
_COMPONENT = component(
    "dmm_drawing",
    html=(_ASSETS / "drawing.html").read_text(encoding="utf-8"),
    css=(_ASSETS / "drawing.css").read_text(encoding="utf-8"),
    js=join_modules(_ASSETS / "drawing.js"),
)


def drawing(
    observed: np.ndarray,
    *,
    identity: str,
    horizon: int,
    low: float,
    high: float,
    width: float,
    key: str,
    on_forecast: Callable[[DrawnForecast], None],
) -> None:
    """Draw a series and an area in which a person draws its future, by pointer or by keys.

    A rerun keeps what is drawn so far.

    Args:
        observed: (T,), the values before the future.
        identity: identifies the series; another one clears the drawing.
        horizon: number of frames to draw.
        low: smallest value that can be drawn.
        high: largest value that can be drawn.
        width: initial standard deviation.
        key: of the component, unique on the page.
        on_forecast: called with the forecast when the person submits it.
    """

    def submitted() -> None:
        sent = st.session_state[key].get("forecast")
        if forecast := read_forecast(sent, identity, horizon):
            on_forecast(forecast)

    # Streamlit imports pandas, which takes half a second, if a value is a list or a dictionary.
    _COMPONENT(
        key=key,
        data={
            "id": identity,
            "observed": tuple(np.round(observed, 3).tolist()),
            "horizon": horizon,
            "low": low,
            "high": high,
            "width": width,
        },
        on_forecast_change=submitted,
    )


def read_forecast(sent: Any, identity: str, horizon: int) -> DrawnForecast | None:
    """Read what the page sent: identity, width, and the values of all frames.

    Returns:
        The forecast, or None if it belongs to another series or is not a forecast.
    """
    if not isinstance(sent, (list, tuple)) or len(sent) != horizon + 2 or sent[0] != identity:
        return None
    numbers = sent[1:]
    if not all(isinstance(number, (int, float)) and isfinite(number) for number in numbers):
        return None
    width, *values = map(float, numbers)
    if not 0 <= width <= _MAX_WIDTH:
        return None
    return DrawnForecast(tuple(values), width)
