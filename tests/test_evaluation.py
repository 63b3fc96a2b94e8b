import math

import numpy as np
import pytest
import torch
from models import noise_for, random_batch, small_model

from dmm_core.data.sequences import Sequences
from dmm_core.evaluation import evaluate, frame_accuracy, log_mean_exp, valid_bound
from dmm_core.objective import bound_of, log_weights, weigh


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


def test_with_one_sample_the_importance_estimate_has_no_known_error():
    result = evaluate(small_model(), rolls(), samples=1, seed=0)
    assert result.standard_error == math.inf


def test_the_seed_decides_the_estimate():
    model, data = small_model(), rolls()
    first, again, other = (evaluate(model, data, samples=9, seed=s) for s in (0, 0, 1))
    assert first.importance_nll == again.importance_nll != other.importance_nll


def test_the_importance_nll_does_not_rise_with_more_samples():
    model, data = small_model(), rolls()
    few = np.mean([evaluate(model, data, samples=2, seed=s).importance_nll for s in range(60)])
    many = evaluate(model, data, samples=4000, seed=0)
    assert many.importance_nll < few + 2 * many.standard_error


def test_the_standard_error_is_the_scatter_of_repeated_estimates():
    model, data = small_model(), rolls()
    estimates = [evaluate(model, data, samples=3000, seed=s) for s in range(30)]
    scatter = np.std([e.importance_nll for e in estimates], ddof=1)
    stated = np.mean([e.standard_error for e in estimates])
    assert stated == pytest.approx(scatter, rel=0.5)


def test_chunks_do_not_change_what_is_estimated(monkeypatch):
    model, data = small_model(), rolls()
    whole = evaluate(model, data, samples=500, seed=0)
    monkeypatch.setattr("dmm_core.evaluation.FRAMES_AT_ONCE", 100)
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
    result = log_mean_exp(log_w)
    assert result.value.tolist() == [-1e5, 2.0]
    assert result.variance.tolist() == [0.0, 0.0]


def test_frame_accuracy():
    truth = torch.tensor([[1, 1, 0, 0]], dtype=torch.bool)
    guess = torch.tensor([[1, 0, 1, 0]], dtype=torch.bool)
    assert frame_accuracy(truth, guess) == 1 / 3
    assert frame_accuracy(truth, truth) == 1.0
    assert frame_accuracy(truth & False, truth & False) == 1.0


def test_both_ways_to_weigh_a_path_cost_one_look_at_it():
    model, batch = small_model(), random_batch([5, 3])
    path = model.posterior(batch, noise_for(batch, draws=(2,)))
    bound, log_w = weigh(model, batch, path)
    torch.testing.assert_close(log_w, log_weights(model, batch, path), rtol=1e-12, atol=1e-12)
    for found, expected in zip(bound, bound_of(model, batch, path), strict=True):
        assert torch.equal(found, expected)


def test_parts_of_like_lengths_give_what_one_padded_batch_gives(monkeypatch):
    model, data = small_model(), rolls(lengths=(2, 3, 3, 9, 14, 15, 40))
    found = evaluate(model, data, samples=7, seed=0)
    monkeypatch.setattr("dmm_core.evaluation._LITTLE_PADDING", 100.0)
    padded = evaluate(model, data, samples=7, seed=0)
    monkeypatch.setattr("dmm_core.evaluation._NOISE_AT_ONCE", 1)
    in_few = evaluate(model, data, samples=7, seed=0)
    for other in (padded, in_few):
        assert other._replace(seconds=0) == pytest.approx(found._replace(seconds=0), rel=1e-12)
