"""Frames enter the networks standardised or encoded; everything outside is in the data's units."""

import math

import numpy as np
import pytest
import torch

from dmm_core.config.schema import ModelConfig, TrainConfig, stored_values
from dmm_core.data.sequences import Sequences, Splits
from dmm_core.data.spec import DataSpec
from dmm_core.errors import DataError
from dmm_core.inference.evaluation import evaluate
from dmm_core.inference.filtering import particle_filter
from dmm_core.inference.imputation import hide, impute
from dmm_core.inference.infilling import infill
from dmm_core.inference.intervention import means_under
from dmm_core.inference.latent import posterior_moments
from dmm_core.inference.sampling import continuation, reconstruct, sample
from dmm_core.inference.seeded_sampling import resident
from dmm_core.inference.smc import smc_nll
from dmm_core.nn.distributions import CountFrame, NormalFrame, StudentTFrame
from dmm_core.nn.encoding import LogCounts, OneHot, ScaledFrame, Standardised
from dmm_core.training.building import build_model
from dmm_core.training.loop import Training, fit

SMALL = ModelConfig(
    z_dim=2, emission="gaussian", emission_hidden=8, transition_hidden=6, rnn_size=8, rnn_dropout=0
)


def ar1(scale=1.0, sequences=8, frames=30, features=2, offset=0.0):
    rng = np.random.default_rng(0)
    x = np.zeros((sequences, frames, features))
    for t in range(1, frames):
        x[:, t] = 0.8 * x[:, t - 1] + rng.standard_normal((sequences, features))
    x = (x * scale + offset * scale).astype(np.float32)
    return Sequences(tuple(x), tuple(f"series {i}" for i in range(sequences)))


def trained(data, kind="real", epochs=8, **model):
    splits = Splits("made", kind, data, data, data)
    built = build_model(SMALL.model_copy(update=model), splits.spec, seed=0)
    config = TrainConfig(epochs=epochs, batch_size=4, lr=0.01, anneal_updates=0, threads=1)
    list(fit(built, splits, config))
    return built


@pytest.mark.parametrize("emission", ["gaussian", "student-t"])
@pytest.mark.parametrize("aug", [False, True])
def test_the_bound_does_not_depend_on_the_unit(emission, aug):
    found = []
    for scale in (1e-6, 1.0, 1e6):
        data = ar1(scale, offset=3.0)
        model = trained(data, emission=emission, x_to_z=aug, x_to_x=aug)
        bound = evaluate(model, data, samples=3, seed=0).bound_per_step
        found.append(bound - 2 * math.log(scale))
        drawn = sample(model, count=50, frames=20, seed=0).x / scale
        assert 1 < drawn.mean() < 5 and 0.5 < drawn.std() < 5
    assert found == pytest.approx([found[1]] * 3, abs=1e-4)


def test_constants_are_those_of_the_observed_values_of_the_train_split():
    data = hide(ar1(offset=4.0), 0.4, seed=0)
    x, seen = np.concatenate(data.x), np.concatenate(data.observed).astype(bool)
    splits = Splits("made", "real", data, ar1(offset=100.0), ar1())
    model = build_model(SMALL, splits.spec, seed=0)
    assert not model.encoder.fitted
    Training(model, splits, TrainConfig(threads=1))
    assert model.encoder.fitted
    for i in range(2):
        assert float(model.encoder.loc[i]) == pytest.approx(x[seen[:, i], i].mean(), rel=1e-5)
        assert float(model.encoder.scale[i]) == pytest.approx(x[seen[:, i], i].std(), rel=1e-5)
    # A model that was fitted keeps its constants when it is trained on other data.
    before = model.encoder.loc.clone()
    Training(model, Splits("other", "real", ar1(9.0), ar1(), ar1()), TrainConfig(threads=1))
    assert torch.equal(model.encoder.loc, before)


def test_a_constant_feature_stays_finite():
    data = ar1()
    x = tuple(np.concatenate([x, np.full((len(x), 1), 7.3, np.float32)], axis=1) for x in data.x)
    model = trained(Sequences(x, data.names), epochs=30)
    assert float(model.encoder.scale[2]) == 1.0
    drawn = sample(model, count=100, frames=10, seed=0).x
    assert torch.isfinite(drawn).all()
    assert float(drawn[..., 2].mean()) == pytest.approx(7.3, abs=0.1)
    assert float(drawn[..., 2].std()) < 0.7


def test_features_that_were_not_observed_enter_as_zero():
    data = hide(ar1(offset=50.0), 0.3, seed=0)
    model = trained(data, epochs=2)
    batch = model.encoded(resident(model, data).everything())
    assert (batch.x[batch.observed == 0] == 0).all()
    assert float(batch.x[batch.observed == 1].abs().max()) < 6
    assert np.isfinite(impute(model, data, seed=0, particles=20)).all()


