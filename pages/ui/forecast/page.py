"""The Forecast page: the choice of a model, a sequence and a view."""

from collections.abc import Callable

import streamlit as st

from dmm_core.errors import DataError
from dmm_core.nn.dmm import DMM
from pages.ui import frame
from pages.ui.address import choose
from pages.ui.forecast import views
from pages.ui.forecast.selection import Selection, select
from pages.ui.models import load_source
from pages.ui.picker import pick_run

__all__ = ["draw"]

_VIEWS: dict[str, tuple[str, Callable[[Selection], None]]] = {
    "forecast": ("Forecast", views.draw_forecast),
    "reconstruct": ("Reconstruct", views.draw_reconstruction),
    "impute": ("Impute", views.draw_imputation),
    "simulate": ("Simulate", views.draw_simulation),
}


def draw() -> None:
    """Draw the choice of a model, a sequence and a view, and the view itself.

    Raises:
        DataError: if the address names something that does not exist.
        RunError: if the model cannot be loaded.
    """
    loaded = load_source(pick_run(music=False))
    if loaded.data.is_music:
        st.info(
            f"{frame.escape_markdown(loaded.source.label())} is a model of music. Compose with it, "
            "or choose a model of other data above.",
            icon=":material/piano:",
        )
        st.page_link(
            "pages/5_Compose.py",
            label="Open in Compose",
            icon=":material/piano:",
            query_params={"run": loaded.source.id},
        )
        return
    selection = select(loaded)
    views = [name for name in _VIEWS if name != "impute" or _leaves_features_out(loaded.model)]
    view = choose(
        "View",
        views,
        key="view",
        format_func=lambda name: _VIEWS[name][0],
        segmented=True,
        show_label=False,
    )
    if view is None:
        raise DataError("There is no such view. Choose one above.")
    _VIEWS[view][1](selection)


def _leaves_features_out(model: DMM) -> bool:
    """Whether the model can explain frames with missing features."""
    joint = not model.frame(model.initial().loc).marginalises
    return not (joint or model.x_to_z or model.x_to_x)
