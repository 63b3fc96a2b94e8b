"""The models of lessons while they learn, and the truth that they are held against."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.data.sequences import Sequences
from dmm_core.data.synthetic import Simulation, simulate_splits
from dmm_core.data.systems import LinearGaussian
from dmm_core.errors import RunError
from dmm_core.exact.grid_filter import grid_smoother
from dmm_core.exact.kalman import kalman_filter, kalman_smoother
from dmm_core.inference.latent import PosteriorOfMany, posterior_of_many
from dmm_core.nn.dmm import DMM
from dmm_core.runs.bundled import load_model
from dmm_core.runs.run import Run

__all__ = ["Loaded", "Truth", "model_of", "posterior", "simulation", "truth"]

_DRAWS = 30
_GRID = np.arange(-60.0, 60.0, 0.25)


class Truth(NamedTuple):
    """What is exactly known of the sequences of a split.

    Attributes:
        loc: (N, T, 1) posterior means.
        scale: (N, T, 1) posterior standard deviations.
        nll: -log p(x) in nats a frame, of all sequences together.
    """

    loc: np.ndarray
    scale: np.ndarray
    nll: float


class Loaded(NamedTuple):
    """A model and what names its very weights."""

    model: DMM
    key: str


def model_of(run: Run) -> Loaded | None:
    """The model of the run's newest checkpoint, or None before there is one."""
    # By name, which holds the update: a file may be gone when it is looked at more closely.
    newest = max((file.name for file in run.checkpoints.glob("*.json")), default=None)
    if newest is None:
        return None
    key = f"{run.id}@{newest}"
    try:
        return Loaded(_load(run, key), key)
    except RunError:  # it is being replaced at this moment
        return None


@st.cache_resource(max_entries=24, show_spinner=False)
def _load(_run: Run, key: str) -> DMM:
    return load_model(_run)


@st.cache_resource(max_entries=6, show_spinner="Drawing the data")
def simulation(name: str, split: str, seed: int = 0) -> Simulation:
    """The sequences of a split with the states that made them; not to be changed."""
    return simulate_splits(name, seed)[split]


@st.cache_resource(max_entries=6, show_spinner="Finding the exact answer")
def truth(name: str, split: str, seed: int = 0) -> Truth:
    """The exact posterior and likelihood: Kalman's, or summed over a grid; not to be changed."""
    system, _, x = simulation(name, split, seed)
    if isinstance(system, LinearGaussian):
        nll = -float(kalman_filter(system, x).log_likelihood.mean())
        exact = kalman_smoother(system, x)
        return Truth(
            exact.loc, _scales(np.broadcast_to(exact.cov, (len(x), *exact.cov.shape))), nll
        )
    found = grid_smoother(system, x, _GRID)
    nll = -float(found.log_likelihood.sum()) / x.shape[0] / x.shape[1]
    return Truth(found.loc, _scales(found.cov), nll)


def posterior(loaded: Loaded, x: np.ndarray) -> PosteriorOfMany:
    """What the model's q says of sequences x (N, T, x_dim)."""
    return _posterior(loaded.model, loaded.key, x)


@st.cache_data(max_entries=24, show_spinner=False)
def _posterior(_model: DMM, key: str, x: np.ndarray) -> PosteriorOfMany:
    sequences = Sequences(tuple(x.astype(np.float32)), ("",) * len(x))
    return posterior_of_many(_model, sequences, seed=0, draws=_DRAWS)


def _scales(cov: np.ndarray) -> np.ndarray:
    """(N, T, z_dim) standard deviations of covariances (N, T, z_dim, z_dim)."""
    return np.sqrt(np.diagonal(cov, axis1=-2, axis2=-1))
