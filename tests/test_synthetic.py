import numpy as np
import pytest

from dmm_core.data.synthetic import load_synthetic, simulate, simulate_splits
from dmm_core.data.systems import ALPHA, BETA, LINEAR_GSSM, SYSTEMS
from dmm_core.exact.kalman import expected_nll, kalman_filter, kalman_smoother

NAMES = ["linear-toy", "linear-gssm", "linear-gssm-10", "nonlinear-gssm", "nonlinear-ukf"]
GROWING = {10: (20.179, 0.834, 0.995), 100: (200.773, 0.892, 1.061), 250: (507.935, 0.903, 1.074)}


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_decides_every_number(name):
    first, again, other = (load_synthetic(name, seed) for seed in (3, 3, 4))
    for split in ("train", "valid", "test"):
        np.testing.assert_array_equal(np.stack(first[split].x), np.stack(again[split].x))
        assert not np.array_equal(np.stack(first[split].x), np.stack(other[split].x))


@pytest.mark.parametrize("name", NAMES)
def test_the_data_set_is_what_the_truth_emitted(name):
    splits, truth = load_synthetic(name, 5), simulate_splits(name, 5)
    assert splits.kind == "real"
    assert splits.steps_per_quarter is None
    for split, (_, z, x) in truth.items():
        np.testing.assert_array_equal(np.stack(splits[split].x), x.astype(np.float32))
        assert z.shape[:2] == x.shape[:2]


def test_linear_toy_is_the_published_draw_shuffled():
    starts = np.concatenate([part.z[:, 0] for part in simulate_splits("linear-toy", 0).values()])
    published = np.random.RandomState(0).randn(12_000, 3)
    assert published[0, 0] == 1.764052345967664
    np.testing.assert_array_equal(np.sort(starts, axis=0), np.sort(published, axis=0))
    assert not np.array_equal(starts, published)


def test_linear_toy_moves_without_noise_and_is_seen_through_noise_of_scale_4():
    system, z, x = simulate_splits("linear-toy", 0)["train"]
    np.testing.assert_allclose(z[:, 1:], z[:, :-1] @ system.transition.T, rtol=1e-12)
    assert not system.transition_cov.any()
    noise = x - z
    assert noise.std() == pytest.approx(4.0, rel=0.01)
    assert noise.mean() == pytest.approx(0.0, abs=0.05)


def test_linear_gssm_has_the_moments_of_its_definition():
    count, steps = 20_000, 6
    _, z, x = simulate(LINEAR_GSSM, count, steps, seed=1)
    t = np.arange(steps)
    variance = 1.0 + 10.0 * t  # of z_t, a random walk from N(0, 1) with steps of variance 10
    error = 5 * np.sqrt(variance / count)
    np.testing.assert_array_less(np.abs(z[..., 0].mean(axis=0) - 0.05 * t), error)
    np.testing.assert_allclose(z[..., 0].var(axis=0), variance, rtol=0.05)
    np.testing.assert_allclose(np.diff(z[..., 0]).var(), 10.0, rtol=0.02)
    np.testing.assert_allclose((x - 0.5 * z).var(), 20.0, rtol=0.02)


def test_sequences_of_the_splits_are_all_different():
    first = np.concatenate([s.x[:, 0, 0] for s in simulate_splits("linear-gssm", 0).values()])
    assert len(np.unique(first)) == 6000


def test_nonlinear_gssm_has_the_moments_of_its_definition():
    assert (ALPHA, BETA) == (0.5, -0.1)
    _, z, x = simulate(SYSTEMS["nonlinear-gssm"], 20_000, 6, seed=1)
    np.testing.assert_allclose(z[:, 0].var(axis=0), 0.01, rtol=0.05)
    before, after = z[:, :-1].reshape(-1, 2), z[:, 1:].reshape(-1, 2)
    mean = [
        0.2 * before[:, 0] + np.tanh(0.5 * before[:, 1]),
        0.2 * before[:, 1] + np.sin(-0.1 * before[:, 0]),
    ]
    noise = after - np.stack(mean, axis=1)
    np.testing.assert_allclose(np.cov(noise.T), np.eye(2), atol=0.02)
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=0.015)
    np.testing.assert_allclose((x - 0.5 * z).var(axis=(0, 1)), 0.1, rtol=0.02)


def test_nonlinear_ukf_has_the_moments_of_its_definition():
    _, z, x = simulate(SYSTEMS["nonlinear-ukf"], 20_000, 6, seed=1)
    np.testing.assert_allclose(z[:, 0].var(), 0.01, rtol=0.05)
    noise = z[:, 1:] - (2 * np.sin(z[:, :-1]) + z[:, :-1])
    np.testing.assert_allclose(noise.var(), 5.0, rtol=0.02)
    np.testing.assert_allclose((x - 0.5 * z).var(), 5.0, rtol=0.02)


@pytest.mark.parametrize("dim", GROWING)
def test_the_growing_systems_are_stable_and_have_their_known_figures(dim):
    system = SYSTEMS[f"linear-gssm-{dim}"]
    rotation = system.transition / 0.9
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(dim), atol=1e-12)
    for cov, low, high in ((system.transition_cov, 0.5, 1.5), (system.emission_cov, 1.0, 3.0)):
        variances = np.diag(cov)
        np.testing.assert_array_equal(cov, np.diag(variances))
        assert low < variances.min() and variances.max() < high
    x = np.zeros((1, 25, dim))
    least, smoothing, filtering = GROWING[dim]
    assert expected_nll(system, 25) == pytest.approx(least, abs=5e-4)
    for posterior, known in ((kalman_smoother, smoothing), (kalman_filter, filtering)):
        variances = np.trace(posterior(system, x).cov, axis1=1, axis2=2) / dim
        assert np.sqrt(variances.mean()) == pytest.approx(known, abs=5e-4)


def test_the_data_seed_leaves_the_growing_systems_alone():
    one, other = (simulate_splits("linear-gssm-10", seed)["test"] for seed in (0, 1))
    assert one.system is other.system
    nll = -kalman_filter(one.system, other.x).log_likelihood.mean(axis=1)
    error = nll.std() / np.sqrt(len(nll))
    assert abs(nll.mean() - expected_nll(one.system, 25)) < 4 * error
