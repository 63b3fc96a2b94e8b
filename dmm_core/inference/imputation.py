"""Imputation: the expected values of missing features, given the observed ones."""

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

    With the same seed, a larger share also hides every value that a smaller share hides.

    Args:
        sequences: the sequences; without `observed`, all values were observed.
        share: share of the observed values to hide, 0 to 1.
        seed: seed of the choice of values.
    """
    rng = np.random.default_rng(seed)
    given = sequences.observed or tuple(np.ones_like(x, dtype=np.uint8) for x in sequences.x)
    kept = tuple((o * (rng.random(o.shape) >= share)).astype(np.uint8) for o in given)
    x = tuple((a * o).astype(a.dtype) for a, o in zip(sequences.x, kept, strict=True))
    return replace(sequences, x=x, observed=kept)


@torch.no_grad()
def impute(model: DMM, sequences: Sequences, *, seed: int, particles: int = 100) -> np.ndarray:
    """E[x_t given all observed values] for every feature of every frame.

    A particle smoother draws the states; the inference network only contributes to its proposal.

    Args:
        model: a model whose likelihood can leave missing features out
            (`FrameDistribution.marginalises`). It is put in evaluation mode.
        sequences: N sequences of T frames each, with `observed`.
        seed: seed of all random draws.
        particles: number of weighted states of each frame. With more particles, the result
            approaches the exact expectation.

    Returns:
        (N, T, x_dim) float32. For a missing feature it is the imputed value, which for a binary
        feature is a probability. For an observed feature it is the smoothed reconstruction.

    Raises:
        DataError: if `particles` is less than 1, or the sequences differ in length or do not fit
            the model.

    Example:
        >>> from dmm_core import Sequences, impute, load_run, sample
        >>> from dmm_core.inference import hide
        >>> model = load_run("bundled:chorales").model
        >>> x = sample(model, count=2, frames=8, seed=0).x.numpy().astype(bool)
        >>> damaged = hide(Sequences(tuple(x), ("a", "b")), 0.2, seed=0)
        >>> impute(model, damaged, seed=0, particles=16).shape
        (2, 8, 88)
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
