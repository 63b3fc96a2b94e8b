"""The pieces that a mode composes with: the start of a piece, a piece with a region, two pieces."""

from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError
from dmm_core.music.transposition import transposed, transposition_for_model
from pages.ui.address import choose, choose_range
from pages.ui.compose.modes import Ask, Mode, Pieces
from pages.ui.models import LoadedModel, load_data, pick_data
from pages.ui.pieces import ask_file, pick_piece, pick_split
from pages.ui.pitch import SoundingPiece, ask_transposition, sounding_shift_of

__all__ = ["BAR_QUARTERS", "GivenPiece", "Inputs", "ask_inputs", "bar_beat"]

BAR_QUARTERS = 4
"""Quarter notes per bar; the meter of a piece is not known."""

_MAX_GIVEN_QUARTERS = 128
_DEFAULT_START_QUARTERS = 16
_DEFAULT_REGION_BARS = (2, 4)
"""Ends of the default region in bars: the third and the fourth bar."""


class GivenPiece(NamedTuple):
    """Frames that are given to the model.

    Attributes:
        sounding: the frames at their sounding pitch, and how a model sees them.
        title: of the piece, as it was named by its source.
    """

    sounding: SoundingPiece
    title: str

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.sounding.x)


class Inputs(NamedTuple):
    """All inputs of a mode.

    Attributes:
        start: the first piece, whole or in part; None if the mode asks for no piece.
        second: the second piece, or None.
        region: first frame of the region to compose, and the frame after its last; or None.
        linkable: whether the address contains all of it. It cannot contain an uploaded file.
    """

    start: GivenPiece | None = None
    second: GivenPiece | None = None
    region: tuple[int, int] | None = None
    linkable: bool = True

    @property
    def identity(self) -> tuple:
        """A key that is equal for equal frames and regions, regardless of titles."""
        content = (
            piece and (piece.sounding.x.tobytes(), piece.sounding.key_shift)
            for piece in (self.start, self.second)
        )
        return (*content, self.region)

    def pieces(self, data_set: str) -> Pieces:
        """The pieces for a model that was trained on the data set called `data_set`."""
        return Pieces(
            *(
                None if piece is None else piece.sounding.for_model(data_set)
                for piece in (self.start, self.second)
            )
        )

    @property
    def key_shift(self) -> int:
        """Semitones by which the first piece is moved to the key of the model's data."""
        return self.start.sounding.key_shift if self.start else 0


def ask_inputs(trained: LoadedModel, steps_per_quarter: int, mode: Mode) -> Inputs:
    """Ask for the pieces that `mode` needs.

    Args:
        trained: the model that composes.
        steps_per_quarter: frames per quarter note.
        mode: how to compose.

    Raises:
        DataError: if the address names a source, piece or region that does not exist, or if an
            uploaded file is refused.
    """
    if not mode.needs_piece:
        return Inputs()
    row = st.grid("auto", min_column_width=190, vertical_alignment="bottom")
    with row:
        source = choose(
            "From",
            ["set", "file"],
            key="from",
            format_func={"set": "A data set", "file": "A file"}.__getitem__,
            segmented=True,
            resets=("gap", "file", "move"),
        )
    if source is None:
        raise DataError("The source of a piece must be a data set or a file; choose one above.")
    linkable = source == "set"
    if linkable:
        picked = _pick(trained, row)
    else:
        picked = _Picked(ask_file(steps_per_quarter, row), 0, "")
    start = _given(picked, trained, steps_per_quarter, row)
    second = region = None
    if Ask.START in mode.asks:
        # By default four bars of a data set's piece are given, and all of an uploaded file.
        default = _DEFAULT_START_QUARTERS * steps_per_quarter if linkable else start.length
        with row:
            start = _ask_start(start, default)
    if Ask.REGION in mode.asks:
        region = _ask_region(start.length, steps_per_quarter)
    if Ask.SECOND_PIECE in mode.asks:
        second = _ask_second(trained, steps_per_quarter, row, picked if linkable else None)
    return Inputs(start, second, region, linkable)


