"""Trained models as pages meet them: picked by the address, loaded once, with their data."""

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
from pages.ui.datasets import SetFacts, data_sets, splits

__all__ = ["Trained", "load_data", "load_trained", "pick_data", "prior_plane"]

_ROLLOUTS = 128
_ROLLOUT_FRAMES = 24
"""Many short rollouts: a NADE draws note after note, and the first sound waits for them."""


class Trained(NamedTuple):
    """A trained model with what a page has to know of it.

    Attributes:
        source: the run or the bundled model.
        key: names these very weights, for caches.
        model: on the CPU; shared by all sessions, so never to be changed.
        data: what it was trained on.
    """

    source: Run | BundledModel
    key: str
    model: DMM
    data: DataSpec

    @property
    def grid(self) -> int | None:
        """Frames of a quarter note, or None where the model explains no piano-rolls."""
        return self.data.steps_per_quarter


def load_trained(source: Run | BundledModel) -> Trained:
    """The model of `source`, loaded once for each of its checkpoints.

    Raises:
        RunError: if its weights cannot be had.
    """
    key = f"{source.folder}@{_version(source)}"
    model, data = _load(source, key)
    return Trained(source, key, model, data)


def pick_data(trained: Trained) -> str:
    """Let the data set be chosen that the model looks at: its own, or another of the same grid.

    Raises:
        DataError: if the model's own is gone and no other fits, or the address names none of them.
    """
    config = trained.source.config().data
    fitting = {
        name: facts
        for name, facts in data_sets().items()
        if name == config.name
        or (trained.grid and facts.ready and facts.spec.grid == GRIDS[trained.grid])
    }
    if not fitting:
        raise DataError(
            f"The data set of this model, {config.name}, is not on this machine, and no "
            "other has its grid."
        )
    names = sorted(fitting, key=lambda name: name != config.name)  # its own first
    chosen = choose(
        "Data set",
        names,
        key="data",
        show=lambda name: _title(fitting, name),
        resets=("split", "piece", "beside"),
    )
    if chosen is None:
        raise DataError("This model cannot look at that data set; choose one from the list.")
    return chosen


def load_data(trained: Trained, name: str) -> Splits:
    """The data set called `name`; where it is not at hand, offer it and stop.

    Raises:
        DataError: if it cannot be had.
    """
    facts = data_sets().get(name)
    if facts and not facts.ready:
        fetch(facts)
        st.stop()
    config = trained.source.config().data
    return splits(name) if config.seed == 0 or name != config.name else _seeded(config)


@st.cache_data(max_entries=8, show_spinner=False)
def prior_plane(_model: DMM, key: str) -> Projection | None:
    """The plane that shows most of what the prior does; None where z has one dimension.

    It needs no data, and it is the same for all music of a model.
    """
    if _model.z_dim < 2:
        return None
    drawn = sample(_model, count=_ROLLOUTS, frames=_ROLLOUT_FRAMES, seed=0)
    return fit_projection(drawn.z.numpy().reshape(-1, _model.z_dim).astype(np.float64))


def _title(sets: dict[str, SetFacts], name: str) -> str:
    """A label no other set has: two uploads may be called alike."""
    title = sets[name].title
    alike = sum(facts.title == title for facts in sets.values()) > 1
    return f"{title} ({name})" if alike else title


def _version(source: Run | BundledModel) -> int:
    """When the weights were written, in nanoseconds."""
    if isinstance(source, BundledModel):
        files = source.folder.glob("model.safetensors")
    else:
        files = source.checkpoints.glob("*.json")
    return max(map(_written, files), default=0)


def _written(file: Path) -> int:
    """When it was written, in nanoseconds; 0 for one that a newer checkpoint has just replaced."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@st.cache_resource(max_entries=4, show_spinner="Loading the model")
def _load(_source: Run | BundledModel, key: str) -> tuple[DMM, DataSpec]:
    return load_model(_source), _source.data()


@st.cache_resource(max_entries=2, show_spinner="Drawing the data set")
def _seeded(config: DataConfig) -> Splits:
    return load_dataset(config)
