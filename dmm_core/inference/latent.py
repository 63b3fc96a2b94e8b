"""Views of the latent space: posterior moments, projections, the transition's vector field."""

from typing import NamedTuple

import numpy as np
import torch

from dmm_core.data.batching import in_order
from dmm_core.data.sequences import Sequences
from dmm_core.inference.checks import require_count, require_same_length
from dmm_core.inference.objective import kl_of
from dmm_core.inference.seeded_sampling import (
    FRAMES_AT_ONCE,
    draw_noise,
    draw_paths,
    generator_for,
    portions,
    resident,
)
from dmm_core.nn.dmm import DMM

__all__ = [
    "ACTIVE_VARIANCE",
    "PosteriorMoments",
    "PosteriorOfMany",
    "Projection",
    "VectorField",
    "active_units",
    "count_active_units",
    "fit_projection",
    "posterior_moments",
    "posterior_of_many",
    "vector_field",
]

_ENOUGH_FRAMES = 5000

ACTIVE_VARIANCE = 0.01
"""A latent dimension is active if the variance of its posterior mean over frames exceeds this."""


class PosteriorMoments(NamedTuple):
    """Moments of q(z given x) of one sequence, averaged over drawn paths.

    Attributes:
        loc: (T, z_dim), mean of q(z_t given x): the average of the conditional means.
        scale: (T, z_dim), standard deviation of q(z_t given x), by the law of total variance.
        nll: (T,), -log p(x_t given z_t), in nats.
        kl: (T, z_dim), KL(q || p) of each dimension, in nats.
    """

    loc: np.ndarray
    scale: np.ndarray
    nll: np.ndarray
    kl: np.ndarray


@torch.no_grad()
def posterior_moments(
    model: DMM,
    x: np.ndarray,
    *,
    seed: int,
    draws: int = 100,
    u: np.ndarray | None = None,
    observed: np.ndarray | None = None,
    c: np.ndarray | None = None,
) -> PosteriorMoments:
    """Estimate the moments of q(z given x) of one sequence from `draws` paths.

    Args:
        model: the model whose posterior is computed.
        x: (T, x_dim) frames, uint8 or float32, as in `Sequences`.
        seed: seed of all random draws.
        draws: number of paths to average.
        u: (T, u_dim) actions, for a model with actions.
        observed: (T, x_dim), 1 where a feature was observed; None if all were.
        c: (T, c_dim) covariates, for a model with covariates.

    Raises:
        DataError: if `draws` is less than 1, or the sequence does not fit the model.

    Example:
        >>> from dmm_core import load_run, posterior_moments, sample
        >>> model = load_run("bundled:chorales").model
        >>> x = sample(model, count=1, frames=8, seed=0).x[0].numpy()
        >>> moments = posterior_moments(model, x, seed=0, draws=10)
        >>> moments.loc.shape, moments.kl.shape, moments.nll.shape
        ((8, 64), (8, 64), (8,))
    """
    require_count("draws", draws)
    model.eval()
    generator = generator_for(model, seed)
    batch, path = draw_paths(model, x, draws, generator, u=u, observed=observed, c=c)
    nll = -model.log_likelihood(path.z, batch).mean(0)
    kl = kl_of(path, model.prior(path.z, batch)).mean(0)
    if path.base is None:
        loc = path.loc.mean(0)
        spread = path.scale.square().mean(0) + path.loc.var(0, correction=0)
    else:  # with flows, q has no closed-form moments
        loc, spread = path.z.mean(0), path.z.var(0, correction=0)
    return PosteriorMoments(*(t[0].cpu().numpy() for t in (loc, spread.sqrt(), nll, kl)))


class PosteriorOfMany(NamedTuple):
    """Moments of q(z given x) of many sequences of equal length, averaged over drawn paths.

    Attributes:
        loc: (N, T, z_dim), means of q(z_t given x).
        scale: (N, T, z_dim), standard deviations of q(z_t given x).
    """

    loc: np.ndarray
    scale: np.ndarray


@torch.no_grad()
def posterior_of_many(
    model: DMM, sequences: Sequences, *, seed: int, draws: int = 30
) -> PosteriorOfMany:
    """Estimate the moments of q(z given x) of many sequences of equal length, without nll and kl.

    Args:
        model: the model whose posterior is computed. With flows, the moments are those of the
            Gaussians that the flows transform.
        sequences: N sequences of T frames each.
        seed: seed of all random draws.
        draws: number of paths to average.

    Raises:
        DataError: if there are no draws, the sequences differ in length, or they do not fit the
            model.
    """
    require_count("draws", draws)
    lying = resident(model, sequences)
    require_same_length(sequences)
    model.eval()
    like, generator = model.initial().loc, generator_for(model, seed)
    batch = lying.everything()
    summary = model.summarise(batch)
    loc, square = torch.zeros((2, *batch.mask.shape, model.z_dim)).to(like).unbind(0)
    for count in portions(draws, batch.mask.numel()):
        path = model.draw(summary, batch, draw_noise((count, *loc.shape), generator, like))
        loc += path.loc.sum(0) / draws
        square += (path.loc.square() + path.scale.square()).sum(0) / draws
    scale = (square - loc.square()).clamp_min(0.0).sqrt()
    return PosteriorOfMany(loc.cpu().double().numpy(), scale.cpu().double().numpy())


