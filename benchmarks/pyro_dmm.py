"""The same Deep Markov Model written against Pyro's API, as a user of Pyro would have it.

Layers and sizes are those of `ModelConfig`'s defaults: gated transition, DKS, Bernoulli emission. A
site a time step, a mask for padding, `Trace_ELBO` and Pyro's own optimiser. The future's RNN reads
each sequence reversed by its length, as ours does, which is cheaper than packing.
"""

from collections.abc import Callable

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import ClippedAdam  # pyright: ignore[reportPrivateImportUsage]
from torch import nn
from torch.nn.functional import softplus

from dmm_core.config.schema import ModelConfig
from dmm_core.data.batching import SequenceBatch
from dmm_core.nn.summary import reversal

__all__ = ["PyroDMM", "svi_update"]

_FLOOR = 1e-5


class PyroDMM(nn.Module):
    """The generative model as `model` and the inference network as `guide`.

    Args:
        config: sizes; `rnn` is rnn-relu or lstm.
        x_dim: features of a frame.
        embedding: put a layer between frames and RNN, as ours has; Pyro's published model has none.
    """

    def __init__(self, config: ModelConfig, x_dim: int, *, embedding: bool) -> None:
        super().__init__()
        z, hidden, size = config.z_dim, config.transition_hidden, config.rnn_size
        self.z_dim = z
        self.gate = nn.Sequential(nn.Linear(z, hidden), nn.ReLU(), nn.Linear(hidden, z))
        self.proposal = nn.Sequential(nn.Linear(z, hidden), nn.ReLU(), nn.Linear(hidden, z))
        self.linear = nn.Linear(z, z)
        self.spread = nn.Linear(z, z)
        nn.init.eye_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        width = config.emission_hidden
        self.emission = nn.Sequential(
            nn.Linear(z, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, x_dim),
        )  # fmt: skip
        self.embedding = (
            nn.Sequential(nn.Linear(x_dim, size), nn.ReLU()) if embedding else nn.Identity()
        )
        inputs = size if embedding else x_dim
        self.rnn = (
            nn.LSTM(inputs, size, batch_first=True)
            if config.rnn == "lstm"
            else nn.RNN(inputs, size, nonlinearity="relu", batch_first=True)
        )
        self.combine = nn.Linear(z, size)
        self.loc = nn.Linear(size, z)
        self.variance = nn.Linear(size, z)

    def model(self, batch: SequenceBatch, kl_weight: float) -> None:
        """p(x, z), each latent term weighted by `kl_weight`."""
        pyro.module("dmm", self)
        z = batch.x.new_zeros(len(batch.x), self.z_dim)
        with pyro.plate("sequences", len(batch.x)):
            for t in pyro.markov(range(batch.x.shape[1])):
                valid = batch.mask[:, t, None] > 0
                if t == 0:
                    loc, scale = torch.zeros_like(z), torch.ones_like(z)
                else:
                    gate, proposal = torch.sigmoid(self.gate(z)), self.proposal(z)
                    loc = (1 - gate) * self.linear(z) + gate * proposal
                    scale = torch.sqrt(softplus(self.spread(torch.relu(proposal))) + _FLOOR)
                with pyro.poutine.scale(scale=kl_weight):
                    state = dist.Normal(loc, scale).mask(valid).to_event(1)
                    z = pyro.sample(f"z_{t}", state)
                notes = dist.Bernoulli(logits=self.emission(z)).mask(valid).to_event(1)
                pyro.sample(f"x_{t}", notes, obs=batch.x[:, t])

    def guide(self, batch: SequenceBatch, kl_weight: float) -> None:
        """q(z given x), each term weighted by `kl_weight`."""
        pyro.module("dmm", self)
        index = reversal(batch.lengths, batch.x.shape[1])[..., None]
        frames = self.embedding(batch.x)
        states = self.rnn(frames.gather(1, index.expand_as(frames)))[0]
        future = states.gather(1, index.expand_as(states))
        z = batch.x.new_zeros(len(batch.x), self.z_dim)
        with pyro.plate("sequences", len(batch.x)):
            for t in pyro.markov(range(batch.x.shape[1])):
                combined = 0.5 * (torch.tanh(self.combine(z)) + future[:, t])
                scale = torch.sqrt(softplus(self.variance(combined)) + _FLOOR)
                state = dist.Normal(self.loc(combined), scale)
                state = state.mask(batch.mask[:, t, None] > 0).to_event(1)
                with pyro.poutine.scale(scale=kl_weight):
                    z = pyro.sample(f"z_{t}", state)


def svi_update(dmm: PyroDMM, *, lr: float, clip_norm: float) -> Callable[[SequenceBatch], float]:
    """A function that does one update on a batch, at full KL weight; it returns the bound."""
    pyro.clear_param_store()
    optimizer = ClippedAdam({"lr": lr, "clip_norm": clip_norm})
    svi = SVI(dmm.model, dmm.guide, optimizer, loss=Trace_ELBO())
    return lambda batch: svi.step(batch, 1.0)  # pyright: ignore[reportReturnType]
