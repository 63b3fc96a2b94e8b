"""An emission is one object: everything works with one that the package has never seen."""

from typing import ClassVar, get_args

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Laplace, MultivariateNormal, Normal, Poisson
from torch.nn.functional import softplus

from dmm_core.config.schema import ModelConfig, TrainConfig
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.spec import DataSpec
from dmm_core.errors import DataError
from dmm_core.inference.evaluation import evaluate
from dmm_core.inference.filtering import particle_filter
from dmm_core.inference.imputation import hide, impute
from dmm_core.inference.infilling import infill
from dmm_core.inference.morphing import morph
from dmm_core.inference.sampling import continuation, reconstruct, sample
from dmm_core.inference.smc import smc_nll
from dmm_core.nn.distributions import BernoulliFrame, NormalFrame, as_frame
from dmm_core.nn.emission import EMISSIONS, emissions_for
from dmm_core.training.building import build_model
from dmm_core.training.events import EpochEnd
from dmm_core.training.loop import fit

X_DIM, Z_DIM = 3, 2
SMALL = ModelConfig(z_dim=Z_DIM, transition_hidden=6, rnn_size=8, rnn_dropout=0.0)


class PoissonEmission(nn.Module):
    def __init__(self, z_dim, x_dim):
        super().__init__()
        self.rate = nn.Linear(z_dim, x_dim)

    def forward(self, z, context=None):
        return Poisson(softplus(self.rate(z)))


class Frame(torch.distributions.Distribution):
    """Nothing but what the interface asks for: no mean, no mode, no support."""

    arg_constraints: ClassVar = {}

    def __init__(self, loc):
        super().__init__(batch_shape=loc.shape, validate_args=False)
        self.base = Laplace(loc, torch.ones_like(loc))

    def log_prob(self, value):
        return self.base.log_prob(value)

    def sample(self, sample_shape=()):
        return self.base.sample(sample_shape)


class OwnEmission(nn.Module):
    def __init__(self, distribution):
        super().__init__()
        self.loc = nn.Linear(Z_DIM, X_DIM)
        self.distribution = distribution

    def forward(self, z, context=None):
        return self.distribution(self.loc(z))


def joint(loc):
    return MultivariateNormal(loc, torch.eye(X_DIM).expand(*loc.shape, X_DIM), validate_args=False)


def counts(sequences=6, frames=8, rate=4.0):
    rng = np.random.default_rng(0)
    x = tuple(rng.poisson(rate, (frames, X_DIM)).astype(np.float32) for _ in range(sequences))
    return Sequences(x, tuple(f"sequence {i}" for i in range(sequences)))


def model_with(emission):
    return build_model(SMALL, DataSpec("count", X_DIM), seed=0, emission=emission)


EMISSION_OF = {
    "poisson": lambda: PoissonEmission(Z_DIM, X_DIM),
    "only log_prob and sample": lambda: OwnEmission(Frame),
    "features as one event": lambda: OwnEmission(joint),
}


@pytest.mark.parametrize("make", EMISSION_OF.values(), ids=EMISSION_OF)
def test_an_emission_from_outside_works_everywhere(make):
    data = counts()
    model = model_with(make())
    config = TrainConfig(epochs=12, batch_size=6, lr=0.02, anneal_updates=1, eval_every=0)
    ends = [e for e in fit(model, Splits("counts", "real", data, data, data), config)]
    bounds = [e.train_bound for e in ends if isinstance(e, EpochEnd)]
    assert bounds[-1] < bounds[0]

    found = evaluate(model, data, samples=20, seed=0)
    assert np.isfinite([found.bound_per_step, found.importance_nll]).all()
    filtered = smc_nll(model, data, particles=50, seed=0, replicates=2)
    assert filtered.nll < found.bound_per_step + 1
    x = data.x[0]
    assert particle_filter(model, x, seed=0, particles=50).loc.shape == (8, Z_DIM)

    drawn = sample(model, count=4, frames=200, seed=0)
    assert torch.equal(drawn.x, sample(model, count=4, frames=200, seed=0).x)
    assert not torch.equal(drawn.x, sample(model, count=4, frames=200, seed=1).x)
    assert drawn.x.shape == drawn.mean.shape == (4, 200, X_DIM) and drawn.x.std() > 0
    assert continuation(model, x, count=3, frames=5, seed=0).x.shape == (3, 5, X_DIM)
    assert reconstruct(model, x, seed=0, draws=10).shape == (8, X_DIM)
    assert morph(model, x, x, weights=np.full((2, 8), 0.5), seed=0).x.shape == (2, 8, X_DIM)
    filled = infill(model, x, first=3, after=6, count=2, seed=0, particles=50).x
    assert np.array_equal(filled[:, :3], np.stack([x[:3]] * 2))
    assert np.array_equal(filled[:, 6:], np.stack([x[6:]] * 2))


