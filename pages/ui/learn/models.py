"""The models of lessons during training, and the exact solutions for comparison."""

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

__all__ = [
    "ExactPosterior",
    "LessonModel",
    "exact_posterior",
    "newest_model",
    "posterior",
    "simulation",
]

_DRAWS = 30
_GRID = np.arange(-60.0, 60.0, 0.25)


class ExactPosterior(NamedTuple):
    """The exact posterior and NLL of the sequences of a split.

    Attributes:
        loc: (N, T, 1) posterior means.
        scale: (N, T, 1) posterior standard deviations.
        nll: -log p(x) of all sequences, in nats per frame.
    """

    loc: np.ndarray
    scale: np.ndarray
    nll: float


class LessonModel(NamedTuple):
    """A model, and a key that identifies its weights in caches."""

    model: DMM
    key: str


def newest_model(run: Run) -> LessonModel | None:
    """Return the model of the run's newest checkpoint, or None if there is none yet."""
    # The name contains the update. The file itself may be deleted at any moment.
    newest = max((file.name for file in run.checkpoints.glob("*.json")), default=None)
    if newest is None:
        return None
    key = f"{run.id}@{newest}"
    try:
        return LessonModel(_load(run, key), key)
    except RunError:  # a newer checkpoint has just replaced it
        return None


@st.cache_resource(max_entries=24, show_spinner=False)
def _load(_run: Run, key: str) -> DMM:
    return load_model(_run)


@st.cache_resource(max_entries=6, show_spinner="Simulating the data")
def simulation(name: str, split: str, seed: int = 0) -> Simulation:
    """Return the sequences of a split with their true states. The result must not be modified."""
    return simulate_splits(name, seed)[split]


@st.cache_resource(max_entries=6, show_spinner="Computing the exact posterior")
def exact_posterior(name: str, split: str, seed: int = 0) -> ExactPosterior:
    """Compute the exact posterior and NLL of a split. The result must not be modified.

    The Kalman smoother is used for a linear system, numerical integration on a grid for others.
    """
    system, _, x = simulation(name, split, seed)
    if isinstance(system, LinearGaussian):
        nll = -float(kalman_filter(system, x).log_likelihood.mean())
        exact = kalman_smoother(system, x)
        return ExactPosterior(
            exact.loc, _scales(np.broadcast_to(exact.cov, (len(x), *exact.cov.shape))), nll
        )
    found = grid_smoother(system, x, _GRID)
    nll = -float(found.log_likelihood.sum()) / x.shape[0] / x.shape[1]
    return ExactPosterior(found.loc, _scales(found.cov), nll)


def posterior(loaded: LessonModel, x: np.ndarray) -> PosteriorOfMany:
    """Return the posterior moments of the sequences x (N, T, x_dim) under the model's q."""
    return _posterior(loaded.model, loaded.key, x)


@st.cache_data(max_entries=24, show_spinner=False)
def _posterior(_model: DMM, key: str, x: np.ndarray) -> PosteriorOfMany:
    sequences = Sequences(tuple(x.astype(np.float32)), ("",) * len(x))
    return posterior_of_many(_model, sequences, seed=0, draws=_DRAWS)


def _scales(cov: np.ndarray) -> np.ndarray:
    """Return the standard deviations (N, T, z_dim) of covariances (N, T, z_dim, z_dim)."""
    return np.sqrt(np.diagonal(cov, axis1=-2, axis2=-1))
