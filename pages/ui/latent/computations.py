"""Cached computations of the Latent page: posterior moments, filtering and projections."""

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
from pages.ui.latent.selection import Selection, SequenceInputs, sequence_inputs

__all__ = [
    "MAX_FILTERED_FRAMES",
    "SplitPosterior",
    "axis_titles",
    "filtered",
    "moments",
    "plane",
    "prior_states",
    "reconstruction_means",
    "split_posterior",
]

MAX_FILTERED_FRAMES = 1000
"""Maximum number of frames for filtering, which is sequential and therefore slow."""

_SEED = 0
_MOST_PARTICLES, _FEWEST_PARTICLES, _PARTICLE_FRAMES = 1000, 200, 200_000
_PATH_FRAMES = 20_000
_MOST_DRAWS, _FEWEST_DRAWS = 100, 5
_SEQUENCES = 32
_FRAMES = 3000
_FEW_DRAWS = 10


class SplitPosterior(NamedTuple):
    """The posterior of some sequences of a split, whose frames are concatenated.

    Attributes:
        sequences: number of sequences.
        loc: (N, z_dim) posterior mean of every frame.
        sampled: (N, z_dim) one state per frame, sampled from a Gaussian with the posterior moments.
        kl: (z_dim,) mean KL divergence of each dimension in nats per frame.
        nll: mean nll in nats per frame.
        lengths: (sequences,) number of frames of each sequence.
    """

    sequences: int
    loc: np.ndarray
    sampled: np.ndarray
    kl: np.ndarray
    nll: float
    lengths: np.ndarray


def moments(selection: Selection, number: int | None = None) -> PosteriorMoments:
    """Return the posterior moments of the selected sequence, or of the sequence `number`."""
    which = selection if number is None else selection.with_number(number)
    return _moments(selection.loaded.model, selection.loaded.key, which.x, which.inputs)


def reconstruction_means(selection: Selection) -> np.ndarray:
    """Return the mean of p(x_t given z_t) under the posterior, (T, x_dim)."""
    return _reconstruction_means(
        selection.loaded.model, selection.loaded.key, selection.x, selection.inputs
    )


def filtered(selection: Selection) -> FilteredMoments:
    """Return the moments of p(z_t given x_{1:t}), estimated by a particle filter.

    At most the first `MAX_FILTERED_FRAMES` frames are filtered.
    """
    inputs: SequenceInputs = {
        "u": _cut(selection.inputs["u"]),
        "observed": _cut(selection.inputs["observed"]),
        "c": _cut(selection.inputs["c"]),
    }
    return _filtered(
        selection.loaded.model, selection.loaded.key, selection.x[:MAX_FILTERED_FRAMES], inputs
    )


def split_posterior(selection: Selection) -> SplitPosterior:
    """Return the posterior of evenly spaced sequences of the split that is selected."""
    loaded = selection.loaded
    return _split_posterior(loaded.model, loaded.key, selection.sequences, selection.key)


def plane(selection: Selection, dims: int = 2) -> Projection | None:
    """Return the first principal axes of the posterior means; None if z has fewer dimensions."""
    if selection.loaded.model.z_dim < dims:
        return None
    return fit_projection(split_posterior(selection).loc, dims)


def axis_titles(projection: Projection) -> list[str]:
    """Return the title of each axis, with its share of the variance."""
    return [f"PC {i} ({share:.0%})" for i, share in enumerate(projection.explained, start=1)]


def prior_states(selection: Selection) -> np.ndarray:
    """Return states of sequences sampled from the prior, (N, z_dim).

    Their number and their length are those of the sequences in `split_posterior`.
    """
    split = split_posterior(selection)
    frames = int(np.median(split.lengths))
    loaded = selection.loaded
    return _prior_states(loaded.model, loaded.key, split.sequences, frames, selection.sequences.u)


def _draws(frames: int) -> int:
    return max(_FEWEST_DRAWS, min(_MOST_DRAWS, _PATH_FRAMES // frames))


@st.cache_data(max_entries=32, show_spinner="Inferring")
def _moments(_model: DMM, key: str, x: np.ndarray, inputs: SequenceInputs) -> PosteriorMoments:
    return posterior_moments(_model, x, seed=_SEED, draws=_draws(len(x)), **inputs)


@st.cache_data(max_entries=8, show_spinner=False)
def _reconstruction_means(
    _model: DMM, key: str, x: np.ndarray, inputs: SequenceInputs
) -> np.ndarray:
    return reconstruct(_model, x, seed=_SEED, draws=_draws(len(x)), **inputs).numpy()


@st.cache_data(max_entries=8, show_spinner="Filtering")
def _filtered(_model: DMM, key: str, x: np.ndarray, inputs: SequenceInputs) -> FilteredMoments:
    particles = max(_FEWEST_PARTICLES, min(_MOST_PARTICLES, _PARTICLE_FRAMES // len(x)))
    return particle_filter(_model, x, seed=_SEED, particles=particles, **inputs)


def _cut(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else array[:MAX_FILTERED_FRAMES]


@st.cache_data(max_entries=8, show_spinner="Inferring sequences of the split")
def _split_posterior(
    _model: DMM, key: str, _sequences: Sequences, sequences_key: str
) -> SplitPosterior:
    found, lengths, frames = [], [], 0
    count = len(_sequences)
    for index in np.unique(np.linspace(0, count - 1, min(count, _SEQUENCES)).astype(int)):
        x = _sequences.x[index][:_FRAMES]
        inputs = sequence_inputs(_sequences, index, _FRAMES)
        found.append(posterior_moments(_model, x, seed=_SEED, draws=_FEW_DRAWS, **inputs))
        lengths.append(len(x))
        frames += len(x)
        if frames >= _FRAMES:
            break
    loc, scale, nll, kl = (np.concatenate(parts) for parts in zip(*found, strict=True))
    noise = np.random.default_rng(_SEED).standard_normal(loc.shape)
    return SplitPosterior(
        sequences=len(found),
        loc=loc.astype(np.float64),
        sampled=loc + scale * noise,
        kl=kl.mean(0),
        nll=float(nll.mean()),
        lengths=np.array(lengths),
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _prior_states(
    _model: DMM, key: str, count: int, frames: int, _u: tuple[np.ndarray, ...] | None
) -> np.ndarray:
    """Return states of samples. If the model has actions, those of real sequences are used."""
    if _u is None:
        samples = [sample(_model, count=count, frames=frames, seed=_SEED)]
    else:
        samples = [
            sample(_model, count=1, frames=len(u), seed=_SEED + i, u=u)
            for i, u in enumerate(_u[:count])
        ]
    states = [s.z.numpy().reshape(-1, _model.z_dim) for s in samples]
    return np.concatenate(states).astype(np.float64)
