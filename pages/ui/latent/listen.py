"""Listen: the sequence with its latent path and its kl on one clock, and what each frame costs."""

import numpy as np
import streamlit as st

from dmm_core.music.pianoroll import rearticulates_by_default
from dmm_core.music.transposition import transposed
from pages.ui import charts, frame
from pages.ui.address import choose
from pages.ui.compose.performance import Performance, sound
from pages.ui.data.features import draw_sequence
from pages.ui.latent.numbers import moments, plane, seen
from pages.ui.latent.subject import FILE, MOST_FRAMES, Subject
from pages.ui.pitch import LOWERED_CAPTION
from pages.ui.player import PlayerPath, player

__all__ = ["draw"]

_MUSIC = (
    "The roll has the notes, and faintly under them the probability that the model gives to each "
    "note once it has seen the piece. Beside it is the path of the latent state z with one "
    "standard deviation of uncertainty; the strip below is kl. All of them move with the sound."
)
_VALUES = (
    "The first chart has the features of the sequence, the second what each frame costs the model."
)
_PART_QUARTERS = 180
"""Quarters in the player at once: two minutes at 90 a minute, 5 MB of sound."""


def draw(subject: Subject) -> None:
    """Draw the sequence and what the model makes of it, frame by frame."""
    found = moments(subject)
    part = slice(0, len(subject.x))
    if subject.trained.grid is None:
        st.caption("This data set is not music, so there is nothing to play.")
        data = subject.trained.data
        draw_sequence(subject.sequences, subject.number, name=data.name, kind=data.kind)
    else:
        part = _ask_part(len(subject.x), subject.trained.grid)
        _play(subject, subject.trained.grid, part)
    if len(subject.x) == MOST_FRAMES:
        st.caption(f"Only the first {MOST_FRAMES:,} frames are looked at.")
    frame.chart(
        charts.per_frame(found.nll[part], found.kl[part].sum(1)),
        key="per_frame",
        alt="nll and kl of every frame, in nats.",
    )
    with st.expander("What am I seeing?", icon=":material/help:"):
        st.markdown(
            (_MUSIC if subject.trained.grid else _VALUES)
            + " **nll** is high where the model cannot explain a frame even when it knows z; "
            "**kl** is high where the state moves differently from what the transition predicted "
            "at the previous frame: a surprise. Both are in nats; their sum, averaged over the "
            "frames, is the bound."
        )


def _ask_part(frames: int, grid: int) -> slice:
    """The frames in the player: a long piece comes in parts, as its sound is too much at once."""
    width = _PART_QUARTERS * grid
    if frames <= width:
        return slice(0, frames)
    parts = [str(part) for part in range(1, -(-frames // width) + 1)]
    chosen = choose(
        f"Part, of {len(parts)}",
        parts,
        key="part",
        format_func=lambda part: (
            f"Frames {(int(part) - 1) * width:,} to {min(int(part) * width, frames) - 1:,}"
        ),
    )
    start = (int(chosen or 1) - 1) * width
    return slice(start, min(start + width, frames))


def _play(subject: Subject, grid: int, part: slice) -> None:
    found, view = moments(subject), plane(subject)
    roll = transposed(subject.x[part] > 0, subject.to_sound)
    performance = Performance(grid, rearticulate=rearticulates_by_default(grid))
    path = None
    if view is not None:
        share = float(view.explained.sum())
        caption = (
            f"The latent state z behind the piece, along two principal components ({share:.0%})."
        )
        path = PlayerPath(view.loc(found.loc[part]), view.scale(found.scale[part]), caption)
    player(
        roll=roll,
        wav=sound(roll, performance),
        steps_per_quarter=grid,
        tempo=performance.tempo,
        rearticulate=performance.rearticulate,
        key="player",
        title=subject.title,
        probabilities=np.clip(transposed(seen(subject)[part], subject.to_sound), 0, 1),
        path=path,
        kl=found.kl[part].sum(1),
        height=340,
    )
    if subject.to_sound and subject.name != FILE:
        st.caption(LOWERED_CAPTION)
