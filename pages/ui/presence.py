"""Who watches which run: a run that several people share is stopped only when nobody else does."""

import secrets
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

__all__ = ["Audience", "audience", "leave", "me", "watch"]

_GRACE_SECONDS = 15.0
"""After a page is closed: a reload opens it again within this time."""


@dataclass
class _Visitor:
    session: str
    runs: frozenset[str]
    seen: float


class Audience:
    """The visitors of the server and the runs that they watch.

    Args:
        connected: whether the browser of a session is still connected, by the session's id.
        now: a monotonic clock, in seconds.
    """

    def __init__(
        self, connected: Callable[[str], bool], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._connected = connected
        self._now = now
        self._lock = threading.Lock()
        self._visitors: dict[str, _Visitor] = {}

    def watch(self, visitor: str, session: str, runs: Collection[str]) -> None:
        """Note that a visitor watches these runs, and no others.

        Args:
            visitor: names the visitor.
            session: id of the session of Streamlit.
            runs: ids of runs.
        """
        with self._lock:
            if runs:
                self._visitors[visitor] = _Visitor(session, frozenset(runs), self._now())
            else:
                self._visitors.pop(visitor, None)

    def watchers(self, run: str, *, besides: str = "") -> int:
        """How many visitors watch a run.

        Args:
            run: its id.
            besides: a visitor who is not counted.
        """
        with self._lock:
            for name, visitor in list(self._visitors.items()):
                if self._connected(visitor.session):
                    visitor.seen = self._now()
                elif self._now() - visitor.seen > _GRACE_SECONDS:
                    del self._visitors[name]
            return sum(
                run in visitor.runs for name, visitor in self._visitors.items() if name != besides
            )


@st.cache_resource(show_spinner=False)
def audience() -> Audience:
    """The audience of this server."""
    return Audience(_is_connected)


def me() -> str:
    """The name of this session's visitor."""
    return st.session_state.setdefault("presence.me", secrets.token_hex(8))


def watch(runs: Collection[str]) -> None:
    """Note that this session watches the runs with these ids, and no others."""
    context = get_script_run_ctx()
    audience().watch(me(), context.session_id if context else "", runs)


def leave() -> None:
    """Note that this session watches no run any more."""
    if "presence.me" in st.session_state:
        watch(())


def _is_connected(session: str) -> bool:
    return not Runtime.exists() or Runtime.instance().is_active_session(session)
