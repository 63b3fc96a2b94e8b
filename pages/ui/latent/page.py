"""The Latent page: the choice of a model, a sequence and a view."""

from collections.abc import Callable

import streamlit as st

from dmm_core.errors import DataError
from pages.ui.address import choose
from pages.ui.latent import listen, nudge, views
from pages.ui.latent.selection import Selection, select_sequence
from pages.ui.models import load_source
from pages.ui.picker import LATENT_MODEL, pick_run

__all__ = ["draw"]

_VIEWS: dict[str, tuple[str, Callable[[Selection], None]]] = {
    "listen": ("Frame by frame", listen.draw),
    "paths": ("Paths", views.draw_paths),
    "prior": ("Prior and posterior", views.draw_prior),
    "filter": ("Filter and smoother", views.draw_filter),
    "transition": ("Transition", views.draw_transition),
    "dimensions": ("Dimensions", views.draw_dimensions),
    "nudge": ("Nudge", nudge.draw),
}
_MUSIC_ONLY = frozenset({"nudge"})


def draw() -> None:
    """Draw the choice of a model, a sequence and a view, and the view itself.

    Raises:
        DataError: if the address names something that does not exist, or a file is refused.
        RunError: if the model cannot be loaded.
    """
    model_place, source_place = st.columns([7, 4])
    with model_place:
        model = load_source(pick_run(default=LATENT_MODEL))
    selection = select_sequence(model, source_place)
    views = [name for name in _VIEWS if model.data.is_music or name not in _MUSIC_ONLY]
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
