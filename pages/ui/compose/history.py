"""What was made in this session: every draw can be pinned, and gone back to."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from pages.ui import frame
from pages.ui.compose.rendered import RenderedPiece
from pages.ui.compose.request import CompositionRequest

__all__ = ["Entry", "draw_history", "draw_undo", "pinned", "remember", "told_apart"]

_MOST = 20
"""Draws that are not pinned; the oldest goes first."""

_CHOSEN = (
    *("run", "mode", "from", "data", "split", "piece", "to", "gap", "hear", "move"),
    *("voices", "scale", "tonic", "register", "instrument", "octave", "notes"),
)
"""Parameters of the address that `choose` keeps."""

_BOUND = (
    *("seed", "count", "frames", "begin", "zt", "xt", "sweep", "arcs"),
    *("density", "tempo", "swing"),
)
"""Widgets that Streamlit binds to the address."""


@dataclass
class Entry:
    """A draw of this session.

    Attributes:
        what: names it.
        made: the alternative that was heard last, without what the model thought of it.
        plan: it was drawn by.
        model: it was drawn from, as its label has it.
        chosen: parameters of the address that bring it back.
        bound: widgets that do.
        pinned: whether it stays.
    """

    what: Hashable
    made: RenderedPiece
    plan: CompositionRequest
    model: str
    chosen: dict[str, str] = field(default_factory=dict)
    bound: dict[str, Any] = field(default_factory=dict)
    pinned: bool = False

    @property
    def title(self) -> str:
        """What it is, told apart from draws of other seeds."""
        return f"{self.made.title}, seed {self.plan.seed}"

    @property
    def traits(self) -> dict[str, str]:
        """What else it was made with, in words, by what can differ from draw to draw."""
        found = {"x": f"x {self.plan.x_temperature:g}", "model": self.model}
        if self.plan.mode == "reconstruct":  # nothing moves by the transition there
            return found
        return {"z": f"z {self.plan.z_temperature:g}", **found}

    def keep_choices(self) -> None:
        """Keep what brings back what is on the page now."""
        self.chosen = {k: st.query_params[k] for k in _CHOSEN if k in st.query_params}
        self.bound = {k: st.session_state[k] for k in _BOUND if k in st.session_state}


def remember(what: Hashable, made: RenderedPiece, plan: CompositionRequest, model: str) -> None:
    """Note what is on the page now.

    Args:
        what: names what was drawn; another octave or tempo of the same is the same draw.
        made: the alternative that is heard.
        plan: it was drawn by.
        model: it was drawn from, as its label has it.
    """
    entries = _entries()
    entry = next((e for e in entries if e.what == what), None)
    if entry is None:
        entry = Entry(what, made.bare, plan, model)
        entries.append(entry)
    entry.made = made.bare
    entry.keep_choices()
    st.session_state["compose.now"] = what
    free = [e for e in entries if not e.pinned and e is not entry]
    for old in free[: max(0, len(free) - _MOST)]:
        entries.remove(old)


def draw_undo() -> None:
    """Draw the button that goes back to the draw before."""
    entries = _entries()
    at = _position(entries)
    st.button(
        ":material/undo:",
        key="undo",
        disabled=at < 1,
        help="Go back to what was made before this; the history below has it all.",
        on_click=_go_back,
    )


def draw_history() -> None:
    """Draw the list, the newest first and pinned ones before it."""
    entries = _entries()
    now = st.session_state.get("compose.now")
    titles = told_apart(entries)
    for number, entry in sorted(
        enumerate(entries), key=lambda pair: (pair[1].pinned, pair[0]), reverse=True
    ):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Unpin" if entry.pinned else "Pin",
                icon=":material/keep_off:" if entry.pinned else ":material/keep:",
                key=f"history.pin.{number}",
                on_click=_pin,
                args=(entry,),
            )
            st.button(
                "Open",
                icon=":material/history:",
                key=f"history.open.{number}",
                disabled=entry.what == now,
                on_click=_open,
                args=(entry,),
            )
            here = " (now)" if entry.what == now else ""
            st.markdown(f"{frame.escape_markdown(titles[number])}{here}", width="stretch")
    st.caption(
        f"The last {_MOST} draws of this session; pinned ones stay. It ends with the tab, but a "
        "link or a file keeps a piece for good."
    )


def pinned() -> list[Entry]:
    """The pinned draws, the newest first."""
    return [entry for entry in reversed(_entries()) if entry.pinned]


def told_apart(entries: list[Entry]) -> list[str]:
    """The title of each, with what it was made with where that is not the same in all."""
    traits = [entry.traits for entry in entries]
    differing = [
        name
        for name in ("z", "x", "model")
        if len({found[name] for found in traits if name in found}) > 1
    ]
    return [
        ", ".join([entry.title, *(found[name] for name in differing if name in found)])
        for entry, found in zip(entries, traits, strict=True)
    ]


def _entries() -> list[Entry]:
    return st.session_state.setdefault("compose.history", [])


def _position(entries: list[Entry]) -> int:
    now = st.session_state.get("compose.now")
    return next((i for i, entry in enumerate(entries) if entry.what == now), 0)


def _go_back() -> None:
    entries = _entries()
    at = _position(entries)
    if at < 1:
        return
    _open(entries[at - 1])


def _pin(entry: Entry) -> None:
    entry.pinned = not entry.pinned


def _open(entry: Entry) -> None:
    for name in _CHOSEN:
        if name in entry.chosen:
            st.query_params[name] = entry.chosen[name]
        else:
            st.query_params.pop(name, None)
    for name, value in entry.bound.items():
        st.session_state[name] = value
