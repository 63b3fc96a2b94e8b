"""The history of a session: every composed piece can be pinned and opened again."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from pages.ui import frame
from pages.ui.compose.modes import Ask
from pages.ui.compose.rendered import RenderedPiece
from pages.ui.compose.request import CompositionRequest

__all__ = ["Entry", "distinct_titles", "draw_history", "draw_undo", "pinned", "remember"]

_MAX_UNPINNED = 20
"""Number of pieces that are kept without being pinned; the oldest is dropped first."""

_ADDRESS_PARAMETERS = (
    *("run", "mode", "from", "data", "split", "piece", "to", "gap", "hear", "move"),
    *("voices", "scale", "tonic", "register", "instrument", "octave", "notes"),
)
"""Parameters of the address that `pages.ui.address` writes."""

_BOUND_WIDGETS = (
    *("seed", "count", "frames", "begin", "zt", "xt", "sweep", "arcs"),
    *("density", "tempo", "swing"),
)
"""Widgets that Streamlit binds to the address."""


@dataclass
class Entry:
    """A composed piece in the history of this session.

    Attributes:
        identity: key of the piece; the same music at another tempo or octave has the same key.
        rendered: the alternative that was played last, reduced to its notes.
        request: what it was composed for.
        model: label of the model.
        parameters: parameters of the address that restore it.
        widgets: values of bound widgets that restore it.
        pinned: whether it is never dropped.
    """

    identity: Hashable
    rendered: RenderedPiece
    request: CompositionRequest
    model: str
    parameters: dict[str, str] = field(default_factory=dict)
    widgets: dict[str, Any] = field(default_factory=dict)
    pinned: bool = False

    @property
    def title(self) -> str:
        """The title of the piece with its seed."""
        return f"{self.rendered.title}, seed {self.request.seed}"

    @property
    def settings(self) -> dict[str, str]:
        """Settings that can tell pieces of the same title apart, in words."""
        settings = {"x": f"x {self.request.x_temperature:g}", "model": self.model}
        if Ask.Z_TEMPERATURE not in self.request.mode.asks:
            return settings
        return {"z": f"z {self.request.z_temperature:g}", **settings}

    def store_page(self) -> None:
        """Store the current address and widget values, which restore this piece."""
        self.parameters = {
            k: st.query_params[k] for k in _ADDRESS_PARAMETERS if k in st.query_params
        }
        self.widgets = {k: st.session_state[k] for k in _BOUND_WIDGETS if k in st.session_state}


def remember(
    identity: Hashable, rendered: RenderedPiece, request: CompositionRequest, model: str
) -> None:
    """Add the piece that the page shows now to the history, or update it there.

    Args:
        identity: key of the piece; the same music at another tempo or octave has the same key.
        rendered: the alternative that is played.
        request: what it was composed for.
        model: label of the model.
    """
    entries = _entries()
    entry = next((e for e in entries if e.identity == identity), None)
    if entry is None:
        entry = Entry(identity, rendered.notes_only, request, model)
        entries.append(entry)
    entry.rendered = rendered.notes_only
    entry.store_page()
    st.session_state["compose.now"] = identity
    unpinned = [e for e in entries if not e.pinned and e is not entry]
    for old in unpinned[: max(0, len(unpinned) - _MAX_UNPINNED)]:
        entries.remove(old)


def draw_undo() -> None:
    """Draw the button that returns to the previous piece."""
    entries = _entries()
    st.button(
        ":material/undo:",
        key="undo",
        disabled=_position(entries) < 1,
        help="Return to the previous piece. The history at the bottom of the page lists all.",
        on_click=_undo,
    )


def draw_history() -> None:
    """Draw the list of pieces: pinned ones first, then the newest first."""
    entries = _entries()
    now = st.session_state.get("compose.now")
    titles = distinct_titles(entries)
    for number, entry in sorted(
        enumerate(entries), key=lambda pair: (pair[1].pinned, pair[0]), reverse=True
    ):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Unpin" if entry.pinned else "Pin",
                icon=":material/keep_off:" if entry.pinned else ":material/keep:",
                key=f"history.pin.{number}",
                on_click=_toggle_pin,
                args=(entry,),
            )
            st.button(
                "Open",
                icon=":material/history:",
                key=f"history.open.{number}",
                disabled=entry.identity == now,
                on_click=_open,
                args=(entry,),
            )
            suffix = " (now)" if entry.identity == now else ""
            st.markdown(f"{frame.escape_markdown(titles[number])}{suffix}", width="stretch")
    st.caption(
        f"The list keeps the last {_MAX_UNPINNED} pieces and all pinned pieces until you close "
        "this tab. To keep a piece longer, save its link or download its files."
    )


def pinned() -> list[Entry]:
    """The pinned pieces, the newest first."""
    return [entry for entry in reversed(_entries()) if entry.pinned]


def distinct_titles(entries: list[Entry]) -> list[str]:
    """The title of each entry, with those settings that are not the same in all entries."""
    settings = [entry.settings for entry in entries]
    differing = [
        name
        for name in ("z", "x", "model")
        if len({found[name] for found in settings if name in found}) > 1
    ]
    return [
        ", ".join([entry.title, *(found[name] for name in differing if name in found)])
        for entry, found in zip(entries, settings, strict=True)
    ]


def _entries() -> list[Entry]:
    return st.session_state.setdefault("compose.history", [])


def _position(entries: list[Entry]) -> int:
    """Index of the piece that the page shows now."""
    now = st.session_state.get("compose.now")
    return next((i for i, entry in enumerate(entries) if entry.identity == now), 0)


def _undo() -> None:
    entries = _entries()
    position = _position(entries)
    if position >= 1:
        _open(entries[position - 1])


def _toggle_pin(entry: Entry) -> None:
    entry.pinned = not entry.pinned


def _open(entry: Entry) -> None:
    for name in _ADDRESS_PARAMETERS:
        if name in entry.parameters:
            st.query_params[name] = entry.parameters[name]
        else:
            st.query_params.pop(name, None)
    for name, value in entry.widgets.items():
        st.session_state[name] = value
