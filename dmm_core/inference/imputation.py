"""What was not observed, as the model sees it: E[x_t given z_t] over the smoothed states."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from dmm_core.data.batching import SequenceBatch
from dmm_core.data.sequences import Sequences
from dmm_core.inference.checks import require_count, require_same_length
from dmm_core.inference.seeded_sampling import FRAMES_AT_ONCE, generator_for, resident
from dmm_core.inference.smc import smoothed_states
from dmm_core.nn.dmm import DMM

__all__ = ["hide", "impute"]


def hide(sequences: Sequences, share: float, *, seed: int) -> Sequences:
    """Take away a share of what was observed, cell by cell; a larger share hides the same and more.

    Args:
        sequences: whose `observed`, where there is none, is everything.
        share: of the observed cells, 0 to 1.
        seed: decides which.
    """
    rng = np.random.default_rng(seed)
    given = sequences.observed or tuple(np.ones_like(x, dtype=np.uint8) for x in sequences.x)
    kept = tuple((o * (rng.random(o.shape) >= share)).astype(np.uint8) for o in given)
    x = tuple((a * o).astype(a.dtype) for a, o in zip(sequences.x, kept, strict=True))
    return Sequences(x, sequences.names, sequences.u, kept)


@torch.no_grad()
def impute(model: DMM, sequences: Sequences, *, seed: int, particles: int = 100) -> np.ndarray:
    """The mean of p(x_t given z_t) over p(z_t given all that was observed), (N, T, x_dim).

    Of a cell that was not observed it is E[x given what was], for a binary x its probability; of
    one that was, it is the smoothed reconstruction. States come from a particle smoother, in which
    the inference network only proposes.

    Args:
        model: that marginalises over what is missing; it is put in evaluation mode.
        sequences: N of T frames each, with what was observed.
        seed: decides all draws.
        particles: weighed states of each frame; more come nearer to the exact posterior.

    Raises:
        DataError: if there are no particles, the sequences differ in length, or the model was not
            made for them.
    """
    require_count("particles", particles)
    lying = resident(model, sequences)
    require_same_length(sequences)
    model.eval()
    generator = generator_for(model, seed)
    rows = max(1, FRAMES_AT_ONCE // particles)
    found = [
        _smoothed_means(model, lying.batch(indices), particles, generator)
        for indices in np.split(np.arange(len(sequences)), np.arange(rows, len(sequences), rows))
    ]
    return torch.cat(found).cpu().double().numpy()


def _smoothed_means(
    model: DMM, batch: SequenceBatch, particles: int, generator: torch.Generator
) -> Float[Tensor, "batch time feature"]:
    """The emission's mean over the smoothed states of every step."""
    states = smoothed_states(model, batch, particles, generator)
    x_before = batch.x_before
    means = [
        (log_w.exp()[..., None] * model.frame(z, x_before[:, t]).mean_frame(generator)).sum(0)
        for t, (z, log_w) in enumerate(states)
    ]
    return torch.stack(means, dim=1)
