"""How a score begins: from nothing, from a melody, from a piece, or empty.

To add a way to begin, write a function that asks for what it needs and returns a `Start`, and add a
`Way` that names it to `WAYS`.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dmm_core.data.voices import BAR_LENGTHS
from dmm_core.errors import ConfigError, DataError
from dmm_core.music.meter import Meter
from dmm_core.music.voices import STEPS, VoicedPiece
from pages.ui.address import choose, choose_range, forget
from pages.ui.models import LoadedModel, load_data
from pages.ui.pieces import pick_piece, pick_split
from pages.ui.voices.melody_file import ask_voice, ask_voices
from pages.ui.voices.working_score import (
    MAX_BEATS,
    ScoreNote,
    WorkingScore,
    empty_score,
    score_from_text,
    score_of_symbols,
)

__all__ = ["SCORE_PARAMETERS", "WAYS", "Start", "Way", "way_named"]

SCORE_PARAMETERS = ("score", "asis", "redraw", "hear")
"""Parameters of the address that describe an edited score. Another start removes them."""

_LONGEST_GIVEN = 128
"""Beats of a given piece; the rest is cut off, so that composing takes seconds."""
_MOST_BARS = 32


class Start(NamedTuple):
    """A score to begin with.

    Attributes:
        score: the score; what it does not keep is composed.
        title: what it is, in words.
        stem: how a file name says it.
        linkable: whether the address contains all of it. It cannot contain an uploaded file.
        as_it_is: whether nothing is composed until the person asks for it.
    """

    score: WorkingScore
    title: str
    stem: str
    linkable: bool = True
    as_it_is: bool = False


@dataclass(frozen=True)
class Way:
    """A way to begin.

    Attributes:
        key: value of `mode` in the address.
        label: on the button that selects it.
        help: sentence fragment that completes "composes ..." in the help text of the choice.
        ask: asks for what it needs, in a row of the page.
    """

    key: str
    label: str
    help: str
    ask: Callable[[LoadedModel, DeltaGenerator], Start]


def way_named(key: str) -> Way:
    """The way to begin with the given key.

    Raises:
        ConfigError: if there is no such way.
    """
    if key not in WAYS:
        raise ConfigError(f"There is no mode {key!r:.40}; the modes are {', '.join(WAYS)}.")
    return WAYS[key]


def _new(model: LoadedModel, row: DeltaGenerator) -> Start:
    return Start(_ask_form(row), "New chorale", "new")


def _draw(model: LoadedModel, row: DeltaGenerator) -> Start:
    return Start(_ask_form(row), "Your score", "drawn", as_it_is=True)


def _harmonise(model: LoadedModel, row: DeltaGenerator) -> Start:
    given = _ask_given(model, row, melody=True)
    return given._replace(title=f"{given.title}, harmonised", stem=f"{given.stem}_harmonised")


def _continue(model: LoadedModel, row: DeltaGenerator) -> Start:
    given = _ask_given(model, row)
    whole = given.score
    bar = whole.meter.beats
    with row:
        kept = st.number_input(
            "Given bars",
            min_value=1,
            max_value=max(1, whole.beats // bar),
            value=min(4, max(1, whole.beats // bar)),
            key="kept",
            bind="query-params",
            on_change=_forget_score,
            help="The bars that are kept. The model composes what follows them.",
        )
        more = _ask_bars("Bars to compose", 8, _forget_score, key="more")
    beats = min(whole.beats, whole.meter.upbeat + int(kept) * bar)
    length = min(MAX_BEATS, beats + more * bar)
    end = beats * STEPS
    notes = [n._replace(end=min(n.end, end), locked=True) for n in whole.notes if n.start < end]
    fermatas = [beat for beat in whole.fermatas if beat < beats]
    fermatas += [beat for beat in empty_score(whole.meter, length).fermatas if beat >= beats]
    score = replace(
        whole, beats=length, notes=tuple(notes), fermatas=tuple(fermatas), locked_voices=frozenset()
    )
    return given._replace(
        score=score,
        title=f"{given.title}, continued from bar {int(kept) + 1}",
        stem=f"{given.stem}_continued",
    )


def _infill(model: LoadedModel, row: DeltaGenerator) -> Start:
    given = _ask_given(model, row)
    score = given.score
    bars = 1 + (score.beats - 1 - score.meter.upbeat) // score.meter.beats
    region = choose_range(
        "Bars to compose",
        range(1, max(2, bars + 1)),
        key="region",
        default=(min(3, bars), min(4, bars)),
        help="The model composes these bars, given the music before and after them.",
        resets=SCORE_PARAMETERS,
    )
    if region is None:
        raise DataError(
            "The bars to compose are two numbers, such as region=3-4; choose them with the slider."
        )
    first, end = (
        STEPS * (score.meter.upbeat + score.meter.beats * bar) for bar in (region[0] - 1, region[1])
    )
    # A note that reaches over an end of the region is kept, so that nothing changes outside.
    notes = tuple(n._replace(locked=n.start < first or n.end > end) for n in score.notes)
    return given._replace(
        score=replace(score, notes=notes),
        title=f"{given.title}, bars {region[0]} to {region[1]} composed",
        stem=f"{given.stem}_bars{region[0]}-{region[1]}",
    )


WAYS = {
    way.key: way
    for way in (
        Way("new", "New", "from nothing", _new),
        Way(
            "harmonise", "Harmonise", "three voices to a melody, or to any other voice", _harmonise
        ),
        Way("draw", "Draw", "the rest of what you draw into an empty score", _draw),
        Way("continue", "Continue", "what follows the start of a piece", _continue),
        Way("infill", "Infill", "some bars, given what precedes and follows them", _infill),
    )
}
"""All ways to begin by their key, in the order of their buttons."""


def _ask_form(row: DeltaGenerator) -> WorkingScore:
    """Ask for meter, length and phrases of an empty score."""
    with row:
        bars = _ask_bars("Bars", 16, _fit_score)
        meter = choose(
            "Meter",
            [str(beats) for beats in sorted(BAR_LENGTHS, key=lambda beats: beats != 4)],
            key="meter",
            format_func=lambda beats: f"{beats}/4",
            on_change=_fit_score,
        )
        upbeat = st.number_input(
            "Upbeat",
            min_value=0,
            max_value=5,
            value=0,
            key="upbeat",
            bind="query-params",
            on_change=_fit_score,
            help="Beats before the first full bar.",
        )
    if meter is None:
        raise DataError("The meter of this link is not offered. Choose one above.")
    return _empty(bars, int(meter), int(upbeat))


def _empty(bars: int, beats: int, upbeat: int) -> WorkingScore:
    of = Meter(beats, min(upbeat, beats - 1))
    return empty_score(of, min(MAX_BEATS, of.upbeat + bars * of.beats))


def _ask_bars(label: str, value: int, on_change: Callable[[], None], *, key: str = "bars") -> int:
    return int(
        st.number_input(
            label,
            min_value=1,
            max_value=_MOST_BARS,
            value=value,
            key=key,
            bind="query-params",
            on_change=on_change,
        )
    )


def _ask_given(model: LoadedModel, row: DeltaGenerator, *, melody: bool = False) -> Start:
    """Ask for a piece of the model's data set, or for a file; with `melody`, for one line of it."""
    with row:
        source = choose(
            "From",
            ["set", "file"],
            key="from",
            format_func={"set": "A chorale", "file": "A file"}.__getitem__,
            segmented=True,
            resets=(*SCORE_PARAMETERS, "region", "line", "file"),
        )
    if source is None:
        raise DataError("A piece comes from a chorale or a file; choose one above.")
    if source == "file":
        given = ask_voices(row, melody=melody, most=_LONGEST_GIVEN, resets=SCORE_PARAMETERS)
        kept = _kept(given.piece, given.voices, given.meter, melody=melody)
        return Start(kept, given.name, given.name.rsplit(".", 1)[0], linkable=False)
    data = load_data(model, model.source.config().data.name)
    with row:
        with st.popover("Chorales", icon=":material/library_music:", width="stretch"):
            sequences = data[pick_split(data)]
        number = pick_piece(sequences, label="Chorale", resets=SCORE_PARAMETERS)
    assert sequences.c is not None, "the data set has covariates"
    whole = score_of_symbols(
        sequences.x[number][:_LONGEST_GIVEN], sequences.c[number][:_LONGEST_GIVEN]
    )
    name = sequences.names[number]
    if not melody:
        return Start(whole, name, name)
    voice = ask_voice(row, SCORE_PARAMETERS)
    notes = tuple(note._replace(locked=True) for note in whole.notes if note.voice == voice)
    return Start(replace(whole, notes=notes, locked_voices=frozenset({voice})), name, name)


