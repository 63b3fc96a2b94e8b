"""The view "Nudge": shift z at one frame along a principal axis, and compare continuations."""

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
from pages.ui.latent.computations import axis_titles, moments, plane, split_posterior
from pages.ui.latent.selection import FILE, Selection, SequenceInputs
from pages.ui.pitch import LOWERED_CAPTION
from pages.ui.player import player

__all__ = ["draw"]

_AXES = 3
_FURTHEST = 4.0
_LEAD_QUARTERS, _QUARTERS = 4, 16
_MOST_START = 400
"""Number of frames before the nudge from which z is inferred; earlier frames have no effect."""
_X_TEMPERATURE = 0.7
_SEEDS = 1_000_000
_TITLES = ("Without nudge", "With nudge")


class _Continuation(NamedTuple):
    """A continuation: states z (T, z_dim), note probabilities `mean` and frames x (T, 88)."""

    z: np.ndarray
    mean: np.ndarray
    x: np.ndarray


def draw(selection: Selection) -> None:
    """Draw the controls of the nudge, and the continuations without and with it."""
    grid = selection.loaded.grid
    assert grid is not None, "the page offers this view for music only"
    if len(selection.x) < 2:
        st.info(
            "This piece has one frame only. A continuation needs at least two frames.",
            icon=":material/info:",
        )
        return
    dims = min(_AXES, selection.loaded.model.z_dim)
    view = plane(selection, dims)
    if view is None:
        return
    titles = axis_titles(view)
    with st.grid("auto", min_column_width=190, vertical_alignment="bottom"):
        at = st.slider(
            "After frame",
            1,
            len(selection.x) - 1,
            min(8 * grid, len(selection.x) - 1),
            key="at",
            bind="query-params",
            help="The model continues the piece after this frame. The piano-rolls begin at most "
            f"{_LEAD_QUARTERS} quarter notes earlier.",
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
            help="The shift of z along the axis, in standard deviations of z over the split. With "
            "0, z is not shifted.",
        )
        seed = st.number_input(
            "Seed",
            0,
            _SEEDS - 1,
            1,
            key="chance",
            bind="query-params",
            help="Seed of the random numbers, which are the same for both continuations.",
        )
    direction = view.axes[int(axis or 1) - 1]
    spread = float((split_posterior(selection).loc @ direction).std())
    continuations = [
        _follow(selection, int(at), int(seed), grid, nudge)
        for nudge in (np.zeros_like(direction), by * spread * direction)
    ]
    _draw_players(selection, continuations, int(at), grid)
    if dims > 1:
        _draw_paths(selection, continuations, int(at))
    with st.expander("What am I seeing?", icon=":material/help:"):
        st.markdown(
            "The model sees the piece up to the chosen frame and continues it twice: from the "
            "state z that it inferred, and from that state moved along one of the directions in "
            "which z varies most. All random numbers are the same in both, so every difference is "
            "an effect of the nudge. After some nudges the transition returns within a few frames, "
            "and both continuations become equal; other nudges lead to another key or register. "
            "Listening is the best way to find out what a direction of the latent space means."
        )


def _follow(
    selection: Selection, at: int, seed: int, grid: int, nudge: np.ndarray
) -> _Continuation:
    first = max(0, at - _MOST_START)
    loaded, inputs = selection.loaded, selection.inputs
    observed = inputs["observed"]
    cut: SequenceInputs = {
        "u": None,
        "observed": None if observed is None else observed[first:at],
        "c": None,
    }
    return _continued(
        loaded.model, loaded.key, selection.x[first:at], cut, _QUARTERS * grid, seed, nudge
    )


@st.cache_data(max_entries=32, show_spinner="Composing")
def _continued(
    _model: DMM,
    key: str,
    start: np.ndarray,
    inputs: SequenceInputs,
    frames: int,
    seed: int,
    nudge: np.ndarray,
) -> _Continuation:
    drawn = continuation(
        _model,
        start,
        count=1,
        frames=frames,
        seed=seed,
        x_temperature=_X_TEMPERATURE,
        nudge=nudge,
        observed=inputs["observed"],
    )
    return _Continuation(*(part[0].numpy() for part in (drawn.z, drawn.mean, drawn.x)))


def _draw_players(
    selection: Selection, continuations: list[_Continuation], at: int, grid: int
) -> None:
    performance = Performance(grid, rearticulate=rearticulates_by_default(grid))
    lead = selection.x[max(0, at - _LEAD_QUARTERS * grid) : at]

    for place, name, piece, key in zip(
        st.columns(2), _TITLES, continuations, ("player", "nudged"), strict=True
    ):
        roll = np.concatenate([lead > 0, piece.x > 0.5])
        shown = transposed(roll, selection.sounding_shift)
        probabilities = np.concatenate([lead.astype(np.float32), piece.mean])
        with place:
            player(
                roll=shown,
                wav=sound(shown, performance),
                steps_per_quarter=grid,
                tempo=performance.tempo,
                rearticulate=performance.rearticulate,
                key=key,
                title=name,
                probabilities=np.clip(transposed(probabilities, selection.sounding_shift), 0, 1),
                height=300,
            )
    plain, nudged = (piece.x > 0.5 for piece in continuations)
    apart = np.linalg.norm(continuations[1].z - continuations[0].z, axis=1)
    with st.grid("auto", min_column_width=170):
        st.metric("Frames that differ", f"{(plain != nudged).any(1).mean():.0%}")
        st.metric("Distance of z, first frame", f"{apart[0]:.2f}")
        st.metric("Distance of z, last frame", f"{apart[-1]:.2f}")
    st.caption(
        f"The piano-rolls show {len(lead) / grid:g} quarter notes of the piece and then "
        f"{_QUARTERS} quarter notes of the continuation, which begins at "
        f"{bar_beat(len(lead), grid)} (bar:beat)."
        + (f" {LOWERED_CAPTION}" if selection.sounding_shift and selection.name != FILE else "")
    )


def _draw_paths(selection: Selection, continuations: list[_Continuation], at: int) -> None:
    view = plane(selection)
    if view is None:
        return
    before = moments(selection).loc[max(0, at - 8) : at]
    paths = [
        charts.ProjectedPath(name, view.loc(np.concatenate([before[-1:], piece.z])))
        for name, piece in zip(_TITLES, continuations, strict=True)
    ]
    first, second = axis_titles(view)
    frame.chart(
        charts.latent_path_2d(paths, axes=(first, second)),
        key="nudge_paths",
        alt="The latent paths of both continuations, projected on the first two principal axes.",
    )