def test_poisson_counts_are_drawn_with_the_models_rate():
    model = model_with(PoissonEmission(Z_DIM, X_DIM))
    drawn = sample(model, count=50, frames=200, seed=0)
    assert torch.equal(drawn.x, drawn.x.round()) and (drawn.x >= 0).all()
    assert float(drawn.x.mean()) == pytest.approx(float(drawn.mean.mean()), rel=0.02)
    coldest = sample(model, count=1, frames=5, seed=0, x_temperature=0.0)
    assert torch.equal(coldest.x, coldest.mean.floor())
    with pytest.raises(DataError, match=r"temperature 0 or 1, not 0\.5"):
        sample(model, count=1, frames=5, seed=0, x_temperature=0.5)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    sample(model, count=1, frames=2, seed=0)
    assert torch.equal(torch.get_rng_state(), state)


def test_missing_counts_are_left_out_and_imputed():
    hidden = hide(counts(), 0.3, seed=0)
    joint_model = model_with(OwnEmission(joint))
    with pytest.raises(DataError, match="explains all features of a frame together"):
        evaluate(joint_model, hidden, samples=2, seed=0)
    spec = DataSpec("count", X_DIM, missing=True)
    seen = build_model(SMALL, spec, seed=0, emission=PoissonEmission(Z_DIM, X_DIM))
    means = impute(seen, hidden, seed=0, particles=20)
    assert means.shape == (6, 8, X_DIM) and (means > 0).all()


@pytest.mark.parametrize(
    ("value", "words"), [(-1.0, "counts: values are whole numbers"), (0.5, "holds 0\\.5")]
)
def test_a_value_without_a_probability_is_refused(value, words):
    data = counts()
    data.x[2][1, 1] = value
    with pytest.raises(DataError, match=words):
        evaluate(model_with(PoissonEmission(Z_DIM, X_DIM)), data, samples=2, seed=0)


def test_pytorchs_distributions_become_frames():
    logits = torch.tensor([0.3, -2.0])
    frame = as_frame(Bernoulli(probs=torch.sigmoid(logits)))
    assert isinstance(frame, BernoulliFrame) and torch.allclose(frame.logits, logits)
    frame = as_frame(Normal(logits, torch.ones(2)))
    assert isinstance(frame, NormalFrame) and as_frame(frame) is frame
    noise = frame.noise(torch.Generator().manual_seed(0))
    assert torch.equal(frame.draw(noise, 2.0).x, logits + 2 * noise)


# One row for each emission of the package: the kinds it explains, and whether it can leave
# features out.
@pytest.mark.parametrize(
    ("name", "kinds", "marginalises"),
    [
        ("bernoulli", ("binary",), True),
        ("nade", ("binary",), False),
        ("gaussian", ("real",), True),
        ("student-t", ("real",), True),
        ("poisson", ("count",), True),
        ("negative-binomial", ("count",), True),
        ("categorical", ("categorical",), False),
    ],
)
def test_an_emission_says_what_it_explains(name, kinds, marginalises):
    emission = EMISSIONS[name]
    assert emission.explains == kinds
    for kind in kinds:
        assert name in emissions_for(kind)
        assert (name in emissions_for(kind, missing=True)) == marginalises
        model = build_model(
            SMALL.model_copy(update={"emission": name, "standardise": False}),
            DataSpec(kind, X_DIM, categories=4 if kind == "categorical" else None),
            seed=0,
        )
        frame = model.frame(torch.zeros(5, Z_DIM))
        assert isinstance(frame, emission.distribution) and frame.marginalises == marginalises
        noise = frame.noise(torch.Generator().manual_seed(0))
        drawn = frame.draw(noise, 1.0)
        assert drawn.x.shape == drawn.mean.shape == frame.log_prob(drawn.x).shape == (5, X_DIM)


def test_every_setting_of_the_emission_is_in_the_table():
    assert set(get_args(ModelConfig.model_fields["emission"].annotation)) == set(EMISSIONS)
