"""Nudge: push the state at one frame along a principal axis, and hear what follows either way."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.inference.sampling import continuation
from dmm_core.music.pianoroll import rearticulates_by_default
from dmm_core.music.transposition import transposed
from dmm_core.nn.dmm import DMM
from pages.ui import charts, frame
from pages.ui.address import choose
from pages.ui.compose.inputs import bar_beat
from pages.ui.compose.performance import Performance, sound
from pages.ui.latent.numbers import axis_titles, moments, plane, surroundings
from pages.ui.latent.subject import FILE, Given, Subject
from pages.ui.pitch import LOWERED_CAPTION
from pages.ui.player import player

__all__ = ["draw"]

_AXES = 3
_FURTHEST = 4.0
_LEAD_QUARTERS, _QUARTERS = 4, 16
_MOST_START = 400
"""Frames before the nudge that the model is shown: what came earlier is forgotten anyway."""
_X_TEMPERATURE = 0.7
_SEEDS = 1_000_000


class _Course(NamedTuple):
    """What follows: z (T, z_dim), chances and frames (T, 88)."""

    z: np.ndarray
    mean: np.ndarray
    x: np.ndarray


def draw(subject: Subject) -> None:
    """Ask for a frame, a direction and a distance; play what follows without and with the nudge."""
    grid = subject.trained.grid
    if grid is None:
        st.info("This data set is not music, so there is nothing to play.", icon=":material/info:")
        return
    if len(subject.x) < 2:
        st.info("A piece of one frame has nothing to go on from.", icon=":material/info:")
        return
    dims = min(_AXES, subject.trained.model.z_dim)
    view = plane(subject, dims)
    if view is None:
        return
    titles = axis_titles(view)
    with st.grid("auto", min_column_width=190, vertical_alignment="bottom"):
        at = st.slider(
            "After frame",
            1,
            len(subject.x) - 1,
            min(8 * grid, len(subject.x) - 1),
            key="at",
            bind="query-params",
            help=f"The piece is heard until here and the model goes on; the rolls begin at most "
            f"{_LEAD_QUARTERS} quarters earlier.",
        )
        numbers = [str(i) for i in range(1, dims + 1)]
        axis = choose("Along", numbers, key="pc", format_func=lambda i: titles[int(i) - 1])
        by = st.slider(
            "Nudge, in standard deviations",
            -_FURTHEST,
            _FURTHEST,
            2.0,
            step=0.25,
            key="by",
            bind="query-params",
            help="Those of z along that axis, over the sequences around; 0 is no nudge.",
        )
        seed = st.number_input(
            "Seed",
            0,
            _SEEDS - 1,
            1,
            key="chance",
            bind="query-params",
            help="The chances, which are the same for both.",
        )
    direction = view.axes[int(axis or 1) - 1]
    spread = float((surroundings(subject).loc @ direction).std())
    courses = [
        _follow(subject, int(at), int(seed), grid, nudge)
        for nudge in (np.zeros_like(direction), by * spread * direction)
    ]
    _play(subject, courses, int(at), grid)
    if dims > 1:
        _draw_paths(subject, courses, int(at))
    with st.expander("What am I seeing?", icon=":material/help:"):
        st.markdown(
            "The model sees the piece up to the chosen frame and continues it twice: from the "
            "state z that it inferred, and from that state moved along one of the directions in "
            "which z varies most. All random numbers are the same in both, so every difference is "
            "an effect of the nudge. After some nudges the transition returns within a few frames, "
            "and both continuations become equal; other nudges lead to another key or register. "
            "Listening is the best way to find out what a direction of the latent space means."
        )


def _follow(subject: Subject, at: int, seed: int, grid: int, nudge: np.ndarray) -> _Course:
    first = max(0, at - _MOST_START)
    trained, given = subject.trained, subject.given
    observed = given["observed"]
    cut: Given = {"u": None, "observed": None if observed is None else observed[first:at]}
    return _continued(
        trained.model, trained.key, subject.x[first:at], cut, _QUARTERS * grid, seed, nudge
    )


@st.cache_data(max_entries=32, show_spinner="Composing")
def _continued(
    _model: DMM,
    key: str,
    start: np.ndarray,
    given: Given,
    frames: int,
    seed: int,
    nudge: np.ndarray,
) -> _Course:
    drawn = continuation(
        _model,
        start,
        count=1,
        frames=frames,
        seed=seed,
        x_temperature=_X_TEMPERATURE,
        nudge=nudge,
        observed=given["observed"],
    )
    return _Course(*(part[0].numpy() for part in (drawn.z, drawn.mean, drawn.x)))


def _play(subject: Subject, courses: list[_Course], at: int, grid: int) -> None:
    performance = Performance(grid, rearticulate=rearticulates_by_default(grid))
    lead = subject.x[max(0, at - _LEAD_QUARTERS * grid) : at]
    names = ("As the model goes on", "After the nudge")
    for place, name, course, key in zip(
        st.columns(2), names, courses, ("player", "nudged"), strict=True
    ):
        roll = np.concatenate([lead > 0, course.x > 0.5])
        shown = transposed(roll, subject.to_sound)
        chances = np.concatenate([lead.astype(np.float32), course.mean])
        with place:
            player(
                roll=shown,
                wav=sound(shown, performance),
                steps_per_quarter=grid,
                tempo=performance.tempo,
                rearticulate=performance.rearticulate,
                key=key,
                title=name,
                probabilities=np.clip(transposed(chances, subject.to_sound), 0, 1),
                height=300,
            )
    plain, nudged = (course.x > 0.5 for course in courses)
    apart = np.linalg.norm(courses[1].z - courses[0].z, axis=1)
    with st.grid("auto", min_column_width=170):
        st.metric("Frames that differ", f"{(plain != nudged).any(1).mean():.0%}")
        st.metric("Distance of z, at first", f"{apart[0]:.2f}")
        st.metric("Distance of z, in the end", f"{apart[-1]:.2f}")
    st.caption(
        f"The rolls show {len(lead) / grid:g} quarters of the piece, then {_QUARTERS} of the "
        f"model's: the nudge is at {bar_beat(len(lead), grid)} (bar:beat) of each."
        + (f" {LOWERED_CAPTION}" if subject.to_sound and subject.name != FILE else "")
    )


def _draw_paths(subject: Subject, courses: list[_Course], at: int) -> None:
    view = plane(subject)
    if view is None:
        return
    before = moments(subject).loc[max(0, at - 8) : at]
    paths = [
        charts.ProjectedPath(name, view.loc(np.concatenate([before[-1:], course.z])))
        for name, course in zip(("As it goes on", "After the nudge"), courses, strict=True)
    ]
    first, second = axis_titles(view)
    frame.chart(
        charts.latent_path_2d(paths, axes=(first, second)),
        key="nudge_paths",
        alt="Both paths of the latent state in the first two principal axes.",
    )
