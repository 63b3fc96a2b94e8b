"""Data sets as pages meet them: what is known of each, loaded once, heard and counted once."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.config.schema import DataConfig
from dmm_core.data.registry import DATASETS, load_dataset, on_disk
from dmm_core.data.sequences import Splits
from dmm_core.data.spec import DataSpec
from dmm_core.data.uploads.reader import UploadInfo, list_uploads
from dmm_core.music.audio import render_wav
from dmm_core.music.metrics import RollMetrics, roll_metrics
from dmm_core.music.pianoroll import notes_from_roll

__all__ = [
    "SPLITS",
    "SetFacts",
    "data_sets",
    "note_value",
    "pitch_range",
    "sound",
    "split_metrics",
    "splits",
]

SPLITS = ("train", "valid", "test")


class SetFacts(NamedTuple):
    """What is known of a data set before it is loaded.

    Attributes:
        spec: what its frames are.
        title: to show; of an upload, whatever a person typed.
        description: a sentence or two.
        sequences: how many, in all splits.
        frames: how many, in all splits.
        licence: terms of the data.
        ready: whether it loads at once.
        downloaded: whether it comes over the network, the first time.
    """

    spec: DataSpec
    title: str
    description: str
    sequences: int
    frames: int
    licence: str
    ready: bool
    downloaded: bool

    @property
    def name(self) -> str:
        """The data set's name, as `DataConfig.name` gives it."""
        return self.spec.name


def note_value(grid: str) -> str:
    """A frame's note value in words: "an eighth note"."""
    return f"{'an' if grid == 'eighth' else 'a'} {grid} note"


def data_sets() -> dict[str, SetFacts]:
    """Every data set by name: the uploads, newest first, stand behind the others."""
    known = [
        SetFacts(
            spec=info.spec,
            title=info.title,
            description=info.description + _content(info.spec),
            sequences=sum(info.sequences.values()),
            frames=sum(info.frames.values()),
            licence=info.licence,
            ready=on_disk(info.name),
            downloaded=info.downloaded,
        )
        for info in DATASETS.values()
    ]
    return {facts.name: facts for facts in [*known, *map(_upload, list_uploads())]}


@st.cache_resource(max_entries=8, show_spinner="Loading the data set")
def splits(name: str) -> Splits:
    """The data set called `name`, kept in memory; drawn with data seed 0 where it is synthetic.

    Raises:
        DataError: if there is none of that name, or it cannot be had.
    """
    return load_dataset(DataConfig(name=name))


@st.cache_data(max_entries=64, show_spinner=False)
def split_metrics(name: str, split: str) -> RollMetrics:
    """Figures of one split of a set of piano-rolls."""
    return roll_metrics(splits(name)[split])


def pitch_range(name: str) -> tuple[int, int] | None:
    """Lowest and highest MIDI pitch of a set of piano-rolls; None in silence."""
    found = [split_metrics(name, split) for split in SPLITS]
    low = [metrics.lowest for metrics in found if metrics.lowest is not None]
    high = [metrics.highest for metrics in found if metrics.highest is not None]
    return (min(low), max(high)) if low and high else None


@st.cache_data(max_entries=32, show_spinner=False)
def sound(
    roll: np.ndarray,
    *,
    tempo: float,
    steps_per_quarter: int,
    rearticulate: bool,
    program: int = 0,
) -> bytes:
    """The WAV of a piano-roll (T, 88), rendered once for the same music."""
    notes = notes_from_roll(
        roll, tempo=tempo, steps_per_quarter=steps_per_quarter, rearticulate=rearticulate
    )
    return render_wav(notes, program=program)


def _content(spec: DataSpec) -> str:
    """What a frame holds, where it is no music."""
    if spec.is_music:
        return ""
    features = f"{spec.x_dim} feature{'' if spec.x_dim == 1 else 's'}"
    actions = f", {spec.u_dim} action{'' if spec.u_dim == 1 else 's'}" if spec.u_dim else ""
    missing = ", some values missing" if spec.missing else ""
    return f" A frame holds {features}{actions}{missing}."


def _upload(info: UploadInfo) -> SetFacts:
    return SetFacts(
        spec=info.spec,
        title=info.title,
        description=f"Uploaded on {info.created[:10]}.{_content(info.spec)}",
        sequences=info.sequences,
        frames=info.frames,
        licence="As the person who uploaded it says",
        ready=True,
        downloaded=False,
    )
