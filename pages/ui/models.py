"""Trained models and their data sets: cached loading, and the choice of a data set."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.config.schema import DataConfig
from dmm_core.data.registry import load_dataset
from dmm_core.data.sequences import Splits
from dmm_core.data.spec import DataSpec
from dmm_core.errors import DataError
from dmm_core.inference.latent import Projection, fit_projection
from dmm_core.inference.sampling import sample
from dmm_core.music.pianoroll import GRIDS
from dmm_core.nn.dmm import DMM
from dmm_core.runs.bundled import BundledModel, load_model
from dmm_core.runs.run import Run
from pages.ui.address import choose
from pages.ui.data.fetch import fetch
from pages.ui.datasets import dataset_label, dataset_summaries, splits

__all__ = ["LoadedModel", "load_data", "load_source", "pick_data", "prior_plane"]

_ROLLOUTS = 128
_ROLLOUT_FRAMES = 24
"""Many short sequences: NADE samples one note after another, so long ones would take long."""


class LoadedModel(NamedTuple):
    """A trained model that is loaded.

    Attributes:
        source: the run or the bundled model that it was loaded from.
        key: identifies the weights in caches.
        model: the model on the CPU. All sessions share it, so it must not be modified.
        data: description of the data that it was trained on.
    """

    source: Run | BundledModel
    key: str
    model: DMM
    data: DataSpec

    @property
    def grid(self) -> int | None:
        """Frames per quarter note, or None if the model's data are not piano-rolls."""
        return self.data.steps_per_quarter


def load_source(source: Run | BundledModel) -> LoadedModel:
    """Load the model of `source`, once for each of its checkpoints.

    Raises:
        RunError: if its weights cannot be loaded.
    """
    key = f"{source.folder}@{_version(source)}"
    model, data = _load(source, key)
    return LoadedModel(source, key, model, data)


def pick_data(loaded: LoadedModel) -> str:
    """Draw the choice of a data set: the model's own, or another one with the same grid.

    Raises:
        DataError: if no data set is suitable, or the address names one that is not.
    """
    config = loaded.source.config().data
    suitable = {
        name: summary
        for name, summary in dataset_summaries().items()
        if name == config.name
        or (loaded.grid and summary.ready and summary.spec.grid == GRIDS[loaded.grid])
    }
    if not suitable:
        raise DataError(
            f"The data set of this model, {config.name}, is not on this machine, and no other data "
            "set has the same grid."
        )
    names = sorted(suitable, key=lambda name: name != config.name)  # its own first
    chosen = choose(
        "Data set",
        names,
        key="data",
        format_func=lambda name: dataset_label(suitable, name),
        resets=("split", "piece", "beside"),
    )
    if chosen is None:
        raise DataError(
            "The data set of this link does not exist or does not fit this model. Choose one from "
            "the list."
        )
    return chosen


def load_data(loaded: LoadedModel, name: str) -> Splits:
    """Load the data set called `name`; if it is not on the disk, offer to get it, and stop.

    Raises:
        DataError: if it cannot be loaded.
    """
    summary = dataset_summaries().get(name)
    if summary and not summary.ready:
        fetch(summary)
        st.stop()
    config = loaded.source.config().data
    return splits(name) if config.seed == 0 or name != config.name else _seeded_splits(config)


@st.cache_data(max_entries=8, show_spinner=False)
def prior_plane(_model: DMM, key: str) -> Projection | None:
    """Return the first two principal axes of states sampled from the prior; None if z_dim is 1.

    The plane depends on the model only, so it is the same for all its music.
    """
    if _model.z_dim < 2:
        return None
    samples = sample(_model, count=_ROLLOUTS, frames=_ROLLOUT_FRAMES, seed=0)
    return fit_projection(samples.z.numpy().reshape(-1, _model.z_dim).astype(np.float64))


def _version(source: Run | BundledModel) -> int:
    """Return the modification time of the weights in nanoseconds."""
    if isinstance(source, BundledModel):
        files = source.folder.glob("model.safetensors")
    else:
        files = source.checkpoints.glob("*.json")
    return max(map(_modified, files), default=0)


def _modified(file: Path) -> int:
    """Return a file's modification time in nanoseconds, or 0 if the file no longer exists."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@st.cache_resource(max_entries=4, show_spinner="Loading the model")
def _load(_source: Run | BundledModel, key: str) -> tuple[DMM, DataSpec]:
    return load_model(_source), _source.data()


@st.cache_resource(max_entries=2, show_spinner="Sampling the data set")
def _seeded_splits(config: DataConfig) -> Splits:
    return load_dataset(config)
