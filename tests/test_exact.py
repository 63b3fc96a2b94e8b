"""The model against exact answers: where everything is linear and Gaussian, all is known."""

import math

import numpy as np
import pytest
import torch
from models import noise_for
from torch import nn
from torch.distributions import Normal

from dmm_core.data.batching import SequenceBatch
from dmm_core.data.systems import LinearGaussian
from dmm_core.exact.kalman import kalman_filter
from dmm_core.inference.objective import bound_of, log_weights
from dmm_core.nn.combiner import LatentPath
from dmm_core.nn.dmm import DMM, InitialState
from dmm_core.nn.emission import GaussianEmission
from dmm_core.nn.inference import InferenceNetwork
from dmm_core.nn.mlp import VARIANCE_FLOOR
from dmm_core.nn.summary import Summary
from dmm_core.nn.transition import MLPTransition

A = torch.tensor([0.9, -0.5], dtype=torch.float64)
B = torch.tensor([0.05, 0.3], dtype=torch.float64)
Q = torch.tensor([1.7, 0.4], dtype=torch.float64)
C = torch.tensor([0.5, 1.2], dtype=torch.float64)
D = torch.tensor([0.1, -0.2], dtype=torch.float64)
R = torch.tensor([2.0, 0.7], dtype=torch.float64)


def unsoftplus(variance):
    return torch.log(torch.expm1(variance - VARIANCE_FLOOR))


@torch.no_grad()
def set_linear(head_loc, head_variance, weight, bias, variance):
    head_loc.weight.copy_(torch.diag(weight))
    head_loc.bias.copy_(bias)
    head_variance.weight.zero_()
    head_variance.bias.copy_(unsoftplus(variance))


class FutureInformation(nn.Module):
    """What x_{t:T} says of z_t: the precision and the precision-weighted mean of its likelihood."""

    def forward(self, x, lengths, generator=None):
        steps = x.shape[1]
        precision, weighted = torch.zeros_like(x), torch.zeros_like(x)
        for t in reversed(range(steps)):
            seen = (t < lengths)[:, None].double()
            precision[:, t] = seen * C**2 / R
            weighted[:, t] = seen * C * (x[:, t] - D) / R
            if t + 1 < steps:
                shrink = 1 + precision[:, t + 1] * Q
                precision[:, t] += A**2 * precision[:, t + 1] / shrink
                weighted[:, t] += A * (weighted[:, t + 1] - precision[:, t + 1] * B) / shrink
        return Summary(None, torch.cat([precision, weighted], dim=-1))


class ExactCombiner(nn.Module):
    """q(z_t given z_{t-1}, x_{t:T}) in closed form: the transition times that likelihood."""

    needs_prior = False

    def forward(self, summary, noise):
        z, locs, scales = [], [], []
        for t in range(noise.shape[-2]):
            q = self.step(summary.at(t), z[-1] if z else None)
            z.append(q.loc + q.scale * noise[..., t, :])
            locs.append(q.loc.expand_as(z[-1]))
            scales.append(q.scale.expand_as(z[-1]))
        return LatentPath(*(torch.stack(states, -2) for states in (z, locs, scales)))

    def step(self, summary, before, prior=None):
        precision, weighted = summary.future.chunk(2, dim=-1)
        prior_loc = torch.zeros(2).double() if before is None else A * before + B
        prior_variance = torch.ones_like(Q) if before is None else Q
        total = 1 / prior_variance + precision
        loc = (prior_loc / prior_variance + weighted) / total
        return Normal(loc, total.rsqrt().expand_as(loc))


@pytest.fixture
def linear_gaussian():
    transition = MLPTransition(z_dim=2, hidden=1, layers=0, nonlinearity="relu").double()
    set_linear(transition.loc, transition.variance, A, B, Q)
    emission = GaussianEmission(z_dim=2, x_dim=2, hidden=1, layers=0, nonlinearity="relu").double()
    set_linear(emission.loc, emission.variance, C, D, R)
    return DMM(
        initial=InitialState(z_dim=2, learned=False).double(),
        transition=transition,
        emission=emission,
        inference=InferenceNetwork(summariser=FutureInformation(), combiner=ExactCombiner()),
        x_dim=2,
    )


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    lengths = torch.tensor([12, 7, 1])
    mask = (torch.arange(12) < lengths[:, None]).double()
    x = 2.0 * torch.randn(3, 12, 2, generator=generator, dtype=torch.float64)
    return SequenceBatch(x * mask[..., None], mask, lengths)


def exact_log_likelihood(batch):
    parameters = LinearGaussian(
        initial_loc=np.zeros(2),
        initial_cov=np.eye(2),
        transition=np.diag(A.numpy()),
        transition_offset=B.numpy(),
        transition_cov=np.diag(Q.numpy()),
        emission=np.diag(C.numpy()),
        emission_offset=D.numpy(),
        emission_cov=np.diag(R.numpy()),
    )
    return [
        float(kalman_filter(parameters, x[None, :length].numpy()).log_likelihood.sum())
        for x, length in zip(batch.x, batch.lengths.tolist(), strict=True)
    ]


def test_with_the_exact_posterior_every_log_weight_is_the_kalman_log_likelihood(
    linear_gaussian, batch
):
    exact = torch.tensor(exact_log_likelihood(batch), dtype=torch.float64)
    for seed in range(20):
        path = linear_gaussian.posterior(batch, noise_for(batch, 2, seed))
        weights = log_weights(linear_gaussian, batch, path)
        torch.testing.assert_close(weights, exact, rtol=0, atol=2e-12)


def test_with_the_exact_posterior_the_mean_bound_is_the_kalman_nll(linear_gaussian, batch):
    exact = -torch.tensor(exact_log_likelihood(batch), dtype=torch.float64)
    bounds = []
    for seed in range(400):
        path = linear_gaussian.posterior(batch, noise_for(batch, 2, seed))
        bound = bound_of(linear_gaussian, batch, path)
        bounds.append((bound.nll + bound.kl).sum(-1))
    bounds = torch.stack(bounds)
    error = bounds.std(0) / math.sqrt(len(bounds))
    assert (error > 1e-3).all()  # analytic KL: the bound is exact in the mean only
    assert ((bounds.mean(0) - exact).abs() < 4 * error).all()
