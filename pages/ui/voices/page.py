"""The Compose page for models of four voices: begin a score, edit it, and compose the rest."""

import re
import secrets

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dmm_core.errors import DataError
from dmm_core.music.key import tonic_name
from dmm_core.music.scales import SCALES
from dmm_core.music.symbols import HIGHEST_OF, LOWEST_OF
from dmm_core.runs.harmonising import TEMPERATURE
from pages.ui import frame
from pages.ui.address import choose
from pages.ui.models import LoadedModel
from pages.ui.voices.arrangement import MAX_COUNT, REDRAWS, Arrangement, Redrawing, arrange
from pages.ui.voices.performance import (
    VoicesPerformance,
    ask_performance,
    draw_downloads,
    score_file,
    sound,
)
from pages.ui.voices.starts import SCORE_PARAMETERS, WAYS, Start, Way, way_named
from pages.ui.voices.working_score import WorkingScore, score_from_text
from pages.ui.voices_player import voices_player

__all__ = ["draw"]

_SEEDS = 1_000_000
_HEIGHT = 480
_NEXT_SEED = "voices.next_seed"
"""Session state key of the seed of the next run; a widget that is drawn cannot be changed."""


def draw(model: LoadedModel, row: DeltaGenerator) -> None:
    """Draw everything but the choice of the model.

    Args:
        model: a model of four voices.
        row: has room for the choice of how the score begins.

    Raises:
        DataError: if the address names something that does not exist, or a file is refused.
    """
    if _NEXT_SEED in st.session_state:  # the widget is not drawn yet, so it takes a value
        st.session_state.seed = st.session_state.pop(_NEXT_SEED)
    # 1. Ask for the score to begin with. Its edits are in the address.
    with row:
        way = _ask_way()
    start = way.ask(model, st.grid("auto", min_column_width=150, vertical_alignment="bottom"))
    score, as_it_is = _edited(start)
    # 2. Ask for the settings.
    with st.container(horizontal=True, vertical_alignment="bottom"):
        actions = st.container(horizontal=True, width="content")
        with st.popover("Sampling", icon=":material/tune:"):
            redrawing = _ask_redrawing(keeps=score.keeps_anything)
        with st.popover("Sound", icon=":material/speaker:"):
            how = ask_performance()
        number = None if as_it_is else _ask_alternative(redrawing.count)
    # 3. Compose what the score does not keep.
    if number is None:
        shown, title = Arrangement(score), start.title
    else:
        shown = _composed(model, score, redrawing)[number - 1]
        title = f"{start.title}, alternative {number}"
    with actions:  # after composing, since some of them begin with what is shown
        _draw_actions(score, shown.score, as_it_is)
    # 4. Draw the player and the downloads.
    _draw_player(shown, title, how)
    draw_downloads(shown.score, how, title=title, stem=_file_stem(start, redrawing, number))
    if start.linkable or "score" in st.query_params:
        st.caption(
            "The address of this page contains the score; the same link gives the same music."
        )
    else:
        st.caption("The address of this page contains all settings, but not your file.")


def _ask_way() -> Way:
    wanted = st.query_params.get("mode", next(iter(WAYS)))
    if wanted not in WAYS:
        del st.query_params["mode"]
        st.toast(
            f"Four voices have no mode “{frame.escape_markdown(wanted, 40)}”. The page begins a "
            "new piece instead.",
            icon=":material/link_off:",
            duration="long",
        )
    chosen = choose(
        "What to compose",
        list(WAYS),
        key="mode",
        format_func=lambda key: WAYS[key].label,
        segmented=True,
        help="\n".join(f"- **{way.label}** composes {way.help}." for way in WAYS.values()),
        resets=SCORE_PARAMETERS,
    )
    return way_named(chosen or next(iter(WAYS)))


def _edited(start: Start) -> tuple[WorkingScore, bool]:
    """The score of the address, or the one to begin with; and whether it is shown as it is."""
    text = st.query_params.get("score")
    if text is None:
        return start.score, start.as_it_is or start.score.keeps_everything
    score = score_from_text(text)
    return score, "asis" in st.query_params or score.keeps_everything


def _draw_actions(score: WorkingScore, shown: WorkingScore, as_it_is: bool) -> None:
    """Draw the buttons that compose anew, or forget all edits."""
    label = "Compose the rest" if score.keeps_anything else "Compose"
    locked = score.keeps_everything
    st.button(
        label if as_it_is else "Compose another",
        icon=":material/casino:",
        key="another",
        type="primary",
        disabled=locked,
        help="All notes are locked. Unlock some, and the model can compose them anew."
        if locked
        else None,
        on_click=_compose,
        args=(score, _redraw()),
    )
    with st.popover("Redraw", icon=":material/format_paint:", disabled=locked):
        for what, stays in (("pitches", "rhythm"), ("rhythm", "pitches")):
            st.button(
                f"New {what}",
                help=f"Composes new {what} for all notes that are not locked. Their {stays} stay"
                f"{'s' if stays == 'rhythm' else ''} as shown.",
                on_click=_compose,
                args=(shown, what),
                width="stretch",
            )
    if "score" in st.query_params:
        st.button(
            "Start over",
            icon=":material/restart_alt:",
            help="Forget all edits, and return to the score that the settings above describe.",
            on_click=_start_over,
        )


