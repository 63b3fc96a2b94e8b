import math

import numpy as np
import pytest
import torch
from models import noise_for, random_batch, small_model

from dmm_core.data.sequences import Sequences
from dmm_core.inference.evaluation import (
    EffectiveSamples,
    effective_samples,
    evaluate,
    few_paths,
    frame_accuracy,
    log_mean_exp,
    valid_bound,
)
from dmm_core.inference.objective import bound_and_weights, bound_of, log_weights


def rolls(lengths=(5, 9, 2), x_dim=4, seed=0):
    rng = np.random.default_rng(seed)
    x = tuple((rng.random((t, x_dim)) < 0.4).astype(np.uint8) for t in lengths)
    return Sequences(x, tuple(map(str, lengths)))


def test_the_averages_are_what_their_names_say():
    model, data = small_model(), rolls()
    together = evaluate(model, data, samples=300, seed=0)
    alone = [evaluate(model, data.subset([i]), samples=300, seed=i) for i in range(3)]
    assert (together.sequences, together.frames, together.samples) == (3, 16, 300)
    assert together.bound_per_step == pytest.approx(together.nll + together.kl)
    frames = np.array([e.frames for e in alone])
    bounds = np.array([e.bound_per_step for e in alone])
    assert together.bound_per_step == pytest.approx((bounds * frames).sum() / 16, abs=0.05)
    assert together.bound_per_sequence == pytest.approx(bounds.mean(), abs=0.05)
    assert together.importance_nll < together.bound_per_step


def test_of_one_sample_a_replicate_one_path_counts():
    result = evaluate(small_model(), rolls(), samples=1, seed=0)
    assert result.ess == (pytest.approx(1), pytest.approx(1)) and result.standard_error > 0
    assert result.importance_nll == pytest.approx(result.bound_per_step, abs=1.0)


def test_the_seed_decides_the_estimate():
    model, data = small_model(), rolls()
    first, again, other = (evaluate(model, data, samples=9, seed=s) for s in (0, 0, 1))
    assert first.importance_nll == again.importance_nll != other.importance_nll


def test_the_importance_nll_does_not_rise_with_more_samples():
    model, data = small_model(), rolls()
    few = np.mean([evaluate(model, data, samples=2, seed=s).importance_nll for s in range(60)])
    many = evaluate(model, data, samples=4000, seed=0)
    assert many.importance_nll < few + 2 * many.standard_error


@pytest.mark.parametrize("samples", [5, 1000])
def test_the_spread_is_the_scatter_over_seeds(samples):
    model, data = small_model(), rolls()
    found = [evaluate(model, data, samples=samples, replicates=3, seed=s) for s in range(40)]
    scatter = np.std([e.importance_nll for e in found], ddof=1)
    spread = math.sqrt(np.mean([e.replicate_spread**2 for e in found]))
    # The standard deviation of 40 numbers is known to 11 %.
    assert scatter == pytest.approx(spread / math.sqrt(3), rel=0.35)
    assert found[0].standard_error == pytest.approx(found[0].replicate_spread / math.sqrt(3))


def test_the_effective_sample_size_is_the_direct_formula():
    log_w = torch.randn(2, 30, 3, generator=torch.Generator().manual_seed(0)).double() * 2
    w = log_w.exp()
    direct = w.sum(1) ** 2 / (w**2).sum(1)
    torch.testing.assert_close(effective_samples(log_w, dim=1), direct)
    torch.testing.assert_close(effective_samples(log_w - 1e5, dim=1), direct)
    assert effective_samples(torch.zeros(7)) == pytest.approx(7)
    assert effective_samples(torch.tensor([0.0, -1e4])) == pytest.approx(1)


