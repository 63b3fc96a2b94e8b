"""Numbers behind the views of the Latent page, computed once for the same weights and frames."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.data.sequences import Sequences
from dmm_core.latent import PosteriorMoments, Projection, fit_projection, posterior_moments
from dmm_core.model import DMM
from dmm_core.sampling import reconstruct, sample
from pages.ui.latent.subject import MOST_FRAMES, Subject

__all__ = [
    "Surroundings",
    "axis_titles",
    "moments",
    "plane",
    "prior_states",
    "seen",
    "surroundings",
]

_SEED = 0
_PATH_FRAMES = 20_000
_MOST_DRAWS, _FEWEST_DRAWS = 100, 5
_SEQUENCES = 32
_FRAMES = 3000
_FEW_DRAWS = 10


class Surroundings(NamedTuple):
    """The posterior over some sequences of a split, frame after frame.

    Attributes:
        sequences: how many there are.
        loc: (N, z_dim), posterior mean of every frame.
        drawn: (N, z_dim), one state a frame, drawn from the posterior's moments.
        kl: (z_dim,) mean nats per frame.
        nll: mean nats per frame.
        lengths: (sequences,) frames of each.
    """

    sequences: int
    loc: np.ndarray
    drawn: np.ndarray
    kl: np.ndarray
    nll: float
    lengths: np.ndarray


def moments(subject: Subject, number: int | None = None) -> PosteriorMoments:
    """The posterior of the subject, or of the sequence beside it of that number."""
    x = subject.x if number is None else subject.sequences.x[number][:MOST_FRAMES]
    return _moments(subject.trained.model, subject.trained.key, x)


def seen(subject: Subject) -> np.ndarray:
    """(T, x_dim) mean of p(x_t given z_t) along the posterior."""
    return _seen(subject.trained.model, subject.trained.key, subject.x)


def surroundings(subject: Subject) -> Surroundings:
    """The posterior over sequences spread over the subject's split, the same for all of them."""
    trained = subject.trained
    return _surroundings(trained.model, trained.key, subject.sequences, subject.key)


def plane(subject: Subject, dims: int = 2) -> Projection | None:
    """The first principal axes of the posterior means; None where z has fewer dimensions."""
    if subject.trained.model.z_dim < dims:
        return None
    return fit_projection(surroundings(subject).loc, dims)


def axis_titles(projection: Projection) -> list[str]:
    """A title for each axis: its number and the share of the variance it shows."""
    return [f"PC {i} ({share:.0%})" for i, share in enumerate(projection.explained, start=1)]


def prior_states(subject: Subject) -> np.ndarray:
    """(N, z_dim), states of prior samples: as many, and as long, as the surroundings."""
    around = surroundings(subject)
    return _prior_states(
        subject.trained.model, subject.trained.key, around.sequences, int(np.median(around.lengths))
    )


def _draws(frames: int) -> int:
    return max(_FEWEST_DRAWS, min(_MOST_DRAWS, _PATH_FRAMES // frames))


@st.cache_data(max_entries=32, show_spinner="Inferring")
def _moments(_model: DMM, key: str, x: np.ndarray) -> PosteriorMoments:
    return posterior_moments(_model, x, seed=_SEED, draws=_draws(len(x)))


@st.cache_data(max_entries=8, show_spinner=False)
def _seen(_model: DMM, key: str, x: np.ndarray) -> np.ndarray:
    return reconstruct(_model, x, seed=_SEED, draws=_draws(len(x))).numpy()


@st.cache_data(max_entries=8, show_spinner="Inferring the sequences around it")
def _surroundings(_model: DMM, key: str, _sequences: Sequences, sequences_key: str) -> Surroundings:
    found, lengths, frames = [], [], 0
    count = len(_sequences)
    for index in np.unique(np.linspace(0, count - 1, min(count, _SEQUENCES)).astype(int)):
        x = _sequences.x[index][:_FRAMES]
        found.append(posterior_moments(_model, x, seed=_SEED, draws=_FEW_DRAWS))
        lengths.append(len(x))
        frames += len(x)
        if frames >= _FRAMES:
            break
    loc, scale, nll, kl = (np.concatenate(parts) for parts in zip(*found, strict=True))
    noise = np.random.default_rng(_SEED).standard_normal(loc.shape)
    return Surroundings(
        sequences=len(found),
        loc=loc.astype(np.float64),
        drawn=loc + scale * noise,
        kl=kl.mean(0),
        nll=float(nll.mean()),
        lengths=np.array(lengths),
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _prior_states(_model: DMM, key: str, count: int, frames: int) -> np.ndarray:
    drawn = sample(_model, count=count, frames=frames, seed=_SEED)
    return drawn.z.numpy().reshape(-1, _model.z_dim).astype(np.float64)
