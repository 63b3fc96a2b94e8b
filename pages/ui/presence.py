"""Which sessions watch which runs. A shared run is stopped only if no other session watches it."""

import secrets
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

__all__ = ["ViewerRegistry", "clear_watched_runs", "set_watched_runs", "viewer_id", "viewers"]

_GRACE_SECONDS = 15.0
"""A viewer still counts this long after its browser disconnects, because it may be reloading."""


@dataclass
class _Viewer:
    session: str
    runs: frozenset[str]
    last_seen: float


class ViewerRegistry:
    """The viewers of the server and the runs that they watch.

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
        self._viewers: dict[str, _Viewer] = {}

    def set_watched(self, viewer: str, session: str, runs: Collection[str]) -> None:
        """Replace the set of runs that a viewer watches.

        Args:
            viewer: id of the viewer.
            session: id of the Streamlit session.
            runs: ids of the runs; may be empty.
        """
        with self._lock:
            if runs:
                self._viewers[viewer] = _Viewer(session, frozenset(runs), self._now())
            else:
                self._viewers.pop(viewer, None)

    def count(self, run: str, *, excluding: str = "") -> int:
        """Return the number of viewers who watch a run.

        Args:
            run: id of the run.
            excluding: id of a viewer who is not counted.
        """
        with self._lock:
            for name, viewer in list(self._viewers.items()):
                if self._connected(viewer.session):
                    viewer.last_seen = self._now()
                elif self._now() - viewer.last_seen > _GRACE_SECONDS:
                    del self._viewers[name]
            return sum(
                run in viewer.runs for name, viewer in self._viewers.items() if name != excluding
            )


@st.cache_resource(show_spinner=False)
def viewers() -> ViewerRegistry:
    """Return the registry of this server."""
    return ViewerRegistry(_is_connected)


def viewer_id() -> str:
    """Return the viewer id of this session."""
    return st.session_state.setdefault("presence.viewer", secrets.token_hex(8))


def set_watched_runs(runs: Collection[str]) -> None:
    """Record that this session watches the runs with these ids, and no others."""
    context = get_script_run_ctx()
    viewers().set_watched(viewer_id(), context.session_id if context else "", runs)


def clear_watched_runs() -> None:
    """Record that this session no longer watches any run."""
    if "presence.viewer" in st.session_state:
        set_watched_runs(())


def _is_connected(session: str) -> bool:
    return not Runtime.exists() or Runtime.instance().is_active_session(session)
