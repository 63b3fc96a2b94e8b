"""A blind test: two models, settings or pinned pieces, heard without knowing which is which."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import streamlit as st

from dmm_core.errors import DataError
from pages.ui import frame
from pages.ui.address import choose
from pages.ui.compose.drawing import compose
from pages.ui.compose.history import Entry, pinned, told_apart
from pages.ui.compose.performance import Performance
from pages.ui.compose.rendered import RenderedPiece, composed_part, heard_roll
from pages.ui.compose.request import CompositionRequest
from pages.ui.compose.start import Inputs
from pages.ui.models import Trained, load_trained
from pages.ui.picker import label_of, sources
from pages.ui.pitch import down_to_sound

__all__ = ["draw_blind"]

_HEIGHT = 230
_STRIDE = 7919
"""Between the seeds of rounds, so that no round repeats what the page has played."""

_KINDS = {"settings": "This page and another model or setting", "pinned": "Two pinned pieces"}

_Vote = Literal["first", "second", "neither"]


@dataclass
class _Contest:
    """One contest: its tally, and the round that is heard now."""

    what: tuple
    round: int = 0
    swapped: bool = False
    vote: _Vote | None = None
    tally: dict[str, int] = field(default_factory=lambda: {"this": 0, "other": 0, "neither": 0})

    def next(self) -> None:
        self.round += 1
        self.swapped = bool(secrets.randbelow(2))
        self.vote = None

    def cast(self, vote: _Vote) -> None:
        if self.vote is not None:
            return
        self.vote = vote
        if vote == "neither":
            self.tally["neither"] += 1
        else:
            self.tally["other" if (vote == "first") == self.swapped else "this"] += 1


def draw_blind(
    model: Trained, plan: CompositionRequest, given: Inputs, performance: Performance
) -> None:
    """Draw the choice of what is compared, and the rounds."""
    kept = pinned()
    kind = "settings"
    if len(kept) > 1:
        kind = st.segmented_control(
            "Compare",
            list(_KINDS),
            default="settings",
            required=True,
            format_func=_KINDS.__getitem__,
            key="blind_kind",
        )
    if kind == "pinned":
        _draw_pinned(kept)
        return
    _draw_settings(model, plan, given, performance)
    if len(kept) < 2:
        st.caption("Pin two draws in the list above, and they can be compared too.")


def _draw_pinned(kept: list[Entry]) -> None:
    """Ask for two of the pinned draws, and compare them as they were heard last."""
    titles = [f"{number}. {title}" for number, title in enumerate(told_apart(kept), 1)]
    places = [  # below each other: what tells draws apart stands at the end of a title
        st.selectbox(
            label, range(len(kept)), place, format_func=titles.__getitem__, key=f"blind_{place}"
        )
        for place, label in enumerate(("One", "The other"))
    ]
    one, other = (kept[place] for place in places)
    if one is other:
        st.caption("Choose two different draws.")
        return
    _draw_contest(
        what=(one.what, one.title, other.what, other.title),
        names=[f"**{frame.escape_markdown(titles[place])}**" for place in places],
        makers=[lambda pair, entry=entry: entry.made for entry in (one, other)],
    )


def _draw_settings(
    model: Trained, plan: CompositionRequest, given: Inputs, performance: Performance
) -> None:
    """Ask for the opponent of what the page has, and compare pairs of new draws."""
    listed = sources()
    listed.setdefault(model.source.id, model.source)
    with st.grid("auto", min_column_width=200, vertical_alignment="bottom"):
        name = choose(
            "Against the model",
            sorted(listed, key=lambda run: run != model.source.id),
            key="versus",
            show=lambda run: label_of(listed[run]),
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
        raise DataError("There is no such model to compare with; choose one of the list.")
    other_plan = replace(plan, z_temperature=temperatures[0], x_temperature=temperatures[1])
    if name == model.source.id and other_plan == plan:
        st.caption("Choose another model, or another temperature than the piece above has.")
        return
    other = model if name == model.source.id else load_trained(listed[name])
    if other.grid != model.grid:
        raise DataError("The other model's frames last differently, so the two cannot be compared.")
    # The models may have learned from data in other octaves, and are heard at the same pitch.
    raised = plan.keep.to_sound + given.by_key - down_to_sound(model.data.name)
    there = raised + down_to_sound(other.data.name) - given.by_key
    other_plan = replace(other_plan, keep=replace(plan.keep, to_sound=there))
    sides = [(model, plan), (other, other_plan)]

    def draw(load_trained: Trained, plan: CompositionRequest, pair: int) -> RenderedPiece:
        plan = replace(plan, seed=(plan.seed + _STRIDE * pair) % 2**31, count=1)
        drawn = compose(load_trained, plan, *given.frames(load_trained.data.name))[0]
        roll = heard_roll(drawn, plan, given, raised=raised)
        composed = composed_part(plan, given)
        return RenderedPiece(drawn, "", "", performance, roll, plan.keep.to_sound, composed)

    _draw_contest(
        what=(model.key, other.key, plan, other_plan, given.identity),
        names=[_describe(*side) for side in sides],
        makers=[partial(draw, *side) for side in sides],
    )


def _draw_contest(
    what: tuple, names: list[str], makers: list[Callable[[int], RenderedPiece]]
) -> None:
    """Draw the rounds of a contest.

    Args:
        what: names it; another one begins anew.
        names: Markdown, what the two are.
        makers: number of the pair -> the piece of either.
    """
    contest: _Contest | None = st.session_state.get("compose.contest")
    if contest is None or contest.what != what:
        contest = st.session_state["compose.contest"] = _Contest(what)
    if contest.round == 0:
        st.button(
            "Start the blind test",
            icon=":material/hearing:",
            key="blind_next",
            on_click=contest.next,
        )
        return
    order = [1, 0] if contest.swapped else [0, 1]
    pair = [makers[side](contest.round) for side in order]
    if any(made.composed for made in pair):
        st.caption("They begin in the bar where the model does; what was given before is left out.")
    for place, made in zip(("First", "Second"), pair, strict=True):
        titled = made.blind._replace(title=f"{place}, pair {contest.round}")
        titled.play(key=f"blind_{place.lower()}", height=_HEIGHT)
    if contest.vote is None:
        with st.container(horizontal=True):
            for vote, label in (
                ("first", "I prefer the first"),
                ("second", "I prefer the second"),
                ("neither", "Neither"),
            ):
                st.button(label, key=f"vote_{vote}", on_click=contest.cast, args=(vote,))
        return
    st.success(
        f"The first was {names[order[0]]}, the second {names[order[1]]}.",
        icon=":material/visibility:",
    )
    tally = contest.tally
    st.markdown(
        f"Preferred so far: {names[0]} {tally['this']}, {names[1]} {tally['other']}, "
        f"neither {tally['neither']}."
    )
    st.button("Next pair", icon=":material/hearing:", key="blind_next", on_click=contest.next)


def _describe(model: Trained, plan: CompositionRequest) -> str:
    label = frame.escape_markdown(label_of(model.source))
    return f"**{label}** (z {plan.z_temperature:g}, x {plan.x_temperature:g})"
