"""The trainings of a lesson: started by one click, shared by a class, named in the address."""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import streamlit as st

from dmm_core.config.lessons import MAX_VARIANTS
from dmm_core.config.schema import RunConfig
from dmm_core.errors import RunError
from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE
from dmm_core.runs.store import create_run, find_run, list_runs
from pages.ui import presence
from pages.ui.learn.lesson import Watched
from pages.ui.runner import lesson_runner

__all__ = ["followed", "forget", "named_runs", "place", "start", "stop", "watch"]

_KEPT = timedelta(days=1)
"""A lesson's run is deleted when it is older; it can be run again."""

_LEFT = "lesson.left"
"""In the session's state: ids of runs that go on for others after this session's Stop."""


def start(lesson: str, plans: Mapping[str, RunConfig]) -> list[Run]:
    """Train what `plans` says, by title, and put the runs into the address.

    Where the very same training is waiting or running already, because the whole class has clicked,
    it is joined instead. A double click starts one.

    Raises:
        RunError: if the program is closing.
        OSError: if the disk refuses.
    """
    _sweep()
    token = st.session_state.setdefault("lesson.token", secrets.token_hex(16))
    active = [run for run in list_runs(lessons=True) if run.state() in ACTIVE]
    runs = []
    st.session_state[_LEFT] = set()
    for title, config in plans.items():
        same = (r for r in active if r.lesson() == lesson and _is(r, title, config))
        run = next(same, None)
        if run is None:
            run = create_run(config, name=title, token=f"{token} {title}", lesson=lesson)
        runs.append(run)
    presence.set_watched_runs([run.id for run in runs])  # before they are queued: nobody drops them
    for run in runs:
        if run not in active:
            lesson_runner().submit(run)
    st.query_params["runs"] = ",".join(run.id for run in runs)
    return runs


def followed(runs: Sequence[Run]) -> list[Run]:
    """The runs that this session still follows; it is noted as a watcher of these."""
    left = st.session_state.get(_LEFT, set())
    kept = [run for run in runs if run.id not in left]
    presence.set_watched_runs([run.id for run in kept])
    return kept


def stop(runs: Sequence[Run]) -> None:
    """Follow these runs no longer; those that nobody else watches are stopped."""
    left = st.session_state.setdefault(_LEFT, set())
    for run in runs:
        if presence.viewers().count(run.id, excluding=presence.viewer_id()):
            left.add(run.id)
        else:
            run.request_stop()


def place(runs: Sequence[Run]) -> int | None:
    """The first place of these runs in the queue, from 1; None where none of them waits.

    Runs before them that nobody watches any more are taken out of the queue first.
    """
    for run in list_runs(lessons=True):
        waits = run.state() == "queued" and lesson_runner().position(run) is not None
        if waits and not presence.viewers().count(run.id):
            run.request_stop()
    return min((p for run in runs if (p := lesson_runner().position(run))), default=None)


def forget() -> None:
    """Take the runs out of the address; somebody else may still look at them."""
    presence.clear_watched_runs()
    st.session_state.pop(_LEFT, None)
    st.query_params.pop("runs", None)
    st.session_state.pop("lesson.token", None)


def named_runs(lesson: str) -> list[Run]:
    """The lesson's runs that the address names and that are still there."""
    found = []
    for name in st.query_params.get("runs", "").split(",")[:MAX_VARIANTS]:
        with suppress(RunError):
            run = find_run(name)
            if isinstance(run, Run) and run.lesson() == lesson:
                found.append(run)
    return found


def watch(run: Run) -> Watched:
    """The run as it is now.

    Raises:
        RunError: if it is gone.
    """
    return Watched(run, run.label(), run.config(), run.status(), run.metrics())


def _is(run: Run, title: str, config: RunConfig) -> bool:
    with suppress(RunError):
        return run.name() == title and run.config() == config
    return False


def _sweep() -> None:
    oldest = datetime.now(UTC) - _KEPT
    for run in list_runs(lessons=True):
        with suppress(RunError, OSError):
            if run.state() not in ACTIVE and run.record().created < oldest:
                run.delete()