class Projection(NamedTuple):
    """A projection of the latent space to its first principal axes.

    Attributes:
        mean: (z_dim,), centre of the projection.
        axes: (dims, z_dim), orthonormal rows.
        explained: (dims,), share of the variance along each axis.
    """

    mean: np.ndarray
    axes: np.ndarray
    explained: np.ndarray

    def loc(self, z: np.ndarray) -> np.ndarray:
        """Project points (..., z_dim) to (..., dims)."""
        return (z - self.mean) @ self.axes.T

    def scale(self, scale: np.ndarray) -> np.ndarray:
        """Standard deviations along the axes, (..., dims), of independent dimensions."""
        return np.sqrt(np.square(scale) @ np.square(self.axes).T)

    def covariance(self, scale: np.ndarray) -> np.ndarray:
        """Covariances along the axes, (..., dims, dims), of independent dimensions."""
        return np.einsum("kd,...d,ld->...kl", self.axes, np.square(scale), self.axes)

    def lift(self, points: np.ndarray) -> np.ndarray:
        """Map projected points (..., dims) to the plane within the latent space, (..., z_dim)."""
        return self.mean + points @ self.axes


def fit_projection(z: np.ndarray, dims: int = 2) -> Projection:
    """Fit a projection to the principal axes of points (N, z_dim).

    The sign of each axis is chosen so that its weight of largest magnitude is positive, so that a
    picture does not flip between calls.

    Args:
        z: (N, z_dim), the points.
        dims: largest number of axes.
    """
    mean = z.mean(0)
    _, singular, axes = np.linalg.svd(z - mean, full_matrices=False)
    axes = axes[:dims]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1)
    variance = np.square(singular)
    explained = variance[:dims] / max(variance.sum(), np.finfo(z.dtype).tiny)
    return Projection(mean, axes * np.where(largest < 0, -1, 1), explained)


class VectorField(NamedTuple):
    """Steps of the transition's mean from the points of a plane.

    Attributes:
        points: (n, n, 2), the coordinates of the points in the plane.
        step: (n, n, 2), loc(z) - z, projected to the plane.
        residual: (n, n), length of the component of loc(z) - z orthogonal to the plane.
    """

    points: np.ndarray
    step: np.ndarray
    residual: np.ndarray


@torch.no_grad()
def vector_field(
    model: DMM, projection: Projection, *, low: np.ndarray, high: np.ndarray, resolution: int
) -> VectorField:
    """The step of the transition's mean at regularly spaced points of a plane.

    If the transition also uses the previous frame, actions or covariates, they are zero.

    Args:
        model: the model whose transition is evaluated.
        projection: a projection to two axes.
        low: (2,), lower corner of the region.
        high: (2,), upper corner of the region.
        resolution: number of points along each axis.
    """
    model.eval()
    like = model.initial().loc
    sides = [np.linspace(low[i], high[i], resolution) for i in range(2)]
    points = np.stack(np.meshgrid(*sides, indexing="xy"), axis=-1)
    z = projection.lift(points)
    there = model.next_state(torch.as_tensor(z, dtype=like.dtype, device=like.device)).loc
    move = there.cpu().double().numpy() - z
    step = move @ projection.axes.T
    return VectorField(points, step, np.linalg.norm(move - step @ projection.axes, axis=-1))


def active_units(loc: np.ndarray) -> np.ndarray:
    """(z_dim,) booleans: which latent dimensions are active.

    A dimension is active if the variance of its posterior mean over frames exceeds
    `ACTIVE_VARIANCE` (Burda, Grosse and Salakhutdinov, 2016, section 5).

    Args:
        loc: (N, z_dim), posterior means of N frames.
    """
    return loc.var(0) > ACTIVE_VARIANCE


def count_active_units(model: DMM, sequences: Sequences, *, seed: int = 0) -> int:
    """The number of active latent dimensions over the first frames of a data set.

    Args:
        model: the model; it is put in evaluation mode.
        sequences: the sequences, of which the first 5,000 frames or so are used.
        seed: seed of all random draws.

    Raises:
        DataError: if the sequences do not fit the model.
    """
    within = np.flatnonzero(np.cumsum(sequences.lengths) - sequences.lengths < _ENOUGH_FRAMES)
    chosen = sequences.subset(within)
    lying = resident(model, chosen)
    model.eval()
    like, generator = model.initial().loc, generator_for(model, seed)
    locs = []
    with torch.no_grad():
        for indices in in_order(chosen.lengths, FRAMES_AT_ONCE):
            batch = lying.batch(indices)
            noise = draw_noise((1, *batch.mask.shape, model.z_dim), generator, like)
            path = model.posterior(batch, noise)
            loc = (path.loc if path.base is None else path.z)[0]
            locs.append(loc[batch.mask.bool()].cpu().double().numpy())
    return int(active_units(np.concatenate(locs)).sum())
