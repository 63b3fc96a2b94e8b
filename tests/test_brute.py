"""Every estimator against brute force, on models small enough for it."""

import math

import numpy as np
import pytest
import torch
from brute import GRID, brute, means_after
from models import INFERENCE, small_model

from dmm_core.data.sequences import Sequences
from dmm_core.inference.evaluation import evaluate, few_paths
from dmm_core.inference.filtering import particle_filter
from dmm_core.inference.imputation import impute
from dmm_core.inference.intervention import means_under
from dmm_core.inference.sampling import continuation
from dmm_core.inference.smc import smc_nll

LENGTHS = (1, 3, 5)
SOME = ("DKS", "MF-LR")
AUG = dict(x_to_z=True, x_to_x=True)
FAMILY = {
    "bernoulli": {},
    "nade": dict(emission="nade", nade_hidden=4),
    "gaussian": dict(kind="real"),
    "bernoulli-aug": AUG,
    "nade-aug": dict(emission="nade", nade_hidden=4, **AUG),
    "gaussian-aug": dict(kind="real", **AUG),
    "bernoulli-missing": dict(missing=True),
    "gaussian-missing": dict(kind="real", missing=True),
    "actions-aug": dict(u_dim=1, **AUG),
    "flows": dict(flows=2, flow_hidden=5),
}


def case(member, inference="DKS", x_dim=2, seed=0):
    """A model that says something, and ragged sequences for it."""
    model = small_model(z_dim=1, x_dim=x_dim, inference=inference, seed=seed, **member)
    rng = np.random.default_rng(seed)
    combiner = model.inference.combiner
    with torch.no_grad():
        # About the prior, and wider, or importance weights have no variance.
        several = inference.startswith("MF")
        for head in combiner.variance if several else [combiner.variance]:
            head.bias.fill_(2.5 if inference == "MF-LR" else 1.2)
        for head in combiner.loc if several else [combiner.loc]:
            head.weight.mul_(0.2)
        for parameter in model.emission.parameters():  # a new one says little
            parameter.mul_(2.0)
    real = member.get("kind") == "real"
    x = [rng.normal(0, 1.5, (t, x_dim)) if real else rng.random((t, x_dim)) < 0.5 for t in LENGTHS]
    u = observed = None
    if member.get("u_dim"):
        u = tuple(rng.normal(0, 1, (t, member["u_dim"])) for t in LENGTHS)
    if member.get("missing"):
        observed = tuple(rng.random((t, x_dim)) < 0.6 for t in LENGTHS)
        x = [a * o for a, o in zip(x, observed, strict=True)]
    return model, Sequences(tuple(x), tuple("abc"), u, observed)


def parts(data):
    none = [None] * len(data)
    return zip(data.x, data.u or none, data.observed or none, strict=True)


@pytest.mark.parametrize("inference", INFERENCE)
@pytest.mark.parametrize("member", FAMILY.values(), ids=FAMILY)
def test_both_estimates_are_the_exact_nll(member, inference):
    model, data = case(member, inference)
    exact = -sum(brute(model, *part).log_likelihood.sum() for part in parts(data)) / data.frames
    weighed = evaluate(model, data, samples=1000, seed=0)
    filtered = smc_nll(model, data, particles=200, seed=0)
    assert abs(filtered.nll - exact) < 5 * filtered.standard_error
    # Importance sampling too, where it does not say itself that it rests on few paths.
    assert few_paths(weighed.ess, 1000) or (
        abs(weighed.importance_nll - exact) < 5 * weighed.standard_error
    )
    assert filtered.standard_error < 0.06 and weighed.bound_per_step > exact


def test_importance_sampling_is_told_apart_from_where_it_fails():
    """So that the test above asks something of importance sampling, and of its warning."""
    weighed = []
    for samples in (1000, 8000):
        model, data = case(FAMILY["bernoulli"])
        weighed.append(evaluate(model, data, samples=samples, seed=0))
    assert few_paths(weighed[0].ess, 1000) and not few_paths(weighed[1].ess, 8000)
    exact = -sum(brute(model, *part).log_likelihood.sum() for part in parts(data)) / data.frames
    assert abs(weighed[1].importance_nll - exact) < 5 * weighed[1].standard_error


