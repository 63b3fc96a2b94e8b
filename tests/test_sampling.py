import numpy as np
import pytest
import torch
from models import small_model

from dmm_core.data.batching import SequenceBatch
from dmm_core.errors import DataError
from dmm_core.inference.sampling import continuation, reconstruct, sample

START = (np.arange(20).reshape(5, 4) % 3 == 0).astype(np.uint8)


@pytest.mark.parametrize("kind", ["binary", "real"])
def test_shapes_and_the_seed(kind):
    model = small_model(kind=kind)
    first = sample(model, count=2, frames=7, seed=0)
    again = sample(model, count=2, frames=7, seed=0)
    other = sample(model, count=2, frames=7, seed=1)
    assert first.z.shape == (2, 7, 3) and first.x.shape == first.mean.shape == (2, 7, 4)
    assert torch.equal(first.x, again.x) and torch.equal(first.z, again.z)
    assert not torch.equal(first.z, other.z)


def test_a_z_temperature_of_zero_is_the_mean_rollout():
    model = small_model()
    drawn = sample(model, count=3, frames=6, seed=5, z_temperature=0.0)
    z = model.initial().loc
    for t in range(6):
        torch.testing.assert_close(drawn.z[:, t], z.expand(3, -1))
        z = model.transition(z).loc


def test_an_x_temperature_of_zero_takes_the_more_likely_value():
    drawn = sample(small_model(), count=3, frames=6, seed=5, x_temperature=0.0)
    assert torch.equal(drawn.x, (drawn.mean > 0.5).double())
    real = sample(small_model(kind="real"), count=3, frames=6, seed=5, x_temperature=0.0)
    assert torch.equal(real.x, real.mean)


def test_paths_follow_the_prior():
    model = small_model()
    drawn = sample(model, count=4000, frames=3, seed=0)
    everywhere = torch.ones(4000, 3, dtype=torch.float64)
    batch = SequenceBatch(drawn.x, everywhere, torch.full((4000,), 3))
    prior = model.prior(drawn.z, batch)
    torch.testing.assert_close(prior.scale, drawn.scale)
    residual = (drawn.z - prior.loc) / prior.scale
    assert residual.mean().abs() < 0.02
    assert (residual.std() - 1).abs() < 0.02
    frequency = drawn.x.mean(0)
    torch.testing.assert_close(frequency, drawn.mean.mean(0), rtol=0, atol=0.04)


@pytest.mark.parametrize(
    "changes", [dict(x_to_z=True, x_to_x=True), dict(emission="nade", nade_hidden=5)]
)
def test_frames_follow_what_the_model_says_of_them(changes):
    model = small_model(**changes)
    drawn = sample(model, count=4000, frames=3, seed=0)
    batch = SequenceBatch(drawn.x, torch.ones(4000, 3).double(), torch.full((4000,), 3))
    prior = model.prior(drawn.z, batch)
    residual = (drawn.z - prior.loc) / prior.scale
    assert residual.mean().abs() < 0.02 and (residual.std() - 1).abs() < 0.02
    said = torch.log(torch.where(drawn.x > 0, drawn.mean, 1 - drawn.mean)).sum(-1)
    torch.testing.assert_close(model.log_likelihood(drawn.z, batch), said)
    torch.testing.assert_close(drawn.x.mean(0), drawn.mean.mean(0), rtol=0, atol=0.04)


ACTIONS = np.random.default_rng(0).random((11, 2)).astype(np.float32)


def test_the_same_actions_give_the_same_future_sample_for_sample():
    model = small_model(u_dim=2)
    factual = continuation(model, START, count=3, frames=6, seed=0, u=ACTIONS)
    again = continuation(model, START, count=3, frames=6, seed=0, u=ACTIONS.copy())
    assert all(torch.equal(a, b) for a, b in zip(factual, again, strict=True))


def test_an_action_changes_what_follows_it_and_nothing_before():
    model = small_model(u_dim=2)
    factual = continuation(model, START, count=3, frames=6, seed=0, u=ACTIONS)
    do = ACTIONS.copy()
    do[5 + 2] += 1.0  # acts on the step from the third new frame to the fourth
    under = continuation(model, START, count=3, frames=6, seed=0, u=do)
    assert torch.equal(factual.z[:, :3], under.z[:, :3])
    assert (factual.z[:, 3:] != under.z[:, 3:]).all()


def test_actions_of_the_start_reach_the_posterior():
    model = small_model(u_dim=2)
    factual = continuation(model, START, count=3, frames=6, seed=0, u=ACTIONS)
    other = continuation(model, START, count=3, frames=6, seed=0, u=ACTIONS[::-1].copy())
    assert (factual.z != other.z).all()


@pytest.mark.parametrize("u", [None, ACTIONS[:5], ACTIONS[:, :1]])
def test_actions_that_do_not_fit_are_refused(u):
    with pytest.raises(DataError, match="2 actions a frame"):
        continuation(small_model(u_dim=2), START, count=1, frames=6, seed=0, u=u)
    with pytest.raises(DataError, match="2 actions a frame"):
        sample(small_model(u_dim=2), count=1, frames=6, seed=0, u=u)


def test_what_was_not_observed_is_imputed():
    model = small_model(missing=True)
    observed = np.ones_like(START)
    observed[2, 1] = 0
    mean = reconstruct(model, START * observed, seed=0, draws=50, observed=observed)
    assert mean.shape == (5, 4) and 0 < mean[2, 1] < 1


@pytest.mark.parametrize("changes", [dict(emission="nade", nade_hidden=5), dict(x_to_x=True)])
def test_every_emission_reconstructs(changes):
    mean = reconstruct(small_model(**changes), START, seed=0, draws=50)
    assert mean.shape == (5, 4) and ((mean > 0) & (mean < 1)).all()


def test_a_higher_temperature_spreads():
    model = small_model()
    spread = [
        sample(model, count=500, frames=8, seed=0, z_temperature=t).z.std() for t in (0.3, 1.0, 2.0)
    ]
    assert spread[0] < spread[1] < spread[2]


def test_a_continuation_depends_on_its_start_and_seed():
    model = small_model()
    first = continuation(model, START, count=2, frames=6, seed=0)
    assert first.x.shape == (2, 6, 4)
    assert torch.equal(first.x, continuation(model, START, count=2, frames=6, seed=0).x)
    assert not torch.equal(first.z, continuation(model, 1 - START, count=2, frames=6, seed=0).z)
    assert not torch.equal(first.z, continuation(model, START, count=2, frames=6, seed=1).z)


def test_a_reconstruction_is_a_mean_of_probabilities():
    model = small_model()
    mean = reconstruct(model, START, seed=0, draws=50)
    assert mean.shape == (5, 4)
    assert ((mean > 0) & (mean < 1)).all()
    assert torch.equal(mean, reconstruct(model, START, seed=0, draws=50))
