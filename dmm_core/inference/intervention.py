"""Interventions do(u): the expected future of sequences under other actions (paper, section 6.6).

A particle filter infers the states at the time of the intervention from the earlier frames. The
model is then simulated with the actions of the intervention (Pearl, "Causality", 2nd edition,
section 3.2). Two calls with the same seed use the same states and the same random numbers, so their
difference is the effect of the actions.
"""

import numpy as np
import torch

from dmm_core.data.sequences import Sequences
from dmm_core.errors import DataError
from dmm_core.inference.checks import require_count
from dmm_core.inference.seeded_sampling import (
    draw_noise,
    generator_for,
    resident,
)
from dmm_core.inference.smc import last_states
from dmm_core.nn.dmm import DMM

__all__ = ["means_under"]


@torch.no_grad()
def means_under(
    model: DMM,
    sequences: Sequences,
    u: np.ndarray,
    *,
    frame: int,
    seed: int,
    particles: int = 100,
    c: np.ndarray | None = None,
) -> np.ndarray:
    """E[x_t given x_{1:frame}, do(u)] for H frames of every sequence.

    Args:
        model: a model with actions; it is put in evaluation mode. In a DMM-Aug, each drawn frame is
            an input of the next step.
        sequences: N records of at least `frame` frames each.
        u: (N, H, u_dim), the actions of the intervention. u[:, 0] acts on the step from the last
            known frame to the next one.
        frame: number of known frames, 1 or more.
        seed: seed of all random draws; use the same for all interventions of a comparison.
        particles: number of weighted states of each sequence; each state is continued separately.
        c: (N, H, c_dim), the covariates of the frames of the result, for a model with covariates.

    Returns:
        (N, H, x_dim) expected values, which are probabilities for binary features. Row 0 is the
        first frame after the known ones, which has index `frame`.

    Raises:
        DataError: if `particles` is less than 1, the records are too short, or the sequences or
            actions do not fit the model.
    """
    require_count("particles", particles)
    if u.ndim != 3 or u.shape[::2] != (len(sequences), model.u_dim) or 0 in u.shape:
        raise DataError(
            f"Actions are (sequences, steps, {model.u_dim}) for {len(sequences)} sequences, not "
            f"{u.shape}."
        )
    wanted = (len(sequences), u.shape[1], model.c_dim)
    shape = None if c is None else c.shape
    if shape != wanted and not (shape is None and not model.c_dim):
        raise DataError(f"Covariates are (sequences, steps, covariates) = {wanted}, not {shape}.")
    if not 1 <= frame <= int(sequences.lengths.min()):
        raise DataError(
            f"An intervention after {frame} frames needs records of as many, and the shortest has "
            f"{sequences.lengths.min()}."
        )
    model.eval()
    generator = generator_for(model, seed)
    batch = resident(model, sequences.between(0, frame)).everything()
    states = last_states(model, batch, particles, generator)
    actions, weights = torch.as_tensor(u).to(states.z), states.log_w.exp()[..., None]
    z, x = states.z, batch.x[:, -1]
    covariates = None if c is None else torch.as_tensor(c).to(z)
    means = []
    for step in range(u.shape[1]):
        known = None if covariates is None else covariates[:, step]
        prior = model.next_state(z, x, actions[:, step], known)
        z = prior.loc + prior.scale * draw_noise(tuple(z.shape), generator, z)
        emission = model.frame(z, x, known)
        means.append((weights * emission.mean_frame(generator)).sum(0))
        if model.x_to_z or model.x_to_x:
            x = emission.draw(emission.noise(generator), 1.0).x
    return torch.stack(means, dim=1).cpu().double().numpy()
