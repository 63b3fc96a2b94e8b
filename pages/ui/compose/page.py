"""The Compose page, from the choice of a model to the downloads."""

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dmm_core.music.pianoroll import rearticulates_by_default
from dmm_core.runs.rendering import require_piano
from pages.ui import frame
from pages.ui.address import choose
from pages.ui.compose.blind import draw_blind
from pages.ui.compose.composition import compose
from pages.ui.compose.controls import ask_alternative, ask_request, new_seed_button
from pages.ui.compose.history import draw_history, draw_undo, remember
from pages.ui.compose.inputs import Inputs, ask_inputs, bar_beat
from pages.ui.compose.measures import draw_measures
from pages.ui.compose.modes import DEFAULT_MODE, MODES, Mode, mode_named
from pages.ui.compose.rendered import (
    RenderedPiece,
    composed_part,
    file_stem,
    sounding_roll,
    title_of,
)
from pages.ui.compose.request import CompositionRequest
from pages.ui.compose.shaping import ask_constraints, ask_performance
from pages.ui.models import LoadedModel, load_source
from pages.ui.picker import pick_run, unique_label
from pages.ui.pitch import sounding_shift_of
from pages.ui.player import PlayerEvents
from pages.ui.voices import page as voices

__all__ = ["draw"]

_MODES_WIDTH = {False: 390, True: 480}
"""Pixels that the buttons of the modes need in one row, without and with presenter mode."""


def draw() -> None:
    """Draw the page.

    Raises:
        DataError: if the address names something that does not exist.
        RunError: if the model cannot be loaded.
    """
    row = st.grid(
        "auto", min_column_width=_MODES_WIDTH[frame.presenting()], vertical_alignment="bottom"
    )
    with row:
        model = load_source(pick_run(music=True))
    if model.data.is_voices:
        voices.draw(model, row)
    elif model.data.is_music:
        _draw_roll(model, row)
    else:
        _offer_forecast(model)


def _draw_roll(model: LoadedModel, row: DeltaGenerator) -> None:
    """Draw everything for a model of piano-rolls; `row` has room for the choice of the mode."""
    # 1. Ask for the mode and its inputs.
    steps_per_quarter = require_piano(model.data)
    with row:
        mode = _ask_mode()
    inputs = ask_inputs(model, steps_per_quarter, mode)
    # 2. Ask for the settings. The register of the constraints depends on the octave.
    data_shift = sounding_shift_of(model.data.name)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        new_seed_button(primary=True)
        undo = st.container(width="content")
        with st.popover("Sampling", icon=":material/tune:"):
            request = ask_request(mode, steps_per_quarter, inputs)
        notes, sound = _popovers()
        with sound:
            performance, octave = ask_performance(
                steps_per_quarter,
                strike=rearticulates_by_default(steps_per_quarter),
                octave=data_shift // 12,
            )
        with notes:
            constraints = ask_constraints(12 * octave - inputs.key_shift)
            request = replace(request, constraints=constraints)
        number = ask_alternative(request.count, mode)
    # 3. Compose, and prepare the chosen alternative.
    with st.spinner("Composing"):
        alternatives = compose(model, request, inputs.pieces(model.data.name))
    alternative = alternatives[max(number - 1, 0)]
    label = unique_label(model.source)
    rendered = RenderedPiece(
        alternative,
        title_of(request, number, inputs, steps_per_quarter),
        file_stem(label.split(" (")[0], request, number, inputs, steps_per_quarter),
        performance,
        sounding_roll(alternative, request, inputs, raised=12 * octave - data_shift, number=number),
        constraints.sounding_shift,
        composed_part(request, inputs),
    )
    remember((model.key, request, inputs.identity), rendered, request, label)
    with undo:  # after `remember`, since the current piece decides whether there is a previous one
        draw_undo()
    # 4. Draw the player and what belongs to it.
    _draw_rendered(model, rendered, request, inputs)


def _offer_forecast(model: LoadedModel) -> None:
    """Draw a link to the Forecast page, for a model that makes no music."""
    st.info(
        f"{frame.escape_markdown(model.source.label())} is not a model of music. Its sequences can "
        "be forecast, reconstructed, imputed and simulated.",
        icon=":material/query_stats:",
    )
    st.page_link(
        "pages/6_Forecast.py",
        label="Open in Forecast",
        icon=":material/query_stats:",
        query_params={"run": model.source.id},
    )


def _ask_mode() -> Mode:
    wanted = st.query_params.get("mode", DEFAULT_MODE)
    if wanted not in MODES:
        del st.query_params["mode"]
        st.toast(
            f"The mode “{frame.escape_markdown(wanted, 40)}” of this link does not exist. "
            f"The page uses the mode “{MODES[DEFAULT_MODE].label}” instead.",
            icon=":material/link_off:",
            duration="long",
        )
    chosen = choose(
        "What to compose",
        list(MODES),
        key="mode",
        format_func=_mode_label,
        segmented=True,
        help="\n".join(f"- **{mode.label}** composes {mode.help}." for mode in MODES.values()),
        resets=("hear",),
    )
    return mode_named(chosen or DEFAULT_MODE)


def _mode_label(key: str) -> str:
    mode = MODES[key]
    return f"{mode.icon} {mode.label}" if mode.icon else mode.label


def _popovers() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Popovers for notes and sound in the order in which they are shown."""
    notes = st.popover("Notes", icon=":material/music_note:")
    return notes, st.popover("Sound", icon=":material/speaker:")


def _draw_rendered(
    model: LoadedModel, rendered: RenderedPiece, request: CompositionRequest, inputs: Inputs
) -> None:
    events = rendered.play_in_address()
    if rendered.lost_notes > 0:
        st.caption(
            f"{rendered.lost_notes:,} notes are left out, because they lie outside the keyboard "
            "in this octave."
        )
    if not rendered.roll.any():
        st.info(
            "The piece is silent: no note has a probability above 0.5. Raise the temperature of x "
            "or the density, or compose another piece.",
            icon=":material/music_off:",
        )
    if request.region is not None:
        _offer_region(events, request.region, rendered.performance.steps_per_quarter)
    rendered.draw_downloads()
    if inputs.linkable:
        st.caption(
            "The address of this page contains all settings; the same link gives the same music."
        )
    else:
        st.caption("The address of this page contains all settings, but not your file.")
    if frame.presenting():
        return
    with st.expander("Comparison with the training data", icon=":material/monitoring:"):
        draw_measures(model, rendered)
    with st.expander("History of this session", icon=":material/history:"):
        draw_history()
    with st.expander("Blind test: which do you prefer?", icon=":material/hearing:"):
        draw_blind(model, request, inputs, rendered.performance)


def _offer_region(events: PlayerEvents, region: tuple[int, int], steps_per_quarter: int) -> None:
    """Draw a button that infills the region that was selected in the player."""
    if events.region is None or events.region == (region[0], region[1] - 1):
        st.caption(
            "Drag on the ruler above the piano-roll to choose another region. The rest of the "
            "piece is not changed."
        )
        return
    first, last = events.region
    ends = (bar_beat(frame, steps_per_quarter) for frame in (first, last))
    st.button(
        f"Infill {' to '.join(ends)}",
        icon=":material/format_paint:",
        key="take_region",
        type="primary",
        on_click=_infill_region,
        args=(first, last),
    )


def _infill_region(first: int, last: int) -> None:
    st.query_params["gap"] = f"{first}-{last}"
    st.query_params.pop("hear", None)
