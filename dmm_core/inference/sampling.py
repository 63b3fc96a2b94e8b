"""New sequences from a model: from nothing, after a start, and through the posterior.

The randomness of a rollout is drawn before it begins, from the seed alone, so that two calls that
differ only in the actions or in a temperature see the same chances: what differs between them is
what was changed.
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
        mean: (count, time, feature), mean of p(x_t given z_t): for notes, their probabilities. Of a
            NADE each is conditional on the features drawn before it.
        x: (count, time, feature), the frames drawn.
        scale: (count, time, latent), standard deviation that each state was drawn with.
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
) -> Sample:
    """Ancestral sampling: z_1 ~ p(z_1), z_t ~ p(z_t given z_{t-1}), x_t ~ p(x_t given z_t).

    Args:
        model: what to draw from.
        count: sequences.
        frames: time steps of each.
        seed: decides all draws.
        z_temperature: scales the standard deviation of every transition; 0 is the mean rollout.
        x_temperature: divides a note's logit, or scales a real value's standard deviation; 0 takes
            the more likely value.
        constraint: what the drawn notes keep to.
        u: (frames, u_dim) actions of a model of actions; u[t] acts on the step from t to t + 1.

    Raises:
        DataError: if a number is too small, the actions are not those the model was made for, or
            the constraint is not.
    """
    require_count("count", count)
    require_count("frames", frames)
    model.eval()
    first = model.initial()
    generator = generator_for(model, seed)
    manner = _Manner(z_temperature, x_temperature, constraint)
    noise = _rollout_noise(model, frames, count, generator, constraint)
    actions = _actions(model, u, frames)
    start = _step(model, first, None, noise.at(0), manner)
    return _roll_out(model, start, actions, noise.after(1), manner)


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
) -> Sample:
    """What may follow `start`: z_T ~ p(z_T given start), then the prior's rollout from there.

    The last state comes from a particle filter over the start, in which the inference network only
    proposes (`dmm_core.inference.smc.last_states`).

    With the same seed and other actions behind the start it is the answer to do(u): the same
    states, the same chances, other actions (paper, section 6.6).

    Args:
        model: what to draw from.
        start: (T, x_dim) frames, as `Sequences` take them.
        count: alternatives, drawn from the same particles.
        frames: time steps after the start; only they are returned.
        seed: decides all draws.
        z_temperature: as in `sample`, for the rollout.
        x_temperature: as in `sample`.
        constraint: what the drawn notes keep to; those of the start stay.
        u: (T + frames, u_dim) actions of the start and of what follows; the last acts on nothing.
        observed: (T, x_dim), 1 where a feature of the start was seen; all by default.
        nudge: (z_dim,), added to the last state of the start before anything follows: with the same
            seed, what then differs is what the nudge does.
        particles: of the filter; more come nearer to the exact p(z_T given start).

    Raises:
        DataError: if a number is too small, or the model was not made for such a start, actions or
            constraint.
    """
    for name, number in (("count", count), ("frames", frames), ("particles", particles)):
        require_count(name, number)
    start = require_frames(start, "The start")
    model.eval()
    steps = len(start)
    actions = _actions(model, u, steps + frames)
    generator = generator_for(model, seed)
    before = None if u is None else np.asarray(u)[:steps]
    batch = batch_of(model, start, u=before, observed=observed)
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
    after = None if actions is None else actions[steps - 1 :]
    manner = _Manner(z_temperature, x_temperature, constraint)
    drawn = _roll_out(model, last, after, noise, manner)
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
) -> Float[Tensor, "time feature"]:
    """The mean of p(x_t given z_t) over paths drawn from q(z given x).

    Args:
        model: what to look through.
        x: (T, x_dim) frames, as `Sequences` take them.
        seed: decides all draws.
        draws: paths to average.
        constraint: what the notes keep to.
        u: (T, u_dim) actions, for a model of actions.
        observed: (T, x_dim), 1 where a feature was seen; all by default. What was not is filled in
            as q has it; `dmm_core.inference.imputation.impute` weighs q's error out.

    Raises:
        DataError: if there are no draws, or the model was not made for such a sequence.
    """
    require_count("draws", draws)
    model.eval()
    generator = generator_for(model, seed)
    batch, path = draw_paths(model, x, draws, generator, u=u, observed=observed)
    emission = constrained(model.emit(path.z, batch), constraint)
    return emission.mean_frame(generator)[:, 0].mean(0)


class _Manner(NamedTuple):
    """How states and frames are drawn, as `sample` has it."""

    z_temperature: float
    x_temperature: float
    constraint: Constraint | None


class _RolloutNoise(NamedTuple):
    """All that is random in a rollout, (time, count, ..)."""

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


def _actions(model: DMM, u: np.ndarray | None, frames: int) -> Tensor | None:
    if u is None and not model.u_dim:
        return None
    shape = None if u is None else np.shape(u)
    if shape != (frames, model.u_dim):
        raise DataError(
            f"The model was made for {model.u_dim} actions a frame, so these are (frames, actions) "
            f"= {(frames, model.u_dim)}, not {shape}."
        )
    return torch.as_tensor(u).to(model.initial().loc)


def _roll_out(
    model: DMM,
    start: Sample,
    u: Tensor | None,
    noise: _RolloutNoise,
    manner: _Manner,
) -> Sample:
    """The step `start` and those that follow it; u[0] acts on the first of these."""
    steps = [start]
    for t in range(len(noise.z)):
        prior = model.next_state(steps[-1].z, steps[-1].x, None if u is None else u[t])
        steps.append(_step(model, prior, steps[-1].x, noise.at(t), manner))
    return Sample(*(torch.stack(column, dim=1) for column in zip(*steps, strict=True)))


def _step(
    model: DMM,
    prior: Normal,
    x_before: Tensor | None,
    noise: _RolloutNoise,
    manner: _Manner,
) -> Sample:
    """One step, without an axis of time."""
    scale = manner.z_temperature * prior.scale.expand_as(noise.z)
    z = prior.loc + scale * noise.z
    emission = constrained(model.frame(z, x_before), manner.constraint)
    drawn = emission.draw(noise.x, manner.x_temperature)
    return Sample(z, drawn.mean, drawn.x, scale)
