import math

import numpy as np
import pytest
import torch
from models import INFERENCE, noise_for, random_batch, small_model
from test_exact import ExactCombiner, batch, exact_log_likelihood, linear_gaussian  # noqa: F401
from torch.distributions import Normal

from dmm_core.data.sequences import Sequences
from dmm_core.inference.evaluation import evaluate, log_mean_exp
from dmm_core.inference.objective import log_weights
from dmm_core.inference.smc import smc_log_likelihood, smc_nll


class PriorCombiner(ExactCombiner):
    """Proposes from the transition alone: the bootstrap filter."""

    def __init__(self, model):
        super().__init__()
        self.transition = model.transition
        self.initial = model.initial

    def step(self, summary, before, prior=None):
        prior = self.initial() if before is None else self.transition(before)
        shape = (*prior.loc.shape[:-2], len(summary.future), 2)
        return Normal(prior.loc.expand(shape), prior.scale.expand(shape))


def test_one_particle_from_the_exact_posterior_has_the_kalman_log_likelihood(
    linear_gaussian,  # noqa: F811
    batch,  # noqa: F811
):
    exact = torch.tensor(exact_log_likelihood(batch), dtype=torch.float64)
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        found = smc_log_likelihood(linear_gaussian, batch, 1, generator)
        torch.testing.assert_close(found, exact, rtol=0, atol=1e-10)


@pytest.mark.parametrize("proposal", ["prior", "smoothing"])
def test_the_estimate_of_the_likelihood_is_unbiased(linear_gaussian, batch, proposal):  # noqa: F811
    if proposal == "prior":
        linear_gaussian.inference.combiner = PriorCombiner(linear_gaussian)
    exact = torch.tensor(exact_log_likelihood(batch), dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    ratios = torch.stack(
        [
            (smc_log_likelihood(linear_gaussian, batch, 100, generator) - exact).exp()
            for _ in range(60)
        ]
    )
    error = ratios.std(0) / math.sqrt(len(ratios))
    assert (error[:2] > 1e-4).all()  # resampling scatters; the third sequence is one frame
    assert ((ratios.mean(0) - 1).abs() < 4 * error + 1e-10).all()


@pytest.mark.parametrize("inference", INFERENCE)
def test_a_step_is_the_paths_conditional(inference):
    model = small_model(inference=inference)
    data = random_batch([5, 3])
    noise = noise_for(data)
    path = model.posterior(data, noise)
    summary = model.inference.summarise(data)
    for t in range(5):
        q = model.inference.combiner.step(summary.at(t), path.z[:, t - 1] if t else None)
        torch.testing.assert_close(q.loc, path.loc[:, t], rtol=0, atol=1e-12)
        torch.testing.assert_close(q.scale, path.scale[:, t], rtol=0, atol=1e-12)


def test_smc_agrees_with_importance_sampling_on_short_sequences():
    rng = np.random.default_rng(0)
    x = tuple((rng.random((t, 4)) < 0.4).astype(np.uint8) for t in (3, 5))
    data = Sequences(x, ("a", "b"))
    model = small_model()
    with torch.no_grad():
        model.inference.combiner.variance.bias.fill_(2.0)  # or weights have no variance
    weighed = evaluate(model, data, samples=5000, seed=0)
    filtered = smc_nll(model, data, particles=5000, seed=0)
    error = math.hypot(weighed.standard_error, filtered.standard_error)
    assert abs(filtered.nll - weighed.importance_nll) < 4 * error


def test_the_spread_is_the_scatter_over_seeds(linear_gaussian):  # noqa: F811
    rng = np.random.default_rng(0)
    data = Sequences(tuple(rng.normal(0, 2, (t, 2)) for t in (3, 7, 5)), tuple("abc"))
    found = [smc_nll(linear_gaussian, data, particles=50, seed=seed) for seed in range(40)]
    spread = math.sqrt(np.mean([estimate.spread**2 for estimate in found]))
    # 40 means of 4 replicates: their standard deviation is known to 11 %.
    assert np.std([estimate.nll for estimate in found], ddof=1) == pytest.approx(
        spread / 2, rel=0.35
    )
    assert found[0].standard_error == pytest.approx(found[0].spread / 2)


def test_an_overconfident_network_is_weighed_out(linear_gaussian, batch):  # noqa: F811
    """Its states are a hundredth as wide as the posterior's; the transition's make up for it."""

    class Narrow(ExactCombiner):
        def step(self, summary, before, prior=None):
            q = super().step(summary, before, prior)
            return Normal(q.loc, q.scale / 100)

    linear_gaussian.inference.combiner = Narrow()
    exact = torch.tensor(exact_log_likelihood(batch), dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    found = torch.stack(
        [smc_log_likelihood(linear_gaussian, batch, 3000, generator) for _ in range(8)]
    )
    assert ((found.mean(0) - exact).abs() < 0.3).all()
    one = batch._replace(x=batch.x[:1], mask=batch.mask[:1], lengths=batch.lengths[:1])
    noise = noise_for(one, 2, draws=(24_000,))
    path = linear_gaussian.posterior(one, noise)
    alone = log_mean_exp(log_weights(linear_gaussian, one, path))
    assert exact[0] - alone > 3.0


def test_the_seed_decides_the_estimate():
    data = Sequences((np.eye(4, dtype=np.uint8),), ("eye",))
    model = small_model()
    first, again, other = (
        smc_nll(model, data, particles=5, replicates=3, seed=seed).nll for seed in (0, 0, 1)
    )
    assert first == again != other
