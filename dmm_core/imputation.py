"""What was not observed, as the model sees it: E[x_t given z_t] over the posterior's paths."""

import numpy as np
import torch

from dmm_core.data.batching import ResidentSequences
from dmm_core.data.sequences import Sequences
from dmm_core.draws import draw_noise, generator_for, portions
from dmm_core.errors import DataError
from dmm_core.model import DMM

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
def impute(model: DMM, sequences: Sequences, *, seed: int, draws: int = 20) -> np.ndarray:
    """E[x given what was observed] of every cell, (N, T, x_dim): for a binary x, its probability.

    Args:
        model: that marginalises over what is missing; it is put in evaluation mode.
        sequences: N of T frames each, with what was observed.
        seed: decides all draws.
        draws: paths to average.

    Raises:
        DataError: if the sequences differ in length.
    """
    if len(set(sequences.lengths.tolist())) != 1:
        raise DataError("Sequences of different lengths are imputed one by one.")
    model.eval()
    like, generator = model.initial().loc, generator_for(model, seed)
    batch = ResidentSequences(sequences, like.device, like.dtype).everything()
    summary = model.inference.summarise(batch)
    total = torch.zeros_like(batch.x)
    for count in portions(draws, batch.mask.numel()):
        noise = draw_noise((count, *batch.mask.shape, model.z_dim), generator, like)
        total += model.emit(model.draw(summary, batch, noise).z, batch).mean.sum(0) / draws
    return total.cpu().double().numpy()