def test_the_effective_sample_size_is_that_of_each_replicates_weights(monkeypatch):
    weights = []

    def kept(log_w, dim):
        weights.append(log_w)
        return effective_samples(log_w, dim=dim)

    monkeypatch.setattr("dmm_core.inference.evaluation.effective_samples", kept)
    found = evaluate(small_model(), rolls(), samples=50, replicates=3, seed=0)
    (log_w,) = weights
    assert log_w.shape == (3, 50, 3)
    assert found.importance_nll == pytest.approx(-float(log_mean_exp(log_w, 1).mean(0).sum()) / 16)
    w = log_w.exp().numpy()
    each = (w.sum(1) ** 2 / (w**2).sum(1)).mean(0)
    assert found.ess == pytest.approx((np.median(each), each.min()))


def test_a_warning_says_when_few_paths_count():
    said = few_paths(EffectiveSamples(4.21, 1.04), 2000)
    assert "is 4.2 of 2000" in said and "smallest 1.0" in said
    assert few_paths(EffectiveSamples(400.0, 99.9), 2000)
    assert few_paths(EffectiveSamples(400.0, 100.0), 2000) == ""


def test_chunks_do_not_change_what_is_estimated(monkeypatch):
    model, data = small_model(), rolls()
    whole = evaluate(model, data, samples=500, seed=0)
    monkeypatch.setattr("dmm_core.inference.evaluation.FRAMES_AT_ONCE", 100)
    pieces = evaluate(model, data, samples=500, seed=0)
    error = 4 * math.hypot(whole.standard_error, pieces.standard_error)
    assert abs(whole.importance_nll - pieces.importance_nll) < error


def test_the_valid_bound_is_the_evaluations_bound():
    model, data = small_model(), rolls()
    repeated = np.mean([valid_bound(model, data, samples=1, seed=s) for s in range(300)])
    many = valid_bound(model, data, samples=300, seed=0)
    evaluated = evaluate(model, data, samples=300, seed=1).bound_per_step
    assert repeated == pytest.approx(evaluated, abs=0.05)
    assert many == pytest.approx(evaluated, abs=0.05)


def test_log_mean_exp_does_not_overflow():
    log_w = torch.tensor([[-1e5, 2.0], [-1e5, 2.0]], dtype=torch.float64)
    assert log_mean_exp(log_w).tolist() == [-1e5, 2.0]


def test_frame_accuracy():
    truth = torch.tensor([[1, 1, 0, 0]], dtype=torch.bool)
    guess = torch.tensor([[1, 0, 1, 0]], dtype=torch.bool)
    assert frame_accuracy(truth, guess) == 1 / 3
    assert frame_accuracy(truth, truth) == 1.0
    assert frame_accuracy(truth & False, truth & False) == 1.0


def test_bound_and_weights_are_those_of_the_single_functions():
    model, batch = small_model(), random_batch([5, 3])
    path = model.posterior(batch, noise_for(batch, draws=(2,)))
    bound, log_w = bound_and_weights(model, batch, path)
    torch.testing.assert_close(log_w, log_weights(model, batch, path), rtol=1e-12, atol=1e-12)
    for found, expected in zip(bound, bound_of(model, batch, path), strict=True):
        assert torch.equal(found, expected)


def test_parts_of_like_lengths_give_what_one_padded_batch_gives(monkeypatch):
    model, data = small_model(), rolls(lengths=(2, 3, 3, 9, 14, 15, 40))
    found = evaluate(model, data, samples=7, seed=0)
    monkeypatch.setattr("dmm_core.inference.evaluation._LITTLE_PADDING", 100.0)
    padded = evaluate(model, data, samples=7, seed=0)
    monkeypatch.setattr("dmm_core.inference.evaluation._NOISE_AT_ONCE", 1)
    in_few = evaluate(model, data, samples=7, seed=0)
    for other in (padded, in_few):
        assert other.ess == pytest.approx(found.ess, rel=1e-9)
        assert other._replace(seconds=0, ess=(0, 0))[:9] == pytest.approx(found[:9], rel=1e-12)
        assert other.replicate_spread == pytest.approx(found.replicate_spread, rel=1e-9)