@pytest.mark.parametrize("inference", INFERENCE)
@pytest.mark.parametrize("member", FAMILY.values(), ids=FAMILY)
def test_the_filter_is_the_exact_one(member, inference):
    model, data = case(member, inference)
    x, u, observed = list(parts(data))[-1]
    exact = brute(model, x, u, observed)
    found = particle_filter(model, x, seed=0, particles=20_000, u=u, observed=observed)
    scale = exact.scale("filtered")
    assert np.abs((found.loc[:, 0] - exact.mean("filtered")) / scale).max() < 0.1
    assert np.abs(found.scale[:, 0] / scale - 1).max() < 0.1
    assert np.abs(found.log_likelihood - exact.log_likelihood).max() < 0.1


@pytest.mark.parametrize("inference", SOME)
@pytest.mark.parametrize("member", ["bernoulli-missing", "gaussian-missing"])
def test_imputed_is_the_mean_over_the_exact_smoother(member, inference):
    model, data = case(FAMILY[member], inference)
    for i in range(3):
        x, u, observed = list(parts(data))[i]
        weights = torch.as_tensor(brute(model, x, u, observed).smoothed)
        with torch.no_grad():
            exact = weights @ model.frame(GRID).mean
        found = np.stack([impute(model, data.one(i), seed=s, particles=300)[0] for s in range(9)])
        assert found.shape == (9, *x.shape)
        error = found.std(0, ddof=1) / math.sqrt(9)
        assert (np.abs(found.mean(0) - exact.numpy()) < 6 * error + 0.01).all()
        assert error.max() < 0.1


@pytest.mark.parametrize("inference", SOME)
@pytest.mark.parametrize("member", ["bernoulli", "nade", "bernoulli-aug", "nade-aug", "flows"])
def test_a_continuation_begins_where_the_model_says(member, inference):
    model, data = case(FAMILY[member], inference)
    for i in (0, 2):
        exact = means_after(model, data.x[i], None, 2)
        drawn = continuation(model, data.x[i], count=10_000, frames=2, seed=0, particles=3000)
        assert np.abs(drawn.mean.mean(0).numpy() - exact).max() < 0.02
        assert np.abs(drawn.x.mean(0).numpy() - exact).max() < 0.025


@pytest.mark.parametrize("inference", SOME)
@pytest.mark.parametrize(
    "member", [dict(u_dim=1), dict(u_dim=1, **AUG), dict(u_dim=1, **FAMILY["nade-aug"])]
)
def test_means_under_feed_each_frame_back(member, inference):
    model, data = case(member, inference)
    for frame, which in ((1, [0]), (3, [2])):
        some = data.subset(np.array(which))
        u = np.random.default_rng(1).normal(0, 2, (len(some), 2, 1)).astype(np.float32)
        found = means_under(model, some, u, frame=frame, seed=0, particles=4000)
        for i, x in enumerate(some.x):
            acted = np.concatenate([some.u[i][: frame - 1], u[i], np.zeros((1, 1))])
            exact = means_after(model, x[:frame], acted, 2)
            assert np.abs(found[i] - exact).max() < 0.02


def test_what_is_fed_back_matters():
    """So that the test above can fail: after another last frame the means are others."""
    model, data = case(dict(u_dim=1, **AUG))
    x, acted = data.x[2], np.zeros((7, 1))
    fed = means_after(model, x, acted, 2)
    x_to_x, x_to_z = model.x_to_x, model.x_to_z
    silent = means_after(model, np.concatenate([x[:-1], 1 - x[-1:]]), acted, 2)
    assert (x_to_x, x_to_z) == (True, True) and np.abs(fed - silent).max() > 0.05
