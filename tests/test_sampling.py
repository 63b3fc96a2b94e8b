import numpy as np
import pytest
import torch
from models import small_model

from dmm_core.sampling import continuation, reconstruct, sample

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
    prior = model.prior(drawn.z)
    residual = (drawn.z - prior.loc) / prior.scale
    assert residual.mean().abs() < 0.02
    assert (residual.std() - 1).abs() < 0.02
    frequency = drawn.x.mean(0)
    torch.testing.assert_close(frequency, drawn.mean.mean(0), rtol=0, atol=0.04)


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