def test_standardising_can_be_switched_off_and_is_off_in_older_configurations():
    spec = DataSpec("real", 2)
    off = build_model(SMALL.model_copy(update={"standardise": False}), spec, seed=0)
    on = build_model(SMALL, spec, seed=0)
    assert isinstance(on.encoder, Standardised)
    names = {"encoder.loc", "encoder.scale", "encoder.is_fitted"}
    assert set(on.state_dict()) - set(off.state_dict()) == names
    before = {n: v for n, v in SMALL.model_dump().items() if n != "standardise"}
    assert stored_values({"model": before})["model"]["standardise"] is False
    assert stored_values({"model": SMALL.model_dump()})["model"]["standardise"] is True


def test_a_scaled_frame_is_the_distribution_of_the_scaled_value():
    loc, scale = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 30.0])
    base = NormalFrame(torch.tensor([0.3, 0.1]), torch.tensor([2.0, 0.4]))
    frame = ScaledFrame(base, loc, scale)
    exact = torch.distributions.Normal(base.loc * scale + loc, base.scale * scale)
    x = torch.tensor([2.0, 5.0])
    assert torch.allclose(frame.log_prob(x), exact.log_prob(x))
    assert torch.allclose(frame.mean, exact.mean)
    noise = frame.noise(torch.Generator().manual_seed(0))
    assert torch.allclose(frame.draw(noise, 0.5).x, exact.mean + 0.5 * exact.scale * noise)


def test_student_t_draws_keep_their_mean_and_their_tails():
    frame = StudentTFrame(
        torch.full((40_000,), 4.0), torch.ones(40_000), torch.full((40_000,), 2.0)
    )
    noise = frame.noise(torch.Generator().manual_seed(0))
    x = frame.draw(noise, 1.0).x
    assert float(x.mean()) == pytest.approx(1.0, abs=0.06)
    assert float((x - 1).abs().mean()) == pytest.approx(2 * 1.0, rel=0.05)  # E|t_4| = 1
    assert torch.allclose(frame.draw(noise, 0.5).x - 1, 0.5 * (x - 1), atol=1e-5)


# -- counts ---------------------------------------------------------------------------------------


def spikes(rate=(0.2, 40.0), sequences=8, frames=30):
    rng = np.random.default_rng(1)
    x = rng.poisson(rate, (sequences, frames, 2)).astype(np.float32)
    return Sequences(tuple(x), tuple(f"trial {i}" for i in range(sequences)))


@pytest.mark.parametrize("emission", ["poisson", "negative-binomial"])
def test_rates_start_near_the_mean_count_of_each_feature(emission):
    data = spikes()
    model = trained(data, "count", epochs=40, emission=emission)
    assert isinstance(model.encoder, LogCounts)
    drawn = sample(model, count=40, frames=30, seed=0).x
    assert torch.equal(drawn, drawn.round())
    assert drawn.mean((0, 1)).tolist() == pytest.approx([0.2, 40.0], rel=0.3)
    bound = evaluate(model, data, samples=3, seed=0).bound_per_step
    x = np.concatenate(data.x)
    exact = torch.distributions.Poisson(torch.tensor(x.mean(0)))
    best = -float(exact.log_prob(torch.tensor(x)).sum(-1).mean())
    assert best - 0.1 < bound < best + 0.6
    assert infill(model, data.x[0], first=3, after=6, count=2, seed=0, particles=20).x.shape


def test_a_negative_binomial_has_the_mean_and_variance_it_says():
    frame = CountFrame(torch.full((50_000,), 6.0), torch.full((50_000,), 2.0))
    x = frame.draw(frame.noise(torch.Generator().manual_seed(0)), 1.0).x
    assert float(x.mean()) == pytest.approx(6.0, rel=0.02)
    assert float(x.var()) == pytest.approx(6 * (1 + 2), rel=0.05)
    doubled = frame.times(torch.tensor(2.0))
    assert float(doubled.mean[0]) == pytest.approx(12.0)


def test_other_values_than_counts_are_refused():
    model = trained(spikes(), "count", epochs=1, emission="poisson")
    with pytest.raises(DataError, match="counts: values are whole numbers"):
        evaluate(model, ar1(), samples=2, seed=0)


# -- categories -----------------------------------------------------------------------------------


