"""The Compose page from the choice of a beginning to the downloads."""

from dataclasses import replace
from typing import get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dmm_core.music.pianoroll import rearticulates_by_default
from dmm_core.runs.rendering import require_piano
from pages.ui import frame
from pages.ui.address import choose
from pages.ui.compose.blind import draw_blind
from pages.ui.compose.controls import ask_another, ask_heard, ask_plan
from pages.ui.compose.drawing import compose
from pages.ui.compose.history import draw_history, draw_undo, remember
from pages.ui.compose.measures import draw_measures
from pages.ui.compose.rendered import RenderedPiece, composed_part, file_stem, heard_roll, title_of
from pages.ui.compose.request import CompositionRequest, Mode
from pages.ui.compose.shaping import ask_constraints, ask_performance
from pages.ui.compose.start import Inputs, ask_inputs, bar_beat
from pages.ui.models import Trained, load_trained
from pages.ui.picker import label_of, pick_run
from pages.ui.pitch import down_to_sound
from pages.ui.player import PlayerEvents

__all__ = ["draw"]

_MODES_WIDTH = {False: 390, True: 480}
"""Pixels that the modes need side by side, without and with presenter mode."""


def draw() -> None:
    """Ask what to compose, draw it, and let it be heard and kept.

    Raises:
        DataError: if the model explains no music, or the address names nothing that exists.
        RunError: if the model cannot be loaded.
    """
    with st.grid(
        "auto", min_column_width=_MODES_WIDTH[frame.presenting()], vertical_alignment="bottom"
    ):
        model = load_trained(pick_run())
        grid = require_piano(model.data)
        mode = _ask_mode()
    given = ask_inputs(model, grid, mode)
    usual = down_to_sound(model.data.name)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        ask_another(primary=True)
        undo = st.container(width="content")
        with st.popover("Draw", icon=":material/tune:"):
            plan = ask_plan(mode, grid, given)
        sound, notes = _popovers()
        with sound:
            performance, octave = ask_performance(
                grid, strike=rearticulates_by_default(grid), octave=usual // 12
            )
        with notes:
            plan = replace(plan, keep=ask_constraints(12 * octave - given.by_key))
        hear = ask_heard(plan.count, mode)
    with st.spinner("Composing"):
        pieces = compose(model, plan, *given.frames(model.data.name))
    piece = pieces[max(hear - 1, 0)]
    made = RenderedPiece(
        piece,
        title_of(plan, hear, given, grid),
        file_stem(label_of(model.source).split(" (")[0], plan, hear, given, grid),
        performance,
        heard_roll(piece, plan, given, raised=12 * octave - usual, hear=hear),
        plan.keep.to_sound,
        composed_part(plan, given),
    )
    remember((model.key, plan, given.identity), made, plan, label_of(model.source))
    with undo:  # drawn last, since what is on the page now decides what there is to undo
        draw_undo()
    _draw_made(model, made, plan, given)


def _ask_mode() -> Mode:
    modes = {mode: mode for mode in get_args(Mode)}
    if st.query_params.get("mode", "new") not in modes:  # a link may be older than the ways
        del st.query_params["mode"]
        st.toast(
            "This link names a way to compose that there is not; here is new music instead.",
            icon=":material/link_off:",
            duration="long",
        )
    chosen = choose(
        "What to compose",
        list(modes),
        key="mode",
        show=str.capitalize,
        few=True,
        resets=("hear",),
    )
    return modes[chosen or "new"]


def _popovers() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Places for the controls of notes and of sound; notes stand first, sound is asked first."""
    notes = st.popover("Notes", icon=":material/music_note:")
    return st.popover("Sound", icon=":material/speaker:"), notes


def _draw_made(
    model: Trained, made: RenderedPiece, plan: CompositionRequest, given: Inputs
) -> None:
    events = made.play_in_address()
    if made.lost > 0:
        st.caption(f"{made.lost:,} notes lie beyond the keyboard in this octave and are left out.")
    if not made.roll.any():
        st.info(
            "Nothing sounds: no note is more likely than not. Raise the temperature of x or the "
            "density, or compose another.",
            icon=":material/music_off:",
        )
    if plan.region is not None:
        _offer_region(events, plan.region, made.performance.steps_per_quarter)
    made.draw_downloads()
    if given.linkable:
        st.caption("The address of this page holds everything: the same link, the same music.")
    else:
        st.caption("A link cannot hold your file; everything else stands in the address.")
    if frame.presenting():
        return
    with st.expander("Beside the data", icon=":material/monitoring:"):
        draw_measures(model, made)
    with st.expander("What was made in this session", icon=":material/history:"):
        draw_history()
    with st.expander("Blind test: which do you prefer?", icon=":material/hearing:"):
        draw_blind(model, plan, given, made.performance)


def _offer_region(events: PlayerEvents, region: tuple[int, int], grid: int) -> None:
    """Let the region that was dragged in the player be the one that is infilled."""
    if events.region is None or events.region == (region[0], region[1] - 1):
        st.caption(
            "Drag on the ruler above the roll to choose another region; the rest of the piece "
            "stays as it is, note for note."
        )
        return
    first, last = events.region
    st.button(
        f"Compose {bar_beat(first, grid)} to {bar_beat(last, grid)} anew",
        icon=":material/format_paint:",
        key="take_region",
        type="primary",
        on_click=_take,
        args=(first, last),
    )


def _take(first: int, last: int) -> None:
    st.query_params["gap"] = f"{first}-{last}"
    st.query_params.pop("hear", None)
