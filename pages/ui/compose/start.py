"""What is given to the model: a start to continue, a piece with a region, or two pieces."""

from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError
from dmm_core.music.transposition import into_model, transposed
from pages.ui.address import choose, choose_range
from pages.ui.compose.request import Mode
from pages.ui.models import Trained, load_data, pick_data
from pages.ui.pieces import ask_file, pick_piece, pick_split
from pages.ui.pitch import Heard, ask_heard_piece, down_to_sound

__all__ = ["BAR_QUARTERS", "Inputs", "Start", "ask_inputs", "bar_beat"]

BAR_QUARTERS = 4
"""Quarter notes of a bar, whatever the music's own meter."""

_LONGEST_QUARTERS = 128
_BEGUN_QUARTERS = 16
_REGION_BARS = (2, 4)
"""From the third bar to the end of the fourth, unless somebody says otherwise."""


class Start(NamedTuple):
    """Frames that are given.

    Attributes:
        heard: the frames as they sound, and how a model meets them.
        title: the piece they are of, as its owner named it.
    """

    heard: Heard
    title: str

    @property
    def length(self) -> int:
        """Frames."""
        return len(self.heard.x)


class Inputs(NamedTuple):
    """All that is given.

    Attributes:
        start: a piece, whole or its start; None for new music.
        other: the piece that a morph goes to.
        region: of an infilling, its first frame and the one behind its last.
        linkable: whether the address brings all of it back; a file it cannot.
    """

    start: Start | None = None
    other: Start | None = None
    region: tuple[int, int] | None = None
    linkable: bool = True

    @property
    def identity(self) -> tuple:
        """Equal for what is equally given, whatever it is called."""
        pieces = (self.start, self.other)
        content = (piece and (piece.heard.x.tobytes(), piece.heard.by_key) for piece in pieces)
        return (*content, self.region)

    def frames(self, model: str) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Both pieces, (T, 88) uint8, for a model that was trained on the data set `model`."""
        start, other = (
            None if piece is None else piece.heard.for_model(model)
            for piece in (self.start, self.other)
        )
        return start, other

    @property
    def by_key(self) -> int:
        """Semitones by which the start is moved to the key of the model's data."""
        return self.start.heard.by_key if self.start else 0


def ask_inputs(trained: Trained, grid: int, mode: Mode) -> Inputs:
    """Ask for what `mode` needs.

    Args:
        trained: the model it is given to.
        grid: frames of a quarter note.
        mode: what will be drawn.

    Raises:
        DataError: if the address names none of it, or a file is refused.
    """
    if mode == "new":
        return Inputs()
    row = st.grid("auto", min_column_width=190, vertical_alignment="bottom")
    with row:
        source = choose(
            "From",
            ["set", "file"],
            key="from",
            show={"set": "A data set", "file": "A file"}.__getitem__,
            few=True,
            resets=("gap", "file", "move"),
        )
    if source is None:
        raise DataError("Music comes from a data set or a file; choose one above.")
    if source == "file":
        picked = _Picked(ask_file(grid, row), 0, "")
    else:
        picked = _pick(trained, row)
    start = _cut(picked, trained, grid, row)
    linkable = source == "set"
    if mode == "continue":
        usual = _BEGUN_QUARTERS * grid if linkable else start.length
        with row:
            return Inputs(_begun(start, usual), linkable=linkable)
    if mode == "infill":
        return Inputs(start, region=_ask_region(start.length, grid), linkable=linkable)
    if mode == "reconstruct":
        return Inputs(start, linkable=linkable)
    if source == "set":
        following = min(picked.at + 1, len(picked.sequences) - 1)
        with row:
            at = pick_piece(picked.sequences, key="to", label="Morph to", default=following)
        other = picked._replace(at=at)
    else:
        other = _pick(trained, row, "Morph to")
    title = other.sequences.names[other.at]
    goal = into_model(_played(other, grid), source=other.data, model=trained.data.name)
    sounding = transposed(_played(other, grid), down_to_sound(other.data))
    return Inputs(start, Start(Heard(sounding, goal.by_key), title), linkable=linkable)


def bar_beat(frame: int, grid: int) -> str:
    """Bar and beat of a frame, both counted from 1, with what is finer: "3:2", "3:2½"."""
    beat, rest = divmod(frame, grid)
    part = ("", "¼", "½", "¾")[4 * rest // grid]
    return f"{beat // BAR_QUARTERS + 1}:{beat % BAR_QUARTERS + 1}{part}"


class _Picked(NamedTuple):
    sequences: Sequences
    at: int
    data: str


def _pick(trained: Trained, row: DeltaGenerator, label: str = "Sequence") -> _Picked:
    with row:
        folded = st.popover("Data set", icon=":material/library_music:", width="stretch")
    with folded:
        name = pick_data(trained)
    data = load_data(trained, name)  # below the row, where it has to be fetched first
    with folded:
        sequences = data[pick_split(data)]
    with row:
        return _Picked(sequences, pick_piece(sequences, label=label), name)


def _cut(picked: _Picked, trained: Trained, grid: int, row: DeltaGenerator) -> Start:
    """A piece up to a length that can be played at once, and how the model meets it."""
    model = trained.data.name
    heard = ask_heard_piece(_played(picked, grid), source=picked.data, model=model, place=row)
    if lost := int(heard.x.sum() - heard.for_model(model).sum()):
        st.caption(f"Notes outside the range of this model, which does not see them: {lost:,}.")
    return Start(heard, picked.sequences.names[picked.at])


def _played(picked: _Picked, grid: int) -> np.ndarray:
    return picked.sequences.x[picked.at][: _LONGEST_QUARTERS * grid]


def _begun(whole: Start, usual: int) -> Start:
    longest = whole.length
    asked = st.number_input(
        "Frames of it",
        min_value=1,
        max_value=longest,
        value=min(longest, usual),
        key="begin",
        bind="query-params",
        help="How many frames are given; the model goes on from there.",
    )
    begun = whole.heard.x[: min(max(int(asked), 1), longest)]
    return whole._replace(heard=whole.heard._replace(x=begun))


def _ask_region(frames: int, grid: int) -> tuple[int, int]:
    bar = BAR_QUARTERS * grid
    last = min(frames, _REGION_BARS[1] * bar) - 1
    region = choose_range(
        "Region to infill, by bar and beat",
        range(frames),
        key="gap",
        default=(min(_REGION_BARS[0] * bar, last), last),
        show=lambda frame: bar_beat(frame, grid),
        help="Only this is drawn anew, given what stands before and after it. Or drag on the "
        "ruler above the roll.",
        resets=("hear",),
    )
    if region is None:
        raise DataError("A region is two frames, such as gap=8-15; choose one by the slider.")
    return region[0], region[1] + 1
