"""Imputation: the expected value of features that were not observed, given those that were."""

from dataclasses import replace

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
    """Mark a random share of the observed values as missing.

    With the same seed, a larger share hides all values that a smaller share hides, and more.

    Args:
        sequences: the sequences; without `observed`, every value counts as observed.
        share: share of the observed values to hide, 0 to 1.
        seed: decides which values are hidden.
    """
    rng = np.random.default_rng(seed)
    given = sequences.observed or tuple(np.ones_like(x, dtype=np.uint8) for x in sequences.x)
    kept = tuple((o * (rng.random(o.shape) >= share)).astype(np.uint8) for o in given)
    x = tuple((a * o).astype(a.dtype) for a, o in zip(sequences.x, kept, strict=True))
    return replace(sequences, x=x, observed=kept)


@torch.no_grad()
def impute(model: DMM, sequences: Sequences, *, seed: int, particles: int = 100) -> np.ndarray:
    """E[x_t given all observed values] for every feature of every frame, (N, T, x_dim).

    For a feature that was not observed this is its imputed value, and for a binary feature its
    probability. For a feature that was observed it is the smoothed reconstruction. The states come
    from a particle smoother; the inference network is only a part of its proposal.

    Args:
        model: a model that can leave features out; it is put in evaluation mode.
        sequences: N sequences of T frames each, with `observed`.
        seed: seed of all random draws.
        particles: weighted states of each frame. The result approaches the exact expectation as
            their number grows.

    Raises:
        DataError: if there are no particles, the sequences differ in length, or they do not fit the
            model.
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
    """The mean of the emission over the smoothed states of every step."""
    states = smoothed_states(model, batch, particles, generator)
    means = []
    for t, (z, log_w) in enumerate(states):
        c = None if batch.c is None else batch.c[:, t]
        emission = model.frame(z, batch.x[:, t - 1] if t else None, c)
        means.append((log_w.exp()[..., None] * emission.mean_frame(generator)).sum(0))
    return torch.stack(means, dim=1)
