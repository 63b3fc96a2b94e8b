"""The trainings of a lesson: started by one click, shared by a class, named in the address."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import streamlit as st

from dmm_core.config import RunConfig
from dmm_core.errors import RunError
from dmm_core.lessons import MOST_VARIANTS
from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE
from dmm_core.runs.store import create_run, find_run, list_runs
from pages.ui.learn.lesson import Watched
from pages.ui.runner import lesson_runner

__all__ = ["forget", "named_runs", "start", "watch"]

_KEPT = timedelta(days=1)
"""A lesson's run is deleted when it is older; whoever wants it runs it again."""


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
    for title, config in plans.items():
        same = (r for r in active if r.lesson() == lesson and _is(r, title, config))
        run = next(same, None)
        if run is None:
            run = create_run(config, name=title, token=f"{token} {title}", lesson=lesson)
            lesson_runner().submit(run)
        runs.append(run)
    st.query_params["runs"] = ",".join(run.id for run in runs)
    return runs


def forget() -> None:
    """Take the runs out of the address; somebody else may still look at them."""
    st.query_params.pop("runs", None)
    st.session_state.pop("lesson.token", None)


def named_runs(lesson: str) -> list[Run]:
    """The lesson's runs that the address names and that are still there."""
    found = []
    for name in st.query_params.get("runs", "").split(",")[:MOST_VARIANTS]:
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
