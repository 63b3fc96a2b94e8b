"""The view "Frame by frame": the player with latent path and kl, and nll and kl per frame."""

import numpy as np
import streamlit as st

from dmm_core.music.pianoroll import rearticulates_by_default
from dmm_core.music.transposition import transposed
from pages.ui import charts, frame
from pages.ui.address import choose
from pages.ui.compose.performance import Performance, sound
from pages.ui.data.features import draw_sequence
from pages.ui.latent.computations import moments, plane, reconstruction_means
from pages.ui.latent.selection import FILE, MAX_FRAMES, Selection
from pages.ui.pitch import LOWERED_CAPTION
from pages.ui.player import PlayerPath, player
from pages.ui.voices.listening import play
from pages.ui.voices.working_score import MAX_BEATS, score_of_symbols

__all__ = ["draw"]

_MUSIC = (
    "The piano-roll shows the notes and, in a faint colour, the probability of each note given the "
    "posterior of z. The path is the latent state z; the ring has a radius of one posterior "
    "standard deviation. The strip below shows kl. Everything moves with the sound."
)
_VALUES = (
    "The first chart shows the features of the sequence, the second nll and kl of every frame."
)
_VOICES = (
    "The piano-roll shows the notes of the four voices. The path is the latent state z, with a "
    "point for each beat; the ring has a radius of one posterior standard deviation. The strip "
    "below shows kl. Everything moves with the sound."
)
_PART_QUARTERS = 180
"""Length of a part of a long piece in quarter notes: two minutes at 90 quarters per minute, 5 MB
of audio."""


def draw(selection: Selection) -> None:
    """Draw the selected sequence with its posterior, and its nll and kl per frame."""
    found = moments(selection)
    part = slice(0, len(selection.x))
    if selection.loaded.data.is_voices:
        part = slice(0, MAX_BEATS)
        _draw_voices(selection)
    elif selection.loaded.grid is None:
        draw_sequence(selection.sequences, selection.number, selection.loaded.data)
    else:
        part = _ask_part(len(selection.x), selection.loaded.grid)
        _draw_player(selection, selection.loaded.grid, part)
    if len(selection.x) == MAX_FRAMES:
        st.caption(f"Only the first {MAX_FRAMES:,} frames of this sequence are used.")
    frame.chart(
        charts.per_frame(found.nll[part], found.kl[part].sum(1)),
        key="per_frame",
        alt="nll and kl of every frame, in nats.",
    )
    with st.expander("What am I seeing?", icon=":material/help:"):
        st.markdown(
            _explanation(selection)
            + " **nll** is high where the model gives a frame a low probability even though z is "
            "inferred from it. **kl** is high where the posterior of z differs from the prediction "
            "of the transition, that is, where the sequence is surprising. Both are in nats. Their "
            "sum, averaged over the frames, is the bound."
        )


def _explanation(selection: Selection) -> str:
    if selection.loaded.data.is_voices:
        return _VOICES
    return _MUSIC if selection.loaded.grid else _VALUES


def _draw_voices(selection: Selection) -> None:
    found, known = moments(selection), selection.inputs["c"]
    assert known is not None, "music in voices has covariates"
    path = _path(selection, slice(0, MAX_BEATS))
    play(
        score_of_symbols(selection.x, known),
        title=selection.title,
        path=path,
        kl=found.kl[:MAX_BEATS].sum(1),
    )


def _path(selection: Selection, part: slice) -> PlayerPath | None:
    """The posterior path of the frames `part` in the plane of the view."""
    found, view = moments(selection), plane(selection)
    if view is None:
        return None
    caption = (
        "The latent state z behind the piece, along two principal components "
        f"({float(view.explained.sum()):.0%})."
    )
    return PlayerPath(view.loc(found.loc[part]), view.scale(found.scale[part]), caption)


def _ask_part(frames: int, grid: int) -> slice:
    """Return the frames to play. A long piece is divided into parts, from which one is chosen."""
    width = _PART_QUARTERS * grid
    if frames <= width:
        return slice(0, frames)
    parts = [str(part) for part in range(1, -(-frames // width) + 1)]
    chosen = choose(
        f"Part (of {len(parts)})",
        parts,
        key="part",
        format_func=lambda part: (
            f"Frames {(int(part) - 1) * width:,} to {min(int(part) * width, frames) - 1:,}"
        ),
    )
    start = (int(chosen or 1) - 1) * width
    return slice(start, min(start + width, frames))


def _draw_player(selection: Selection, grid: int, part: slice) -> None:
    found = moments(selection)
    roll = transposed(selection.x[part] > 0, selection.sounding_shift)
    performance = Performance(grid, rearticulate=rearticulates_by_default(grid))
    player(
        roll=roll,
        wav=sound(roll, performance),
        steps_per_quarter=grid,
        tempo=performance.tempo,
        rearticulate=performance.rearticulate,
        key="player",
        title=selection.title,
        probabilities=np.clip(
            transposed(reconstruction_means(selection)[part], selection.sounding_shift), 0, 1
        ),
        path=_path(selection, part),
        kl=found.kl[part].sum(1),
        height=340,
    )
    if selection.sounding_shift and selection.name != FILE:
        st.caption(LOWERED_CAPTION)