def _ask_redrawing(*, keeps: bool) -> Redrawing:
    """Ask for the settings; `keeps` says whether some notes are kept."""
    count = st.number_input(
        "Alternatives",
        min_value=1,
        max_value=MAX_COUNT,
        value=3,
        key="count",
        bind="query-params",
        on_change=_first_alternative,
        help="The alternatives are drawn independently. If notes are locked, the one that agrees "
        "most with the others is the first.",
    )
    # Both temperatures were chosen by measures of the music (docs/results.md).
    key, usual = ("ht", TEMPERATURE) if keeps else ("vt", 0.4)
    temperature = st.slider(
        "Temperature",
        min_value=0.0,
        max_value=2.0,
        value=usual,
        step=0.05,
        key=key,
        bind="query-params",
        help="Scales the randomness with which pitches are chosen. It does not change the rhythm.",
    )
    scale = choose(
        "Scale",
        ["any", *SCALES],
        key="scale",
        format_func=lambda name: (
            "All notes" if name == "any" else name.replace("-", " ").capitalize()
        ),
        resets=("hear",),
    )
    tonic = choose(
        "Tonic",
        [str(n) for n in range(12)],
        key="tonic",
        format_func=lambda n: tonic_name(int(n), minor=False),
        resets=("hear",),
    )
    seed = st.number_input(
        "Seed",
        min_value=0,
        max_value=_SEEDS - 1,
        value=1,
        key="seed",
        bind="query-params",
        help="The same seed and settings give the same music.",
        width=150,
    )
    if scale is None or tonic is None:
        raise DataError("A setting of this link is not offered; choose another under Sampling.")
    return Redrawing(
        count=int(count),
        seed=int(seed),
        temperature=temperature,
        what=_redraw(),
        scale=None if scale == "any" else scale,
        tonic=int(tonic),
    )


def _ask_alternative(count: int) -> int:
    chosen = choose(
        "Alternative",
        [str(number) for number in range(1, count + 1)],
        key="hear",
        segmented=True,
    )
    if chosen is None:
        raise DataError(
            f"The address names an alternative that does not exist; choose one of 1 to {count}."
        )
    return int(chosen)


def _composed(model: LoadedModel, score: WorkingScore, redrawing: Redrawing) -> list[Arrangement]:
    place = st.empty()

    def show(done: float) -> None:
        place.progress(min(done, 1.0), text="Composing")

    found = arrange(model, score, redrawing, show)
    place.empty()
    return found


def _draw_player(shown: Arrangement, title: str, how: VoicesPerformance) -> None:
    score = shown.score
    edit = voices_player(
        piece=score.piece,
        locked=score.kept,
        locked_voices=score.locked_voices,
        wav=sound(score, how),
        tempo=how.tempo,
        meter=score.meter,
        key="voices_player",
        title=title,
        chances=shown.chances,
        musicxml=score_file(score, how, title).decode(),
        path=shown.path,
        ranges=tuple(zip(LOWEST_OF.tolist(), HIGHEST_OF.tolist(), strict=True)),
        can_compose=not score.keeps_everything,
        height=_HEIGHT,
    )
    if edit is not None:
        edited = score.with_notes(edit.notes, edit.locked_voices)
        if edit.compose:
            _compose(edited, "all")
        else:
            st.query_params["score"] = edited.to_text()
            st.query_params["asis"] = "true"
        st.rerun()


def _compose(score: WorkingScore, what: str) -> None:
    """Compose what `score` does not keep, with a new seed.

    Args:
        score: what is kept, and what of the rest stays.
        what: one of `REDRAWS`.
    """
    if "score" in st.query_params or score.keeps_anything or what != "all":
        st.query_params["score"] = score.to_text()
    st.query_params["redraw"] = what
    if what == "all":
        del st.query_params["redraw"]
    st.query_params.pop("asis", None)
    _first_alternative()
    st.session_state[_NEXT_SEED] = secrets.randbelow(_SEEDS)


def _redraw() -> str:
    """What the address asks to compose anew; everything, if it names something else."""
    wanted = st.query_params.get("redraw", "all")
    return wanted if wanted in REDRAWS else "all"


def _first_alternative() -> None:
    st.query_params.pop("hear", None)


def _start_over() -> None:
    for name in SCORE_PARAMETERS:
        st.query_params.pop(name, None)


def _file_stem(start: Start, redrawing: Redrawing, number: int | None) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", start.stem.lower()).strip("-")[:60] or "score"
    return name if number is None else f"{name}_seed{redrawing.seed}_{number}"