def _kept(
    piece: VoicedPiece, voices: tuple[int, ...], meter: Meter, *, melody: bool
) -> WorkingScore:
    """The score of a piece whose voices are `voices`; a melody is locked, with its rests."""
    assert piece.fermatas is not None, "it is known where they are"
    return WorkingScore(
        meter,
        piece.beats,
        tuple(
            ScoreNote(voice, *note, locked=melody)
            for row, voice in enumerate(voices)
            for note in piece.notes(row)
        ),
        frozenset(voices) if melody else frozenset(),
        tuple(int(beat) for beat in np.flatnonzero(piece.fermatas)),
    )


def _forget_score() -> None:
    for name in SCORE_PARAMETERS:
        forget(name)


def _fit_score() -> None:
    """Give the edited score the length and meter that are chosen now. What was drawn stays."""
    asked, asis = st.query_params.get("score"), "asis" in st.query_params
    _forget_score()
    if asked is None:
        return
    with suppress(DataError, ValueError):  # of a damaged link nothing stays
        edited, state = score_from_text(asked), st.session_state
        form = _empty(int(state.bars), int(st.query_params.get("meter", "4")), int(state.upbeat))
        if asis or edited.keeps_anything:
            st.query_params["score"] = edited.with_form(form.meter, form.beats).to_text()
        if asis:
            st.query_params["asis"] = "true"
