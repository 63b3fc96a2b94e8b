"""The Learn page: a lesson, its experiment, and what is seen of it."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dmm_core.config.lessons import list_experiments, load_experiment
from dmm_core.config.schema import RunConfig
from dmm_core.errors import DataError
from dmm_core.runs.run import Run
from dmm_core.runs.status import ACTIVE, State
from pages.ui import frame
from pages.ui.address import choose
from pages.ui.learn import (
    collapse,
    custom_experiments,
    kalman,
    missing,
    networks,
    parameters,
    session,
    treatment,
)
from pages.ui.learn.lesson import Lesson, Watched
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
    "custom": custom_experiments.LESSON,
}
"""The lessons in their order, by their name in the address. `custom` is not a numbered lesson: it
runs the experiments that a teacher has written."""


def draw() -> None:
    """Draw the choice of a lesson and the lesson itself.

    Raises:
        DataError: if the address names none.
        ConfigError: if the file that describes its experiment is faulty.
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
    experiment = custom_experiments.ask_experiment() if name == "custom" else lesson.experiment
    found = load_experiment(list_experiments()[experiment])
    plans = lesson.ask(found)
    runs = session.named_runs(name)
    if not runs and "runs" in st.query_params:
        st.info(
            "The experiment of this link is gone, as they are kept for a day: run it again.",
            icon=":material/history:",
        )
    states = _states(runs)  # asked once: buttons and what is live must not differ
    followed = session.followed(runs)
    active = [
        run for run, state in zip(runs, states, strict=True) if state in ACTIVE and run in followed
    ]
    _draw_buttons(name, plans, runs, active)
    if len(followed) < len(runs) and ACTIVE & set(states):
        st.caption(
            "Others still watch this training, so it goes on for them. **Run it again** joins it."
        )
    if not runs and lesson.before:
        lesson.before(found)
    if runs:
        every = _POLL_SECONDS if active else None
        st.fragment(frame.guard()(_draw_live), run_every=every)(lesson, runs, states)
    with st.expander("What am I seeing?", icon=":material/help:", expanded=not frame.presenting()):
        st.markdown(lesson.explains)


def _label(name: str) -> str:
    number = list(LESSONS).index(name) + 1
    return LESSONS[name].title if name == "custom" else f"{number} {LESSONS[name].title}"


def _draw_buttons(
    name: str, plans: Mapping[str, RunConfig], runs: Sequence[Run], active: Sequence[Run]
) -> None:
    """Run or Stop, Reset, and the way to the other lessons; in presenter mode also by keys."""
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
                help="Stops the training, or lets it go on for others who watch it too.",
            )
        elif st.button(
            "Run it again" if runs else "Run it",
            type="primary",
            icon=":material/play_arrow:",
            key="start",
            disabled=not plans,
            shortcut="Enter" if keys else None,
        ):
            session.start(name, plans)
            st.rerun()
        else:
            st.session_state.pop("lesson.token", None)  # the next click is another experiment
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            key="reset",
            disabled=not runs,
            on_click=_reset,
            args=(name,),
            help="Back to the beginning of this lesson.",
        )
        st.space("stretch")
        for step, label, icon, key in (
            (-1, "Previous", ":material/arrow_back:", "Left"),
            (1, "Next", ":material/arrow_forward:", "Right"),
        ):
            place = list(LESSONS).index(name) + step
            st.button(
                label,
                icon=icon,
                icon_position="right" if step > 0 else "left",
                key=label.lower(),
                type="tertiary",
                disabled=not 0 <= place < len(LESSONS),
                on_click=_turn,
                args=(list(LESSONS)[place % len(LESSONS)],),
                shortcut=key if keys else None,
            )


def _reset(name: str) -> None:
    session.forget()
    for parameter in LESSONS[name].parameters:
        st.query_params.pop(parameter, None)
        st.session_state.pop(parameter, None)


def _turn(name: str) -> None:
    _reset(name)
    st.query_params["lesson"] = name


def _states(runs: Sequence[Run]) -> list[State]:
    return [run.state() for run in runs]


def _draw_live(lesson: Lesson, runs: Sequence[Run], states: list[State]) -> None:
    """What changes every second; when a training ends, the page around it is drawn once."""
    now = _states(runs)
    if now != states:
        st.rerun()
    watched = [session.watch(run) for run in runs]
    _draw_progress(watched)
    lesson.draw(watched)


def _draw_progress(watched: Sequence[Watched]) -> None:
    """One bar for all, and a sentence for each that went wrong."""
    if any(w.active for w in watched):
        done = [min(max(w.status.progress.fraction, 0.0), 1.0) if w.active else 1 for w in watched]
        st.progress(sum(done) / len(watched), text=_progress(watched))
    for w in watched:
        if w.status.state == "failed":
            text = f"{w.title}: {w.status.reason}"
            st.error(frame.escape_markdown(text, most=600), icon=":material/error:")
        elif w.status.state in ("cancelled", "interrupted"):
            words = STATES[w.status.state]
            st.caption(f"{words.icon} {frame.escape_markdown(w.title)}: {words.label.lower()}.")


def _progress(watched: Sequence[Watched]) -> str:
    running = next((w for w in watched if w.status.state == "running"), None)
    if running is None:
        place = session.place([w.run for w in watched])
        return f"Place {place} in the queue of lessons" if place else "Waiting to begin"
    progress, epochs = running.status.progress, running.config.train.epochs
    name = f"{frame.escape_markdown(running.title)}: " if len(watched) > 1 else ""
    if not progress.epoch:
        return f"{name}starting"
    left = progress.seconds_left
    ends = "" if left is None else f" · {duration(left)} left"
    return f"{name}epoch {progress.epoch:,} of {epochs:,}{ends}"
