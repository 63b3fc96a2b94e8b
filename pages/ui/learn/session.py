"""The runs of a lesson: started, shared between viewers, stopped, and stored in the address."""

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
from pages.ui.learn.lesson import TrainingSnapshot
from pages.ui.runner import lesson_runner

__all__ = [
    "clear",
    "queue_position",
    "runs_from_address",
    "snapshot",
    "start",
    "stop",
    "watched_runs",
]

_MAX_AGE = timedelta(days=1)
"""Runs of lessons that are older are deleted. They can be run again."""

_LEFT = "lesson.left"
"""Session state key of the ids of runs that this session stopped watching but others still do."""


def start(lesson: str, configs: Mapping[str, RunConfig]) -> list[Run]:
    """Start a training for each title and configuration, and store the runs in the address.

    If the same training is already queued or running for another viewer, it is shared. A double
    click starts one training only.

    Raises:
        RunError: if the program is closing.
        OSError: if a run folder cannot be written.
    """
    _delete_old_runs()
    token = st.session_state.setdefault("lesson.token", secrets.token_hex(16))
    active = [run for run in list_runs(lessons=True) if run.state() in ACTIVE]
    runs = []
    st.session_state[_LEFT] = set()
    for title, config in configs.items():
        same = (r for r in active if r.lesson() == lesson and _is(r, title, config))
        run = next(same, None)
        if run is None:
            run = create_run(config, name=title, token=f"{token} {title}", lesson=lesson)
        runs.append(run)
    presence.set_watched_runs(
        [run.id for run in runs]
    )  # before queueing, so that no session drops them
    for run in runs:
        if run not in active:
            lesson_runner().submit(run)
    st.query_params["runs"] = ",".join(run.id for run in runs)
    return runs


def watched_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the runs that this session still watches, and register it as their viewer."""
    left = st.session_state.get(_LEFT, set())
    kept = [run for run in runs if run.id not in left]
    presence.set_watched_runs([run.id for run in kept])
    return kept


def stop(runs: Sequence[Run]) -> None:
    """Stop watching these runs, and stop those that no other session watches."""
    left = st.session_state.setdefault(_LEFT, set())
    for run in runs:
        if presence.viewers().count(run.id, excluding=presence.viewer_id()):
            left.add(run.id)
        else:
            run.request_stop()


def queue_position(runs: Sequence[Run]) -> int | None:
    """Return the first position of these runs in the queue, starting at 1; None if not queued.

    Runs that no session watches any more are removed from the queue first.
    """
    for run in list_runs(lessons=True):
        waits = run.state() == "queued" and lesson_runner().position(run) is not None
        if waits and not presence.viewers().count(run.id):
            run.request_stop()
    return min((p for run in runs if (p := lesson_runner().position(run))), default=None)


def clear() -> None:
    """Stop watching runs and remove them from the address, without stopping them."""
    presence.clear_watched_runs()
    st.session_state.pop(_LEFT, None)
    st.query_params.pop("runs", None)
    st.session_state.pop("lesson.token", None)


def runs_from_address(lesson: str) -> list[Run]:
    """Return the existing runs of the lesson that the address names."""
    found = []
    for name in st.query_params.get("runs", "").split(",")[:MAX_VARIANTS]:
        with suppress(RunError):
            run = find_run(name)
            if isinstance(run, Run) and run.lesson() == lesson:
                found.append(run)
    return found


def snapshot(run: Run) -> TrainingSnapshot:
    """Read the present state of a run.

    Raises:
        RunError: if the run has been deleted.
    """
    return TrainingSnapshot(run, run.label(), run.config(), run.status(), run.metrics())


def _is(run: Run, title: str, config: RunConfig) -> bool:
    with suppress(RunError):
        return run.name() == title and run.config() == config
    return False


def _delete_old_runs() -> None:
    oldest = datetime.now(UTC) - _MAX_AGE
    for run in list_runs(lessons=True):
        with suppress(RunError, OSError):
            if run.state() not in ACTIVE and run.record().created < oldest:
                run.delete()
