"""A blind test: compare two models, settings or pinned pieces without knowing which is which."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import streamlit as st

from dmm_core.errors import DataError
from pages.ui import frame
from pages.ui.address import choose
from pages.ui.compose.composition import compose
from pages.ui.compose.history import Entry, distinct_titles, pinned
from pages.ui.compose.inputs import Inputs
from pages.ui.compose.performance import Performance
from pages.ui.compose.rendered import RenderedPiece, composed_part, sounding_roll
from pages.ui.compose.request import CompositionRequest
from pages.ui.models import LoadedModel, load_source
from pages.ui.picker import available_models, unique_label
from pages.ui.pitch import sounding_shift_of

__all__ = ["draw_blind"]

_HEIGHT = 230
_SEED_STRIDE = 7919
"""Distance between the seeds of two rounds, so that a round does not repeat a known piece."""

_KINDS = {"settings": "This page and another model or setting", "pinned": "Two pinned pieces"}

_Vote = Literal["first", "second", "neither"]


@dataclass
class _Contest:
    """The state of a contest: its current round and the votes so far.

    Attributes:
        identity: key of the two candidates.
        round: number of the current round, 0 before the first.
        swapped: whether the second candidate is played first in this round.
        vote: the vote of this round, or None before the vote.
        votes: number of votes for the first candidate, the second candidate and neither.
    """

    identity: tuple
    round: int = 0
    swapped: bool = False
    vote: _Vote | None = None
    votes: dict[str, int] = field(default_factory=lambda: {"this": 0, "other": 0, "neither": 0})

    def next_round(self) -> None:
        self.round += 1
        self.swapped = bool(secrets.randbelow(2))
        self.vote = None

    def cast(self, vote: _Vote) -> None:
        if self.vote is not None:
            return
        self.vote = vote
        if vote == "neither":
            self.votes["neither"] += 1
        else:
            self.votes["other" if (vote == "first") == self.swapped else "this"] += 1


def draw_blind(
    model: LoadedModel, request: CompositionRequest, inputs: Inputs, performance: Performance
) -> None:
    """Draw the choice of the candidates and the current round.

    Args:
        model: the model of the page.
        request: the request of the page.
        inputs: its pieces.
        performance: how the pieces are played.
    """
    entries = pinned()
    kind = "settings"
    if len(entries) > 1:
        kind = st.segmented_control(
            "Compare",
            list(_KINDS),
            default="settings",
            required=True,
            format_func=_KINDS.__getitem__,
            key="blind_kind",
        )
    if kind == "pinned":
        _compare_pinned(entries)
        return
    _compare_settings(model, request, inputs, performance)
    if len(entries) < 2:
        st.caption("To compare two pieces of the history, pin both of them.")


def _compare_pinned(entries: list[Entry]) -> None:
    """Ask for two pinned pieces, and compare them as they were played last."""
    titles = [f"{number}. {title}" for number, title in enumerate(distinct_titles(entries), 1)]
    chosen = [  # one below the other, because long titles differ at their ends
        st.selectbox(
            label, range(len(entries)), index, format_func=titles.__getitem__, key=f"blind_{index}"
        )
        for index, label in enumerate(("First piece", "Second piece"))
    ]
    first, second = (entries[index] for index in chosen)
    if first is second:
        st.caption("Choose two different pieces.")
        return
    _draw_contest(
        identity=(first.identity, first.title, second.identity, second.title),
        names=[f"**{frame.escape_markdown(titles[index])}**" for index in chosen],
        makers=[lambda pair, entry=entry: entry.rendered for entry in (first, second)],
    )


def _compare_settings(
    model: LoadedModel, request: CompositionRequest, inputs: Inputs, performance: Performance
) -> None:
    """Ask for another model or temperature, and compare newly composed pairs."""
    # 1. Ask for the second candidate.
    listed = available_models()
    listed.setdefault(model.source.id, model.source)
    with st.grid("auto", min_column_width=200, vertical_alignment="bottom"):
        name = choose(
            "Compare with the model",
            sorted(listed, key=lambda run: run != model.source.id),
            key="versus",
            format_func=lambda run: unique_label(listed[run]),
        )
        temperatures = [
            st.slider(
                f"Its temperature of {letter}",
                min_value=0.0,
                max_value=2.0,
                value=1.0,
                step=0.05,
                key=f"v{letter}t",
                bind="query-params",
            )
            for letter in "zx"
        ]
    if name is None:
        raise DataError("The address names a model that does not exist; choose one from the list.")
    other_request = replace(request, z_temperature=temperatures[0], x_temperature=temperatures[1])
    if name == model.source.id and other_request == request:
        st.caption("Choose another model, or a temperature that differs from the piece above.")
        return
    other = model if name == model.source.id else load_source(listed[name])
    if other.grid != model.grid:
        raise DataError("The two models cannot be compared, because their frames differ in length.")
    # 2. The models may be trained on data in different octaves. Both are played at the same pitch.
    raised = (
        request.constraints.sounding_shift + inputs.key_shift - sounding_shift_of(model.data.name)
    )
    other_shift = raised + sounding_shift_of(other.data.name) - inputs.key_shift
    other_request = replace(
        other_request, constraints=replace(request.constraints, sounding_shift=other_shift)
    )
    candidates = [(model, request), (other, other_request)]

    # 3. Both candidates compose a round's pair with the same seed.
    def make(trained: LoadedModel, request: CompositionRequest, pair: int) -> RenderedPiece:
        request = replace(request, seed=(request.seed + _SEED_STRIDE * pair) % 2**31, count=1)
        (alternative,) = compose(trained, request, inputs.pieces(trained.data.name))
        roll = sounding_roll(alternative, request, inputs, raised=raised)
        shift = request.constraints.sounding_shift
        composed = composed_part(request, inputs)
        return RenderedPiece(alternative, "", "", performance, roll, shift, composed)

    _draw_contest(
        identity=(model.key, other.key, request, other_request, inputs.identity),
        names=[_describe(*candidate) for candidate in candidates],
        makers=[partial(make, *candidate) for candidate in candidates],
    )


def _draw_contest(
    identity: tuple, names: list[str], makers: list[Callable[[int], RenderedPiece]]
) -> None:
    """Draw the current round of a contest.

    Args:
        identity: key of the candidates; a new key starts a new contest.
        names: Markdown descriptions of the two candidates.
        makers: for each candidate, a function from the number of the round to its piece.
    """
    contest: _Contest | None = st.session_state.get("compose.contest")
    if contest is None or contest.identity != identity:
        contest = st.session_state["compose.contest"] = _Contest(identity)
    if contest.round == 0:
        st.button(
            "Start the blind test",
            icon=":material/hearing:",
            key="blind_next",
            on_click=contest.next_round,
        )
        return
    # 1. Play both candidates in random order.
    order = [1, 0] if contest.swapped else [0, 1]
    pair = [makers[candidate](contest.round) for candidate in order]
    if any(rendered.composed for rendered in pair):
        st.caption(
            "Both start in the bar in which the composed part begins. Given music before that bar "
            "is left out."
        )
    for place, rendered in zip(("First", "Second"), pair, strict=True):
        titled = rendered.anonymous._replace(title=f"{place}, pair {contest.round}")
        titled.play(key=f"blind_{place.lower()}", height=_HEIGHT)
    # 2. Ask for a vote.
    if contest.vote is None:
        with st.container(horizontal=True):
            for vote, label in (
                ("first", "I prefer the first"),
                ("second", "I prefer the second"),
                ("neither", "No preference"),
            ):
                st.button(label, key=f"vote_{vote}", on_click=contest.cast, args=(vote,))
        return
    # 3. Reveal the candidates after the vote.
    st.success(
        f"The first was {names[order[0]]}, the second {names[order[1]]}.",
        icon=":material/visibility:",
    )
    votes = contest.votes
    st.markdown(
        f"Votes so far: {names[0]} {votes['this']}, {names[1]} {votes['other']}, "
        f"no preference {votes['neither']}."
    )
    st.button("Next pair", icon=":material/hearing:", key="blind_next", on_click=contest.next_round)


def _describe(model: LoadedModel, request: CompositionRequest) -> str:
    label = frame.escape_markdown(unique_label(model.source))
    return f"**{label}** (z {request.z_temperature:g}, x {request.x_temperature:g})"
