"""Sampling: sequences from the prior, continuations of a given start, and reconstructions.

All random numbers of a rollout are drawn before it begins, from the seed alone. So two calls that
differ only in the actions or in a temperature use the same random numbers, and the difference of
their results is the effect of that change.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Normal

from dmm_core.errors import DataError
from dmm_core.inference.checks import require_count, require_frames
from dmm_core.inference.seeded_sampling import (
    batch_of,
    draw_noise,
    draw_paths,
    generator_for,
)
from dmm_core.inference.smc import last_states
from dmm_core.nn.constraints import Constraint
from dmm_core.nn.distributions import constrained
from dmm_core.nn.dmm import DMM

__all__ = ["Sample", "continuation", "reconstruct", "sample"]


class Sample(NamedTuple):
    """Sequences drawn from a model.

    Attributes:
        z: (count, time, latent), the latent paths.
        mean: (count, time, feature), the mean of p(x_t given z_t); for binary features it is their
            probability. With a NADE, it is the probability of each feature given the features of
            the frame that were drawn before it.
        x: (count, time, feature), the drawn frames.
        scale: (count, time, latent), the standard deviation of the Gaussian from which each state
            was drawn.
    """

    z: Tensor
    mean: Tensor
    x: Tensor
    scale: Tensor


@torch.no_grad()
def sample(
    model: DMM,
    *,
    count: int,
    frames: int,
    seed: int,
    z_temperature: float = 1.0,
    x_temperature: float = 1.0,
    constraint: Constraint | None = None,
    u: np.ndarray | None = None,
    c: np.ndarray | None = None,
) -> Sample:
    """Ancestral sampling: z_1 ~ p(z_1), z_t ~ p(z_t given z_{t-1}), x_t ~ p(x_t given z_t).

    Args:
        model: the model to draw from.
        count: number of sequences.
        frames: time steps of each sequence.
        seed: seed of all random draws.
        z_temperature: factor of the standard deviation of every transition; with 0 every state is
            the mean of its transition.
        x_temperature: divides the logits of binary features and multiplies the standard deviation
            of real features; with 0 every feature takes its most likely value.
        constraint: a constraint on the drawn notes.
        u: (frames, u_dim) actions, for a model with actions; u[t] acts on the step from t to t + 1.
        c: (frames, c_dim) covariates, or (count, frames, c_dim) with those of each sequence, for a
            model with covariates. u may be given in both ways, too.

    Raises:
        DataError: if `count` or `frames` is less than 1, or the actions or the constraint do not
            fit the model.

    Example:
        >>> from dmm_core import load_run, sample
        >>> model = load_run("bundled:chorales").model
        >>> drawn = sample(model, count=2, frames=16, seed=0)
        >>> drawn.x.shape, drawn.z.shape
        (torch.Size([2, 16, 88]), torch.Size([2, 16, 64]))
    """
    require_count("count", count)
    require_count("frames", frames)
    model.eval()
    generator = generator_for(model, seed)
    settings = _Settings(z_temperature, x_temperature, constraint)
    noise = _rollout_noise(model, frames, count, generator, constraint)
    inputs = _inputs(model, u, c, frames, count)
    known = inputs.c_at(0)
    start = _step(model, model.first_state(known), None, known, noise.at(0), settings)
    return _roll_out(model, start, inputs, noise.after(1), settings)


@torch.no_grad()
def continuation(
    model: DMM,
    start: np.ndarray,
    *,
    count: int,
    frames: int,
    seed: int,
    z_temperature: float = 1.0,
    x_temperature: float = 1.0,
    constraint: Constraint | None = None,
    u: np.ndarray | None = None,
    observed: np.ndarray | None = None,
    nudge: np.ndarray | None = None,
    particles: int = 256,
    c: np.ndarray | None = None,
) -> Sample:
    """Draw continuations of `start`: z_T ~ p(z_T given start), then a rollout of the prior.

    A particle filter draws the last state of the start (`dmm_core.inference.smc.last_states`); the
    inference network only contributes to its proposal.

    Two calls with the same seed and different actions after the start use the same last states and
    the same random numbers. Their difference is therefore the effect of the intervention do(u)
    (paper, section 6.6).

    Args:
        model: the model to draw from.
        start: (T, x_dim) frames, as in `Sequences`.
        count: number of alternatives, all drawn from the same particles.
        frames: time steps after the start. Only these are returned.
        seed: seed of all random draws.
        z_temperature: as in `sample`, for the rollout.
        x_temperature: as in `sample`.
        constraint: a constraint on the drawn notes; the start is not changed.
        u: (T + frames, u_dim) actions of the start and the continuation, for a model with actions.
            The last row has no effect.
        observed: (T, x_dim), 1 where a feature of the start was observed; None if all were.
        nudge: (z_dim,), a vector that is added to the last state of the start. Its effect is the
            difference from a call without it and with the same seed.
        particles: number of particles of the filter. With more particles, the distribution of the
            last states approaches the exact p(z_T given start).
        c: (T + frames, c_dim) covariates of the start and the continuation, for a model with
            covariates.

    Raises:
        DataError: if `count`, `frames` or `particles` is less than 1, or the start, the actions or
            the constraint do not fit the model.

    Example:
        >>> from dmm_core import continuation, load_run, sample
        >>> model = load_run("bundled:chorales").model
        >>> start = sample(model, count=1, frames=8, seed=0).x[0].numpy()
        >>> drawn = continuation(model, start, count=3, frames=16, seed=1, particles=16)
        >>> drawn.x.shape
        torch.Size([3, 16, 88])
    """
    for name, number in (("count", count), ("frames", frames), ("particles", particles)):
        require_count(name, number)
    start = require_frames(start, "The start")
    model.eval()
    steps = len(start)
    inputs = _inputs(model, u, c, steps + frames)
    generator = generator_for(model, seed)
    before, known = (None if part is None else np.asarray(part)[:steps] for part in (u, c))
    batch = batch_of(model, start, u=before, observed=observed, c=known)
    states = last_states(model, batch, particles, generator)
    chosen = torch.multinomial(
        states.log_w[:, 0].exp(), count, replacement=True, generator=generator
    )
    noise = _rollout_noise(model, frames, count, generator, constraint)
    x = batch.x[:, -1].expand(count, -1)
    z = states.z[chosen, 0]
    if nudge is not None:
        z = z + torch.as_tensor(nudge).to(z)
    last = Sample(z, x, x, torch.zeros_like(z))
    settings = _Settings(z_temperature, x_temperature, constraint)
    drawn = _roll_out(model, last, inputs.after(steps - 1), noise, settings)
    return Sample(*(part[:, 1:] for part in drawn))


@torch.no_grad()
def reconstruct(
    model: DMM,
    x: np.ndarray,
    *,
    seed: int,
    draws: int = 100,
    constraint: Constraint | None = None,
    u: np.ndarray | None = None,
    observed: np.ndarray | None = None,
    c: np.ndarray | None = None,
) -> Float[Tensor, "time feature"]:
    """The mean of p(x_t given z_t) over paths drawn from q(z given x).

    Args:
        model: the model whose inference network and emission are used.
        x: (T, x_dim) frames, as in `Sequences`.
        seed: seed of all random draws.
        draws: number of paths to average.
        constraint: a constraint on the notes.
        u: (T, u_dim) actions, for a model with actions.
        observed: (T, x_dim), 1 where a feature was observed; None if all were. The result for a
            missing feature is its mean under q; `dmm_core.impute` corrects for the error of q.
        c: (T, c_dim) covariates, for a model with covariates.

    Raises:
        DataError: if `draws` is less than 1, or the sequence does not fit the model.

    Example:
        >>> from dmm_core import load_run, reconstruct, sample
        >>> model = load_run("bundled:chorales").model
        >>> x = sample(model, count=1, frames=8, seed=0).x[0].numpy()
        >>> reconstruct(model, x, seed=0, draws=10).shape
        torch.Size([8, 88])
    """
    require_count("draws", draws)
    model.eval()
    generator = generator_for(model, seed)
    batch, path = draw_paths(model, x, draws, generator, u=u, observed=observed, c=c)
    emission = constrained(model.emit(path.z, batch), constraint)
    return emission.mean_frame(generator)[:, 0].mean(0)


class _Settings(NamedTuple):
    """The settings of a rollout, as in `sample`."""

    z_temperature: float
    x_temperature: float
    constraint: Constraint | None


class _RolloutNoise(NamedTuple):
    """The random numbers of a rollout, (time, count, ..)."""

    z: Tensor
    x: Tensor

    def at(self, step: int) -> "_RolloutNoise":
        return _RolloutNoise(self.z[step], self.x[step])

    def after(self, step: int) -> "_RolloutNoise":
        return _RolloutNoise(self.z[step:], self.x[step:])


def _rollout_noise(
    model: DMM,
    frames: int,
    count: int,
    generator: torch.Generator,
    constraint: Constraint | None,
) -> _RolloutNoise:
    like = model.initial().loc
    z = draw_noise((frames, count, model.z_dim), generator, like)
    return _RolloutNoise(z, constrained(model.frame(z), constraint).noise(generator))


class _Inputs(NamedTuple):
    """Actions and covariates of a rollout, (time, ..); None where the model has none."""

    u: Tensor | None
    c: Tensor | None

    def u_at(self, step: int) -> Tensor | None:
        return None if self.u is None else self.u[step]

    def c_at(self, step: int) -> Tensor | None:
        return None if self.c is None else self.c[step]

    def after(self, step: int) -> "_Inputs":
        return _Inputs(*(None if part is None else part[step:] for part in self))


def _inputs(
    model: DMM, u: np.ndarray | None, c: np.ndarray | None, frames: int, count: int = 0
) -> _Inputs:
    """Check the inputs; those of each of `count` sequences may differ, if it is above 0."""
    like = model.initial().loc
    found = []
    for given, width, called in ((u, model.u_dim, "actions"), (c, model.c_dim, "covariates")):
        shape = None if given is None else np.shape(given)
        each = shape == (count, frames, width) and count > 0
        if shape != (frames, width) and not each and not (shape is None and not width):
            raise DataError(
                f"The model was made for {width} {called} a frame, so these are (frames, {called}) "
                f"= {(frames, width)}, not {shape}."
            )
        part = None if given is None else torch.as_tensor(given).to(like)
        found.append(part.transpose(0, 1) if part is not None and each else part)
    return _Inputs(*found)


def _roll_out(
    model: DMM,
    start: Sample,
    inputs: _Inputs,
    noise: _RolloutNoise,
    settings: _Settings,
) -> Sample:
    """The step `start` and the steps after it; step 0 of `inputs` is that of `start`."""
    steps = [start]
    for t in range(len(noise.z)):
        known = inputs.c_at(t + 1)
        prior = model.next_state(steps[-1].z, steps[-1].x, inputs.u_at(t), known)
        steps.append(_step(model, prior, steps[-1].x, known, noise.at(t), settings))
    return Sample(*(torch.stack(column, dim=1) for column in zip(*steps, strict=True)))


def _step(
    model: DMM,
    prior: Normal,
    x_before: Tensor | None,
    c: Tensor | None,
    noise: _RolloutNoise,
    settings: _Settings,
) -> Sample:
    """One step, without a time axis."""
    scale = settings.z_temperature * prior.scale.expand_as(noise.z)
    z = prior.loc + scale * noise.z
    emission = constrained(model.frame(z, x_before, c), settings.constraint)
    drawn = emission.draw(noise.x, settings.x_temperature)
    return Sample(z, drawn.mean, drawn.x, scale)
