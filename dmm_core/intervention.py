"""do(u): what would become of sequences, had they been acted on otherwise (paper, section 6.6).

The states at the moment of the intervention are inferred from what was recorded until then; from
there the transition goes on under the actions that are set (Pearl, "Causality", 2nd edition,
section 3.2). Two courses meet the same states and the same chances, so their difference is what the
actions do.
"""

import numpy as np
import torch

from dmm_core.data.batching import ResidentSequences
from dmm_core.data.sequences import Sequences
from dmm_core.draws import draw_noise, generator_for
from dmm_core.errors import DataError
from dmm_core.model import DMM

__all__ = ["means_under"]


@torch.no_grad()
def means_under(
    model: DMM, sequences: Sequences, u: np.ndarray, *, frame: int, seed: int, draws: int = 20
) -> np.ndarray:
    """E[x_t given x_{1:frame}, do(u)] of every sequence, (N, H, x_dim): for a binary x, chances.

    Args:
        model: of actions; it is put in evaluation mode.
        sequences: N records, all of at least `frame` frames.
        u: (N, H, u_dim), actions on the steps out of frame `frame` - 1 (counted from 0) and onward,
            so row 0 of the result is frame `frame`.
        frame: frames that are known, 1 or more.
        seed: decides all draws; the same for both courses of a comparison.
        draws: states, and futures, of each sequence that are averaged.

    Raises:
        DataError: if the actions are not those the model was made for, or the records too short.
    """
    count, horizon = u.shape[:2]
    if u.shape != (len(sequences), horizon, model.u_dim) or not horizon or not model.u_dim:
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
    like, generator = model.initial().loc, generator_for(model, seed)
    actions = torch.as_tensor(u).to(like)
    batch = ResidentSequences(_until(sequences, frame), like.device, like.dtype).everything()
    noise = draw_noise((draws, count, frame, model.z_dim), generator, like)
    z = model.posterior(batch, noise).z[:, :, -1]
    means = []
    for step in range(horizon):
        prior = model.next_state(z, None, actions[:, step])
        z = prior.loc + prior.scale * draw_noise((draws, count, model.z_dim), generator, like)
        means.append(model.frame(z).mean.mean(0))
    return torch.stack(means, dim=1).cpu().double().numpy()


def _until(sequences: Sequences, frame: int) -> Sequences:
    """The first `frame` frames of every sequence; the action of the last of them is not known."""

    def cut(arrays: tuple[np.ndarray, ...] | None) -> tuple[np.ndarray, ...] | None:
        return None if arrays is None else tuple(array[:frame] for array in arrays)

    x = tuple(array[:frame] for array in sequences.x)
    return Sequences(x, sequences.names, cut(sequences.u), cut(sequences.observed))