def test_categories_are_encoded_one_hot():
    encoder = OneHot(2, 3)
    assert encoder.width == 6
    assert encoder(torch.tensor([[2.0, 0.0]])).tolist() == [[0, 0, 1, 1, 0, 0]]
    with pytest.raises(DataError, match="2 to 1,024 categories, not None"):
        DataSpec("categorical", 2)
    with pytest.raises(DataError, match="Only categorical data have categories"):
        DataSpec("real", 2, categories=3)
    spec = DataSpec("categorical", 2, categories=3, c_dim=2, covariates=("beat", "fermata"))
    assert DataSpec.from_json(spec.to_json()) == spec


# -- covariates -----------------------------------------------------------------------------------


def driven(sequences=12, frames=24):
    """x_t = 2 c_t + noise: without c, half of what is to be known is not known."""
    rng = np.random.default_rng(0)
    c = rng.standard_normal((sequences, frames, 1)).astype(np.float32)
    x = (2 * c + 0.1 * rng.standard_normal(c.shape)).astype(np.float32)
    return Sequences(tuple(x), tuple(f"series {i}" for i in range(sequences)), c=tuple(c))


def test_covariates_explain_what_depends_on_them():
    data = driven(frames=12)
    with_c = trained(data, epochs=40)
    without = trained(Sequences(data.x, data.names), epochs=40)
    assert with_c.c_dim == 1
    bounds = [
        evaluate(with_c, data, samples=5, seed=0).bound_per_step,
        evaluate(without, Sequences(data.x, data.names), samples=5, seed=0).bound_per_step,
    ]
    assert bounds[0] < bounds[1] - 0.5
    c = np.linspace(-1, 1, 20, dtype=np.float32)[:, None]
    mean = sample(with_c, count=200, frames=20, seed=0, c=c).mean.mean(0)[:, 0].numpy()
    assert np.corrcoef(mean, c[:, 0])[0, 1] > 0.95


def test_covariates_reach_every_part_and_every_view():
    data = driven(frames=10)
    model = trained(data, epochs=2, x_to_z=True, x_to_x=True)
    x, c = data.x[0], data.c[0]
    other = c + 1
    assert not np.allclose(
        posterior_moments(model, x, seed=0, draws=3, c=c).loc,
        posterior_moments(model, x, seed=0, draws=3, c=other).loc,
    )
    z = torch.zeros(2)
    one = torch.ones(1)
    for part in (model.first_state, lambda c: model.next_state(z, c=c)):
        assert not torch.allclose(part(one).loc, part(-one).loc)
    assert not torch.allclose(model.frame(z, c=one).mean, model.frame(z, c=-one).mean)
    assert particle_filter(model, x, seed=0, particles=20, c=c).loc.shape == (10, 2)
    assert np.isfinite(smc_nll(model, data, particles=20, replicates=2, seed=0).nll)
    long = np.concatenate([c, other[:4]])
    assert continuation(model, x, count=2, frames=4, seed=0, c=long).x.shape == (2, 4, 1)
    assert reconstruct(model, x, seed=0, draws=3, c=c).shape == (10, 1)
    assert infill(model, x, first=2, after=5, count=2, seed=0, particles=9, c=c).x.shape[1] == 10
    assert impute(model, data, seed=0, particles=9).shape == (12, 10, 1)


def test_a_model_with_covariates_needs_them():
    data = driven(frames=10)
    model = trained(data, epochs=1)
    with pytest.raises(DataError, match=r"1 covariates a frame, .* \(5, 1\), not None"):
        sample(model, count=1, frames=5, seed=0)
    with pytest.raises(DataError, match="1 covariates a frame, but the sequences have 0"):
        evaluate(model, Sequences(data.x, data.names), samples=2, seed=0)


def test_an_intervention_takes_the_covariates_of_the_future():
    data = driven(sequences=3, frames=10)
    u = tuple(np.ones((10, 1), np.float32) for _ in range(3))
    both = Sequences(data.x, data.names, u=u, c=data.c)
    model = trained(both, epochs=1)
    future = np.ones((3, 4, 1), np.float32)
    found = [means_under(model, both, future, frame=5, seed=0, c=c) for c in (future, -future)]
    assert found[0].shape == (3, 4, 1) and not np.allclose(*found)
    with pytest.raises(DataError, match=r"= \(3, 4, 1\), not None"):
        means_under(model, both, future, frame=5, seed=0)


def test_a_part_of_a_batch_keeps_its_covariates():
    data = driven(sequences=3, frames=10)
    assert np.array_equal(data.between(2, 7).c[1], data.c[1][2:7])
    assert np.array_equal(data.one(2).c[0], data.c[2])
    with pytest.raises(DataError, match="covariates are finite float32 of shape"):
        Sequences(data.x, data.names, c=tuple(c[:-1] for c in data.c))
