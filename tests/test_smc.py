import math

import numpy as np
import pytest
import torch
from models import INFERENCE, noise_for, random_batch, small_model
from test_exact import ExactCombiner, batch, exact_log_likelihood, linear_gaussian  # noqa: F401
from torch.distributions import Normal

from dmm_core.data.sequences import Sequences
from dmm_core.evaluation import evaluate
from dmm_core.smc import smc_log_likelihood, smc_nll


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
    weighed = evaluate(model, data, samples=20_000, seed=0)
    filtered = smc_nll(model, data, particles=500, islands=20, seed=0)
    error = math.hypot(weighed.standard_error, math.sqrt(filtered.variance))
    assert abs(float(filtered.value) - weighed.importance_nll) < 4 * error


def test_the_seed_decides_the_estimate():
    data = Sequences((np.eye(4, dtype=np.uint8),), ("eye",))
    model = small_model()
    first, again, other = (
        smc_nll(model, data, particles=5, islands=3, seed=seed).value for seed in (0, 0, 1)
    )
    assert first == again != other
