"""Interventions do(u): the expected future of sequences under other actions (paper, section 6.6).

The states at the time of the intervention are inferred from the record up to then, by a particle
filter. From there on the model runs under the actions that are set (Pearl, "Causality", 2nd
edition, section 3.2). Two calls with the same seed use the same states and the same random numbers,
so their difference is the effect of the actions.
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
    model: DMM, sequences: Sequences, u: np.ndarray, *, frame: int, seed: int, particles: int = 100
) -> np.ndarray:
    """E[x_t given x_{1:frame}, do(u)] of every sequence, (N, H, x_dim).

    For binary features these are probabilities.

    Args:
        model: a model with actions; it is put in evaluation mode. In a DMM-Aug, each drawn frame is
            an input of the next step.
        sequences: N records of at least `frame` frames each.
        u: (N, H, u_dim), the actions on each step from frame `frame` - 1 (counted from 0) on. Row 0
            of the result is frame `frame`.
        frame: number of frames that are known, 1 or more.
        seed: seed of all random draws; use the same for all interventions of a comparison.
        particles: number of weighted states of each sequence. Each has its own future.

    Raises:
        DataError: if there are no particles, the records are too short, or the sequences or actions
            do not fit the model.
    """
    require_count("particles", particles)
    if u.ndim != 3 or u.shape[::2] != (len(sequences), model.u_dim) or 0 in u.shape:
        raise DataError(
            f"Actions are (sequences, steps, {model.u_dim}) for {len(sequences)} sequences, not "
            f"{u.shape}."
        )
    if not 1 <= frame <= int(sequences.lengths.min()):
        raise DataError(
            f"An intervention after {frame} frames needs records of as many, and the shortest has "
            f"{sequences.lengths.min()}."
        )
    model.eval()
    generator = generator_for(model, seed)
    batch = resident(model, _until(sequences, frame)).everything()
    states = last_states(model, batch, particles, generator)
    actions, weights = torch.as_tensor(u).to(states.z), states.log_w.exp()[..., None]
    z, x = states.z, batch.x[:, -1]
    means = []
    for step in range(u.shape[1]):
        prior = model.next_state(z, x, actions[:, step])
        z = prior.loc + prior.scale * draw_noise(tuple(z.shape), generator, z)
        emission = model.frame(z, x)
        means.append((weights * emission.mean_frame(generator)).sum(0))
        if model.x_to_z or model.x_to_x:
            x = emission.draw(emission.noise(generator), 1.0).x
    return torch.stack(means, dim=1).cpu().double().numpy()


def _until(sequences: Sequences, frame: int) -> Sequences:
    """The first `frame` frames of every sequence."""

    def cut(arrays: tuple[np.ndarray, ...] | None) -> tuple[np.ndarray, ...] | None:
        return None if arrays is None else tuple(array[:frame] for array in arrays)

    x = tuple(array[:frame] for array in sequences.x)
    return Sequences(x, sequences.names, cut(sequences.u), cut(sequences.observed))
