"""Summaries of the data sets, and cached loading, statistics and audio of their sequences."""

from collections.abc import Mapping
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
    "DatasetSummary",
    "dataset_label",
    "dataset_summaries",
    "note_value",
    "pitch_range",
    "roll_to_wav",
    "split_metrics",
    "splits",
]

SPLITS = ("train", "valid", "test")


class DatasetSummary(NamedTuple):
    """What is known about a data set before it is loaded.

    Attributes:
        spec: description of its frames.
        title: title to display; the title of an upload is text that a user typed.
        description: one or two sentences.
        sequences: number of sequences in all splits.
        frames: number of frames in all splits.
        licence: terms of the data.
        ready: whether it can be loaded without downloading or building it.
        downloaded: whether it is downloaded on first use.
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
    """Return the note value of a frame with its article, such as "an eighth note"."""
    return f"{'an' if grid == 'eighth' else 'a'} {grid} note"


def dataset_summaries() -> dict[str, DatasetSummary]:
    """Return every data set by name; uploads come last, the newest first."""
    known = [
        DatasetSummary(
            spec=info.spec,
            title=info.title,
            description=info.description + _frame_description(info.spec),
            sequences=sum(info.sequences.values()),
            frames=sum(info.frames.values()),
            licence=info.licence,
            ready=on_disk(info.name),
            downloaded=info.downloaded,
        )
        for info in DATASETS.values()
    ]
    uploads = map(_upload_summary, list_uploads())
    return {summary.name: summary for summary in [*known, *uploads]}


def dataset_label(summaries: Mapping[str, DatasetSummary], name: str) -> str:
    """Return the title of the data set called `name`, with its name if the title is not unique.

    A data set that no longer exists, such as a deleted upload, is shown by its name.
    """
    if name not in summaries:
        return name
    title = summaries[name].title
    ambiguous = sum(summary.title == title for summary in summaries.values()) > 1
    return f"{title} ({name})" if ambiguous else title


@st.cache_resource(max_entries=8, show_spinner="Loading the data set")
def splits(name: str) -> Splits:
    """Load the data set called `name` once; a synthetic one is sampled with data seed 0.

    Raises:
        DataError: if there is no data set of that name, or it cannot be loaded.
    """
    return load_dataset(DataConfig(name=name))


@st.cache_data(max_entries=64, show_spinner=False)
def split_metrics(name: str, split: str) -> RollMetrics:
    """Return statistics of one split of a data set of piano-rolls."""
    return roll_metrics(splits(name)[split])


def pitch_range(name: str) -> tuple[int, int] | None:
    """Return the lowest and highest MIDI pitch of a data set of piano-rolls; None if silent."""
    found = [split_metrics(name, split) for split in SPLITS]
    low = [metrics.lowest for metrics in found if metrics.lowest is not None]
    high = [metrics.highest for metrics in found if metrics.highest is not None]
    return (min(low), max(high)) if low and high else None


@st.cache_data(max_entries=32, show_spinner=False)
def roll_to_wav(
    roll: np.ndarray,
    *,
    tempo: float,
    steps_per_quarter: int,
    rearticulate: bool,
    program: int = 0,
) -> bytes:
    """Render a piano-roll (T, 88) as a WAV file, once for the same arguments."""
    notes = notes_from_roll(
        roll, tempo=tempo, steps_per_quarter=steps_per_quarter, rearticulate=rearticulate
    )
    return render_wav(notes, program=program)


def _frame_description(spec: DataSpec) -> str:
    """Return a sentence on what a frame contains, or "" for music."""
    if spec.is_music:
        return ""
    features = f"{spec.x_dim} feature{'' if spec.x_dim == 1 else 's'}"
    actions = f", {spec.u_dim} action{'' if spec.u_dim == 1 else 's'}" if spec.u_dim else ""
    missing = ", some values missing" if spec.missing else ""
    return f" A frame has {features}{actions}{missing}."


def _upload_summary(info: UploadInfo) -> DatasetSummary:
    return DatasetSummary(
        spec=info.spec,
        title=info.title,
        description=f"Uploaded on {info.created[:10]}.{_frame_description(info.spec)}",
        sequences=info.sequences,
        frames=info.frames,
        licence="Known to the person who uploaded it",
        ready=True,
        downloaded=False,
    )
