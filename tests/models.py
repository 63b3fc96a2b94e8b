"""Small models and batches that many tests share."""

import torch

from dmm_core.config.schema import ModelConfig
from dmm_core.data.batching import SequenceBatch
from dmm_core.data.spec import DataSpec
from dmm_core.training.building import build_model

INFERENCE = ("DKS", "ST-L", "ST-LR", "MF-L", "MF-R", "MF-LR")


def small_model(x_dim=4, kind="binary", seed=0, u_dim=0, missing=False, **changes):
    settings = dict(
        z_dim=3,
        emission="bernoulli" if kind == "binary" else "gaussian",
        emission_hidden=5,
        transition_hidden=6,
        rnn_size=7,
        rnn_dropout=0.0,
        nonlinearity="tanh",
    )
    config = ModelConfig(**(settings | changes))
    return build_model(
        config, DataSpec(kind, x_dim, u_dim=u_dim, missing=missing), seed=seed
    ).double()


def random_batch(lengths, x_dim=4, seed=0, u_dim=0, missing=False):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor(lengths)
    steps = int(lengths.max())
    mask = (torch.arange(steps) < lengths[:, None]).double()
    shape = (len(lengths), steps, x_dim)
    x = torch.bernoulli(torch.full(shape, 0.4, dtype=torch.float64), generator=generator)
    valid = mask[..., None]
    observed = u = None
    if u_dim:
        u = torch.randn(*shape[:2], u_dim, generator=generator, dtype=torch.float64) * valid
    if missing:
        observed = torch.bernoulli(torch.full(shape, 0.6).double(), generator=generator) * valid
        x = x * observed
    return SequenceBatch(x * valid, mask, lengths, u, observed)


def noise_for(batch, z_dim=3, seed=1, draws=()):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*draws, *batch.mask.shape, z_dim, generator=generator, dtype=torch.float64)
