"""Numbers behind the views of the Latent page, computed once for the same weights and frames."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from dmm_core.data.sequences import Sequences
from dmm_core.inference.filtering import FilteredMoments, particle_filter
from dmm_core.inference.latent import (
    PosteriorMoments,
    Projection,
    fit_projection,
    posterior_moments,
)
from dmm_core.inference.sampling import reconstruct, sample
from dmm_core.nn.dmm import DMM
from pages.ui.latent.subject import Given, Subject, given_of

__all__ = [
    "MOST_FILTERED",
    "Surroundings",
    "axis_titles",
    "filtered",
    "moments",
    "plane",
    "prior_states",
    "seen",
    "surroundings",
]

MOST_FILTERED = 1000
"""Frames that are filtered: step by step, so that ten times as many would keep the page waiting."""

_SEED = 0
_MOST_PARTICLES, _FEWEST_PARTICLES, _PARTICLE_FRAMES = 1000, 200, 200_000
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
    which = subject if number is None else subject.beside(number)
    return _moments(subject.trained.model, subject.trained.key, which.x, which.given)


def seen(subject: Subject) -> np.ndarray:
    """(T, x_dim) mean of p(x_t given z_t) along the posterior."""
    return _seen(subject.trained.model, subject.trained.key, subject.x, subject.given)


def filtered(subject: Subject) -> FilteredMoments:
    """What x_{1:t} says of z_t for the first `MOST_FILTERED` frames, by a particle filter."""
    given: Given = {
        "u": _cut(subject.given["u"]),
        "observed": _cut(subject.given["observed"]),
    }
    return _filtered(subject.trained.model, subject.trained.key, subject.x[:MOST_FILTERED], given)


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
    frames = int(np.median(around.lengths))
    trained = subject.trained
    return _prior_states(trained.model, trained.key, around.sequences, frames, subject.sequences.u)


def _draws(frames: int) -> int:
    return max(_FEWEST_DRAWS, min(_MOST_DRAWS, _PATH_FRAMES // frames))


@st.cache_data(max_entries=32, show_spinner="Inferring")
def _moments(_model: DMM, key: str, x: np.ndarray, given: Given) -> PosteriorMoments:
    return posterior_moments(_model, x, seed=_SEED, draws=_draws(len(x)), **given)


@st.cache_data(max_entries=8, show_spinner=False)
def _seen(_model: DMM, key: str, x: np.ndarray, given: Given) -> np.ndarray:
    return reconstruct(_model, x, seed=_SEED, draws=_draws(len(x)), **given).numpy()


@st.cache_data(max_entries=8, show_spinner="Filtering")
def _filtered(_model: DMM, key: str, x: np.ndarray, given: Given) -> FilteredMoments:
    particles = max(_FEWEST_PARTICLES, min(_MOST_PARTICLES, _PARTICLE_FRAMES // len(x)))
    return particle_filter(_model, x, seed=_SEED, particles=particles, **given)


def _cut(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else array[:MOST_FILTERED]


@st.cache_data(max_entries=8, show_spinner="Inferring the sequences around it")
def _surroundings(_model: DMM, key: str, _sequences: Sequences, sequences_key: str) -> Surroundings:
    found, lengths, frames = [], [], 0
    count = len(_sequences)
    for index in np.unique(np.linspace(0, count - 1, min(count, _SEQUENCES)).astype(int)):
        x = _sequences.x[index][:_FRAMES]
        given = given_of(_sequences, index, _FRAMES)
        found.append(posterior_moments(_model, x, seed=_SEED, draws=_FEW_DRAWS, **given))
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
def _prior_states(
    _model: DMM, key: str, count: int, frames: int, _u: tuple[np.ndarray, ...] | None
) -> np.ndarray:
    """States of samples; those of a model of actions meet the actions of real sequences."""
    if _u is None:
        drawn = [sample(_model, count=count, frames=frames, seed=_SEED)]
    else:
        drawn = [
            sample(_model, count=1, frames=len(u), seed=_SEED + i, u=u)
            for i, u in enumerate(_u[:count])
        ]
    states = [d.z.numpy().reshape(-1, _model.z_dim) for d in drawn]
    return np.concatenate(states).astype(np.float64)
