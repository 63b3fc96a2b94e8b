"""The Learn page: the choice of a lesson, its experiment and its results."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dmm_core.config.lessons import list_experiments, load_experiment
from dmm_core.config.schema import RunConfig
from dmm_core.errors import DataError
from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE, State
from pages.ui import frame
from pages.ui.address import choose, forget
from pages.ui.learn import (
    collapse,
    custom_experiments,
    duel,
    kalman,
    missing,
    networks,
    parameters,
    session,
    treatment,
)
from pages.ui.learn.lesson import Lesson, TrainingSnapshot
from pages.ui.runs.labels import STATES, duration

__all__ = ["LESSONS", "draw"]

_POLL_SECONDS = 1.0

LESSONS: dict[str, Lesson] = {
    "kalman": kalman.LESSON,
    "parameters": parameters.LESSON,
    "networks": networks.LESSON,
    "collapse": collapse.LESSON,
    "treatment": treatment.LESSON,
    "missing": missing.LESSON,
    "duel": duel.LESSON,
    "custom": custom_experiments.LESSON,
}
"""The lessons in their order, by their name in the address. `custom` is not a numbered lesson. It
runs experiments that are described by files."""


def draw() -> None:
    """Draw the choice of a lesson and the lesson itself.

    Raises:
        DataError: if the address names a lesson that does not exist.
        ConfigError: if the file that describes its experiment is invalid.
    """
    numbered = {str(number): name for number, name in enumerate(LESSONS, 1)}
    given = st.query_params.get("lesson", "")
    if given in numbered:
        st.query_params["lesson"] = numbered[given]
    name = choose(
        "Lesson",
        list(LESSONS),
        key="lesson",
        format_func=_label,
        segmented=True,
        show_label=False,
        resets=("runs", *(p for lesson in LESSONS.values() for p in lesson.parameters)),
    )
    if name is None:
        raise DataError(
            f"There is no lesson {given!r:.40}. The lessons are {', '.join(LESSONS)}, or 1 to "
            f"{len(LESSONS)}; choose one above."
        )
    lesson = LESSONS[name]
    st.markdown(lesson.question)
    experiment = custom_experiments.choose_experiment() if name == "custom" else lesson.experiment
    found = load_experiment(list_experiments()[experiment])
    configs = lesson.draw_controls(found)
    runs = session.runs_from_address(name)
    if not runs and "runs" in st.query_params:
        st.info(
            "The runs of this link were deleted, because runs of lessons are kept for one day. "
            "Run the experiment again.",
            icon=":material/history:",
        )
    states = _states(runs)  # read once, so that buttons and live results are consistent
    followed = session.watched_runs(runs)
    active = [
        run for run, state in zip(runs, states, strict=True) if state in ACTIVE and run in followed
    ]
    _draw_buttons(name, configs, runs, active)
    if len(followed) < len(runs) and ACTIVE & set(states):
        st.caption(
            "Other viewers still watch this training, so it continues. Select **Run again** to "
            "join it."
        )
    if not runs and lesson.draw_preview:
        lesson.draw_preview(found)
    if runs:
        every = _POLL_SECONDS if active else None
        st.fragment(frame.guard()(_draw_live), run_every=every)(lesson, runs, states)
    with st.expander("What am I seeing?", icon=":material/help:", expanded=not frame.presenting()):
        st.markdown(lesson.explanation)


def _label(name: str) -> str:
    number = list(LESSONS).index(name) + 1
    return LESSONS[name].title if name == "custom" else f"{number} {LESSONS[name].title}"


def _draw_buttons(
    name: str, configs: Mapping[str, RunConfig], runs: Sequence[Run], active: Sequence[Run]
) -> None:
    """Draw the buttons Run or Stop, Reset, Previous and Next, in presenter mode with shortcuts."""
    keys = frame.presenting()
    with st.container(horizontal=True, vertical_alignment="center"):
        if active:
            stopping = all(run.stop_requested() for run in active)
            st.button(
                "Stopping" if stopping else "Stop",
                icon=":material/stop:",
                key="stop",
                disabled=stopping,
                on_click=session.stop,
                args=(active,),
                help="Stops the training, unless other viewers watch it too.",
            )
        elif st.button(
            "Run again" if runs else "Run experiment",
            type="primary",
            icon=":material/play_arrow:",
            key="start",
            disabled=not configs,
            shortcut="Enter" if keys else None,
        ):
            session.start(name, configs)
            st.rerun()
        else:
            st.session_state.pop("lesson.token", None)  # the next click starts another experiment
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            key="reset",
            disabled=not runs,
            on_click=_reset,
            args=(name,),
            help="Resets this lesson: clears its results and restores the default settings.",
        )
        st.space("stretch")
        for step, label, icon, key in (
            (-1, "Previous", ":material/arrow_back:", "Left"),
            (1, "Next", ":material/arrow_forward:", "Right"),
        ):
            index = list(LESSONS).index(name) + step
            st.button(
                label,
                icon=None if keys else icon,  # Streamlit shows the key of a shortcut itself
                icon_position="right" if step > 0 else "left",
                key=label.lower(),
                type="tertiary",
                disabled=not 0 <= index < len(LESSONS),
                on_click=_open_lesson,
                args=(list(LESSONS)[index % len(LESSONS)],),
                shortcut=key if keys else None,
            )


def _reset(name: str) -> None:
    session.clear()
    lesson = LESSONS[name]
    for parameter in lesson.parameters:
        forget(parameter)
    if lesson.defaults:
        # Deleted values would be taken from the address again, so they are replaced.
        experiment = load_experiment(list_experiments()[lesson.experiment])
        st.session_state.update(lesson.defaults(experiment))


def _open_lesson(name: str) -> None:
    _reset(name)
    st.query_params["lesson"] = name


def _states(runs: Sequence[Run]) -> list[State]:
    return [run.state() for run in runs]


def _draw_live(lesson: Lesson, runs: Sequence[Run], states: list[State]) -> None:
    """Draw progress and results; redraw the whole page when the state of a run changes."""
    now = _states(runs)
    if now != states:
        st.rerun()
    snapshots = [session.snapshot(run) for run in runs]
    _draw_progress(snapshots)
    lesson.draw_results(snapshots)


def _draw_progress(snapshots: Sequence[TrainingSnapshot]) -> None:
    """Draw one progress bar for all trainings, and a message for each that did not finish."""
    if any(snapshot.active for snapshot in snapshots):
        done = [
            min(max(snapshot.status.progress.fraction, 0.0), 1.0) if snapshot.active else 1
            for snapshot in snapshots
        ]
        st.progress(sum(done) / len(snapshots), text=_progress(snapshots))
    for snapshot in snapshots:
        if snapshot.status.state == "failed":
            text = f"{snapshot.title}: {snapshot.status.reason}"
            st.error(frame.escape_markdown(text, most=600), icon=":material/error:")
        elif snapshot.status.state in ("cancelled", "interrupted"):
            display = STATES[snapshot.status.state]
            st.caption(
                f"{display.icon} {frame.escape_markdown(snapshot.title)}: {display.label.lower()}."
            )


def _progress(snapshots: Sequence[TrainingSnapshot]) -> str:
    running = next((snapshot for snapshot in snapshots if snapshot.status.state == "running"), None)
    if running is None:
        place = session.queue_position([snapshot.run for snapshot in snapshots])
        return f"Place {place} in the queue of lessons" if place else "Waiting to start"
    progress, epochs = running.status.progress, running.config.train.epochs
    name = f"{frame.escape_markdown(running.title)}: " if len(snapshots) > 1 else ""
    if not progress.epoch:
        return f"{name}starting"
    left = progress.seconds_left
    remaining = "" if left is None else f" · {duration(left)} left"
    return f"{name}epoch {progress.epoch:,} of {epochs:,}{remaining}"
