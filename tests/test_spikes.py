"""The simulated spikes follow the system that their module describes."""

import numpy as np
import pytest
from scipy.stats import poisson

from dmm_core.config.schema import DataConfig
from dmm_core.data.registry import load_dataset
from dmm_core.data.spikes import LOADINGS, LOG_RATES, NEURONS, TRANSITION, simulate_spikes


@pytest.fixture(scope="module")
def train():
    return simulate_spikes(0)["train"]


def test_the_states_move_linearly_with_variance_one(train):
    z = train.z
    assert np.allclose(z.var(axis=(0, 1)), 1, atol=0.1)
    before, after = z[:, :-1].reshape(-1, 3), z[:, 1:].reshape(-1, 3)
    fitted = np.linalg.lstsq(before, after, rcond=None)[0].T
    assert np.allclose(fitted, TRANSITION, atol=0.02)
    noise = after - before @ TRANSITION.T
    assert np.allclose(np.cov(noise.T), np.eye(3) - TRANSITION @ TRANSITION.T, atol=0.01)
    # The start is drawn from the same distribution as every other frame.
    assert np.allclose(z[:, 0].var(axis=0), 1, atol=0.3)


def test_the_counts_are_poisson_with_the_true_rates(train):
    assert np.allclose(train.rates, np.exp(train.z @ LOADINGS.T + LOG_RATES))
    residuals = (train.x - train.rates) / np.sqrt(train.rates)
    assert np.allclose(residuals.mean(axis=(0, 1)), 0, atol=0.03)
    assert np.allclose(residuals.var(axis=(0, 1)), 1, atol=0.1)
    # E exp(c'z + d) = exp(d + |c|^2 / 2) for z ~ N(0, I)
    expected = np.exp(LOG_RATES + (LOADINGS**2).sum(axis=1) / 2)
    assert np.allclose(train.x.mean(axis=(0, 1)), expected, rtol=0.1)


def test_the_numbers_of_the_docs(train):
    test = simulate_spikes(0)["test"]
    truth = -poisson.logpmf(test.x, test.rates).sum(axis=-1).mean()
    mean = -poisson.logpmf(test.x, train.x.mean(axis=(0, 1))).sum(axis=-1).mean()
    assert (round(truth, 3), round(mean, 3)) == (14.690, 17.151)


def test_the_data_set_is_the_simulation():
    splits = load_dataset(DataConfig(name="spikes", seed=3))
    simulated = simulate_spikes(3)
    for split in ("train", "valid", "test"):
        assert np.array_equal(np.stack(splits[split].x), simulated[split].x)
    assert splits.kind == "count" and splits.features == NEURONS
    assert not np.array_equal(simulated["test"].x, simulate_spikes(4)["test"].x)