def bar_beat(frame: int, steps_per_quarter: int) -> str:
    """Bar and beat of a frame, both counted from 1, with fractions of a beat: "3:2", "3:2½"."""
    beat, rest = divmod(frame, steps_per_quarter)
    part = ("", "¼", "½", "¾")[4 * rest // steps_per_quarter]
    return f"{beat // BAR_QUARTERS + 1}:{beat % BAR_QUARTERS + 1}{part}"


class _Picked(NamedTuple):
    """A sequence of a split: its place, counted from 0, and its data set ("" for a file)."""

    sequences: Sequences
    number: int
    data: str

    @property
    def title(self) -> str:
        return self.sequences.names[self.number]

    def x(self, steps_per_quarter: int) -> np.ndarray:
        """(T, 88) uint8, cut to a length that can be played at once."""
        return self.sequences.x[self.number][: _MAX_GIVEN_QUARTERS * steps_per_quarter]


def _pick(trained: LoadedModel, row: DeltaGenerator, label: str = "Sequence") -> _Picked:
    with row:
        popover = st.popover("Data set", icon=":material/library_music:", width="stretch")
    with popover:
        name = pick_data(trained)
    data = load_data(trained, name)  # outside the row, since it may draw the button of a download
    with popover:
        sequences = data[pick_split(data)]
    with row:
        return _Picked(sequences, pick_piece(sequences, label=label), name)


def _given(
    picked: _Picked, trained: LoadedModel, steps_per_quarter: int, row: DeltaGenerator
) -> GivenPiece:
    """The picked piece at its sounding pitch, with a caption about notes that the model lacks."""
    model = trained.data.name
    sounding = ask_transposition(
        picked.x(steps_per_quarter), source=picked.data, model=model, place=row
    )
    if lost := int(sounding.x.sum() - sounding.for_model(model).sum()):
        st.caption(f"Notes outside the pitch range of this model, which ignores them: {lost:,}.")
    return GivenPiece(sounding, picked.title)


def _ask_second(
    trained: LoadedModel, steps_per_quarter: int, row: DeltaGenerator, first: _Picked | None
) -> GivenPiece:
    """The piece that a morph ends with; of the same split as `first`, if that is not a file."""
    label = "Morph to"
    if first is None:
        second = _pick(trained, row, label)
    else:
        following = min(first.number + 1, len(first.sequences) - 1)
        with row:
            number = pick_piece(first.sequences, key="to", label=label, default=following)
        second = first._replace(number=number)
    x = second.x(steps_per_quarter)
    moved = transposition_for_model(x, source=second.data, model=trained.data.name)
    sounding = transposed(x, sounding_shift_of(second.data))
    return GivenPiece(SoundingPiece(sounding, moved.by_key), second.title)


def _ask_start(whole: GivenPiece, default: int) -> GivenPiece:
    """The first frames of a piece, as many as the address says."""
    asked = st.number_input(
        "Given frames",
        min_value=1,
        max_value=whole.length,
        value=min(whole.length, default),
        key="begin",
        bind="query-params",
        help="The number of frames that are given to the model. It composes what follows them.",
    )
    start = whole.sounding.x[: min(max(int(asked), 1), whole.length)]
    return whole._replace(sounding=whole.sounding._replace(x=start))


def _ask_region(frames: int, steps_per_quarter: int) -> tuple[int, int]:
    """First frame of the region, and the frame after its last."""
    bar = BAR_QUARTERS * steps_per_quarter
    last = min(frames, _DEFAULT_REGION_BARS[1] * bar) - 1
    region = choose_range(
        "Region to infill, by bar and beat",
        range(frames),
        key="gap",
        default=(min(_DEFAULT_REGION_BARS[0] * bar, last), last),
        format_func=lambda frame: bar_beat(frame, steps_per_quarter),
        help="The model composes this region, given the music before and after it. You can also "
        "drag on the ruler above the piano-roll.",
        resets=("hear",),
    )
    if region is None:
        raise DataError(
            "A region must be two frame numbers, such as gap=8-15; choose one with the slider."
        )
    return region[0], region[1] + 1
