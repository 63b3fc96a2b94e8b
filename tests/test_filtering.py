import numpy as np
import pytest
from models import INFERENCE, small_model

from dmm_core.config.schema import ModelConfig
from dmm_core.data.spec import DataSpec
from dmm_core.data.synthetic import simulate_splits
from dmm_core.exact.kalman import kalman_filter
from dmm_core.inference.filtering import particle_filter
from dmm_core.training.building import build_model

X = (np.arange(28).reshape(7, 4) % 3 == 0).astype(np.uint8)


@pytest.mark.parametrize("inference", ["DKS", "ST-LR", "MF-L"])
def test_on_a_linear_system_it_is_the_kalman_filter(inference):
    config = ModelConfig(
        z_dim=1, emission="gaussian", system="linear-gssm", inference=inference, rnn_size=6
    )
    model = build_model(config, DataSpec("real", 1), seed=0)
    system, _, x = simulate_splits("linear-gssm", 0)["test"]
    exact = kalman_filter(system, x[:1])
    found = particle_filter(model, x[0].astype(np.float32), seed=0, particles=40_000)
    scale = np.sqrt(exact.cov[:, 0, 0])
    # Means of 40,000 weighed particles scatter by about a hundredth of the posterior's scale.
    assert np.abs((found.loc[:, 0] - exact.loc[0, :, 0]) / scale).max() < 0.05
    assert np.abs(found.scale[:, 0] / scale - 1).max() < 0.05
    assert np.abs(found.log_likelihood - exact.log_likelihood[0]).max() < 0.05
    assert ((found.effective > 1000) & (found.effective <= 40_000 + 1)).all()


@pytest.mark.parametrize("inference", INFERENCE)
def test_the_future_changes_nothing(inference):
    model = small_model(inference=inference)
    other = X.copy()
    other[4:] = 1 - other[4:]
    one, two = (particle_filter(model, x, seed=0, particles=50) for x in (X, other))
    for before, after in zip(one, two, strict=True):
        np.testing.assert_array_equal(before[:4], after[:4])
        assert (before[4:] != after[4:]).any()


@pytest.mark.parametrize(
    "changes",
    [
        {"u_dim": 2},
        {"missing": True},
        {"flows": 1},
        {"combiner": "prior"},
        {"emission": "nade"},
        {"x_to_z": True, "x_to_x": True},
    ],
)
def test_every_member_of_the_family_is_filtered(changes):
    model = small_model(**changes)
    u = np.ones((7, 2), np.float32) if model.u_dim else None
    observed = np.tile(np.array([1, 0, 1, 1], np.uint8), (7, 1)) if "missing" in changes else None
    x = X if observed is None else X * observed
    found = particle_filter(model, x, seed=0, particles=20, u=u, observed=observed)
    assert found.loc.shape == found.scale.shape == (7, 3)
    assert all(np.isfinite(part).all() for part in found)


def test_the_present_action_is_not_seen():
    model = small_model(u_dim=2)
    u = np.ones((7, 2), np.float32)
    other = u.copy()
    other[3:] = -1
    one, two = (particle_filter(model, X, seed=0, particles=20, u=a).loc for a in (u, other))
    np.testing.assert_array_equal(one[:4], two[:4])
    assert (one[4:] != two[4:]).any()


def test_the_seed_decides():
    model = small_model()
    first, again, other = (
        particle_filter(model, X, seed=seed, particles=20).loc for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
