# %% [markdown]
# # Forecast a series, and recover rates
#
# A small model is trained on the yearly sunspots, and its forecasts are scored beside simple ones.
# Then a model of simulated spike counts recovers the rates of 20 neurons, which are known.

# %%
import sys

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Normal, Poisson

sys.path.extend([".", "../.."])  # finds the clone from its root and from this folder

from dmm_core import (
    DMM,
    DataConfig,
    EpochEnd,
    ModelConfig,
    Splits,
    TrainConfig,
    backtest,
    build_model,
    fit,
    forecast,
    impute,
    load_dataset,
    preset,
)
from dmm_core.data.spikes import LOADINGS, LOG_RATES, TRANSITION, simulate_spikes
from dmm_core.inference import fit_widening, reference_nlls, smc_nll, widen

torch.set_num_threads(1)

# %% [markdown]
# ## The sunspots
#
# The series is split in time: the train split is the past, and valid and test follow. The features
# are standardised within the model, so everything that comes out is in the units of the data. The
# weights of the best validation are kept.


# %%
def train(model: DMM, splits: Splits, config: TrainConfig) -> None:
    """Train a model, and leave it with the weights of the best validation."""
    best = {}
    for event in fit(model, splits, config):
        if isinstance(event, EpochEnd) and event.is_best:
            best = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(best)


sunspots = load_dataset(DataConfig(name="sunspots"))
assert sunspots.whole is not None and sunspots.spec.time is not None
series = preset("series")
model = build_model(series.model, sunspots.spec, seed=0)
train(model, sunspots, series.train.model_copy(update={"epochs": 120}))
for name, value in reference_nlls(sunspots).items():
    print(f"{name}: {value:.2f} nats a year on valid")

# %% [markdown]
# ## A forecast, and whether to trust it
#
# A forecast is a distribution. Its quantiles are those of drawn futures, which begin in states of a
# particle filter at the end of the series. The backtest forecasts from every year of the test split
# from which 11 years remain, and compares the CRPS, which is lower for a better forecast. The
# intervals are widened by the factor with which they hold 90 % of the valid split. This training is
# short; docs/results.md reports what whole trainings reach.

# %%
whole, time = sunspots.whole.sequences, sunspots.spec.time
assert whole.starts is not None
factor = fit_widening(model, sunspots, horizon=11, seed=0, samples=200, particles=200)
assert factor is not None  # the values are real, and the valid split is long enough
ahead = widen(forecast(model, whole, horizon=11, seed=0, samples=400), factor)
years = time.values(whole.starts[0], whole.frames + 11)[whole.frames :]
for year, (low, middle, high) in zip(
    years[:3], ahead.quantiles[0, [0, 2, 4], :3, 0].T, strict=True
):
    print(f"{year}: {middle:.0f} sunspots, 90 % interval {low:.0f} to {high:.0f}")

scored = backtest(model, sunspots, horizon=11, seed=0, samples=200, particles=200, calibrate=factor)
for row in scored.rows:
    print(f"{row.name}: CRPS {row.scores.crps:.1f}, within 90 %: {row.scores.coverage_90:.0%}")
print(scored.verdict)

# %% [markdown]
# ## Spikes
#
# The counts of 20 neurons are Poisson, and their log-rates are linear in a state with three
# dimensions. The model does not know that: its transition and emission are networks, and it has
# eight latent dimensions.

# %%
spikes = load_dataset(DataConfig(name="spikes"))
settings = ModelConfig(
    z_dim=8,
    emission="poisson",
    emission_hidden=32,
    emission_layers=1,
    transition_hidden=32,
    rnn="gru",
    rnn_size=64,
    rnn_dropout=0.0,
    inference="ST-LR",
)
network = build_model(settings, spikes.spec, seed=0)
train(
    network,
    spikes,
    TrainConfig(
        epochs=10, batch_size=20, lr=5e-3, lr_decay="cosine", anneal_updates=60, eval_every=2
    ),
)

# %% [markdown]
# The true system is a Deep Markov Model too. Its parts are known, so it is not trained. Its
# inference network is not trained either, but with enough particles the smoother is exact for any
# network, because a tenth of the particles come from the transition.


# %%
class TrueTransition(nn.Module):
    """z_t ~ N(A z_{t-1}, I - A A')."""

    def forward(self, z: Tensor, context: Tensor | None = None) -> Normal:
        """The distribution of the next state."""
        step = torch.tensor(TRANSITION, dtype=z.dtype)
        noise = torch.sqrt(1 - step.square().sum(1))  # I - A A' is diagonal
        return Normal(z @ step.T, noise.expand_as(z))


class TrueEmission(nn.Module):
    """x_t ~ Poisson(exp(C z_t + d))."""

    def forward(self, z: Tensor, context: Tensor | None = None) -> Poisson:
        """The distribution of the counts."""
        loadings = torch.tensor(LOADINGS.T, dtype=z.dtype)
        return Poisson(torch.exp(z @ loadings + torch.tensor(LOG_RATES, dtype=z.dtype)))


truth = build_model(ModelConfig(z_dim=3, rnn_size=8), spikes.spec, seed=0, emission=TrueEmission())
truth.transition = TrueTransition()

# %% [markdown]
# The estimated rate is the mean of the emission given the whole record. R2 is the share of the
# variance of the true rates that it explains. Bits a spike compare the likelihood with that of
# constant rates.

# %%
count = 20
records, rates = spikes.test.subset(np.arange(count)), simulate_spikes(0)["test"].rates[:count]
constant = np.concatenate(spikes.train.x).mean(0)
total = np.concatenate(records.x).sum()
null = -float(
    Poisson(torch.tensor(constant)).log_prob(torch.tensor(np.concatenate(records.x))).sum()
)
for name, one, particles in (("network", network, 100), ("true system", truth, 300)):
    estimate = impute(one, records, seed=0, particles=particles)
    left = np.square(estimate - rates).sum() / np.square(rates - rates.mean((0, 1))).sum()
    nll = smc_nll(one, records, particles=particles, replicates=2, seed=0).nll * records.frames
    bits = (null - nll) / total / np.log(2)
    print(f"{name}: R2 of the rates {1 - left:.3f}, {bits:.3f} bits a spike")
