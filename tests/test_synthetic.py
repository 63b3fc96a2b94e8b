import numpy as np
import pytest

from dmm_core.data.synthetic import load_synthetic, simulate, simulate_splits
from dmm_core.data.systems import LINEAR_GSSM

NAMES = ["linear-toy", "linear-gssm"]


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
