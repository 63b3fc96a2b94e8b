"""Every member of the model family: what each option adds, and that nothing else changes."""

import math

import numpy as np
import pytest
import torch
from models import INFERENCE, noise_for, random_batch, small_model
from test_exact import FutureInformation, batch, exact_log_likelihood, linear_gaussian  # noqa: F401
from torch import nn
from torch.autograd.functional import jacobian
from torch.distributions import Normal

from dmm_core.config.schema import ModelConfig, parse_config
from dmm_core.data.batching import SequenceBatch
from dmm_core.data.sequences import Sequences
from dmm_core.data.spec import DataSpec
from dmm_core.data.systems import LINEAR_GSSM, SYSTEMS, LinearGaussian
from dmm_core.errors import ConfigError, DataError
from dmm_core.exact.kalman import kalman_filter
from dmm_core.inference.evaluation import effective_samples, evaluate, few_paths, log_mean_exp
from dmm_core.inference.objective import bound_of, importance_bound, log_weights
from dmm_core.inference.smc import smc_log_likelihood, smc_nll
from dmm_core.nn.combiner import PriorCombiner, product_of
from dmm_core.nn.flows import InverseAutoregressiveFlows
from dmm_core.nn.nade import NADE, nade_logits
from dmm_core.training.building import build_model

FAMILY = {
    "aug": dict(x_to_z=True, x_to_x=True),
    "aug-mlp": dict(x_to_z=True, transition="mlp"),
    "nade": dict(emission="nade", nade_hidden=5),
    "aug-nade": dict(x_to_z=True, x_to_x=True, emission="nade", nade_hidden=5),
    "actions": dict(u_dim=2),
    "missing": dict(missing=True),
    "actions-missing": dict(u_dim=2, missing=True, inference="ST-LR"),
    "prior-combiner": dict(combiner="prior", x_to_z=True),
    "flows": dict(flows=2, flow_hidden=6),
    "flows-mean-field": dict(flows=1, flow_hidden=6, inference="MF-LR"),
    "all-at-once": dict(
        combiner="prior", flows=2, flow_hidden=6, u_dim=2, inference="ST-LR", learn_initial=True
    ),
}
members = pytest.mark.parametrize("member", FAMILY.values(), ids=FAMILY)


def data_of(member, lengths):
    return random_batch(lengths, u_dim=member.get("u_dim", 0), missing=member.get("missing", False))


@members
def test_a_bound_does_not_change_with_padding_or_batch(member):
    model, together = small_model(**member), data_of(member, [6, 4, 1])
    noise = noise_for(together)
    bound = bound_of(model, together, model.posterior(together, noise))
    for i, length in enumerate(together.lengths.tolist()):
        x, mask, u, observed = (
            None if part is None else part[i : i + 1, :length]
            for part in (together.x, together.mask, together.u, together.observed)
        )
        alone = SequenceBatch(x, mask, torch.tensor([length]), u, observed)
        single = bound_of(model, alone, model.posterior(alone, noise[i : i + 1, :length]))
        torch.testing.assert_close(bound.nll[i, :length], single.nll[0], rtol=0, atol=1e-10)
        torch.testing.assert_close(bound.kl[i, :length], single.kl[0], rtol=0, atol=1e-10)


@members
def test_every_parameter_gets_a_gradient(member):
    model, data = small_model(**member), data_of(member, [6, 4])
    bound = bound_of(model, data, model.posterior(data, noise_for(data)))
    (bound.nll.sum() + bound.kl.sum()).backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@members
def test_several_draws_are_the_draws_one_by_one(member):
    model, data = small_model(**member), data_of(member, [5, 3])
    noise = noise_for(data, draws=(3,))
    together = log_weights(model, data, model.posterior(data, noise))
    alone = torch.stack([log_weights(model, data, model.posterior(data, n)) for n in noise])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-10)


@members
def test_importance_sampling_and_particle_filters_agree(member):
    model, data = small_model(**member), data_of(member, [3, 4])
    # Small weights and a q wider than the posterior let hundreds of the paths count in effect.
    variance = 20.0 if "combiner" in member else 1.0
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5)
        for name, parameter in model.inference.combiner.named_parameters():
            if name.startswith("variance") and name.endswith("bias"):
                parameter.fill_(variance)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(8000, *data.mask.shape, 3, generator=generator, dtype=torch.float64)
    log_w = log_weights(model, data, model.posterior(data, noise))
    filtered = torch.stack([smc_log_likelihood(model, data, 300, generator) for _ in range(20)])
    scatter = log_mean_exp(log_w.view(10, 800, -1), dim=1).var(0) / 10 + filtered.var(0) / 20
    apart = (log_mean_exp(log_w) - log_mean_exp(filtered)).abs()
    assert (effective_samples(log_w) > 400).all()
    assert (apart < 4.5 * scatter.sqrt()).all()


def sensitivity(function, argument):
    """Which time steps of `function(argument)` change with which of the argument's."""
    slopes = jacobian(function, argument)  # (1, T, a, 1, T, b)
    return slopes.abs().sum((0, 2, 3, 5)) > 0


def the_step_before(steps):
    return torch.diag(torch.ones(steps - 1), -1).bool()


def test_the_next_state_sees_the_frame_before_and_no_other():
    model, data = small_model(x_to_z=True), random_batch([5])
    z = noise_for(data)
    seen = sensitivity(lambda x: model.prior(z, data._replace(x=x)).loc, data.x)
    assert torch.equal(seen, the_step_before(5))


def test_the_emission_sees_the_frame_before_and_no_other():
    model, data = small_model(x_to_x=True), random_batch([5])
    z = noise_for(data)
    seen = sensitivity(lambda x: model.emit(z, data._replace(x=x)).logits, data.x)
    assert torch.equal(seen, the_step_before(5))


def test_the_next_state_sees_the_action_before_and_no_other():
    model, data = small_model(u_dim=2), random_batch([5], u_dim=2)
    z = noise_for(data)
    seen = sensitivity(lambda u: model.prior(z, data._replace(u=u)).loc, data.u)
    assert torch.equal(seen, the_step_before(5))


def test_the_inference_network_sees_the_action_before_each_step():
    model, data = small_model(u_dim=2, inference="MF-L"), random_batch([5], u_dim=2)
    noise = noise_for(data)
    seen = sensitivity(lambda u: model.posterior(data._replace(u=u), noise).loc, data.u)
    assert torch.equal(seen, torch.ones(5, 5).tril(-1).bool())


def test_a_feature_that_was_not_observed_is_integrated_out():
    model, data = small_model(missing=True), random_batch([4])
    z = noise_for(data)
    observed = torch.ones_like(data.x)
    observed[..., 1] = 0
    left_out = model.log_likelihood(z, data._replace(x=data.x * observed, observed=observed))
    values = [data.x.clone() for _ in range(2)]
    for value, x in enumerate(values):
        x[..., 1] = value
    summed = torch.logsumexp(
        torch.stack([model.log_likelihood(z, data._replace(x=x)) for x in values]), dim=0
    )
    torch.testing.assert_close(left_out, summed)


def test_the_network_is_told_what_was_observed():
    model, data = small_model(missing=True), random_batch([4], missing=True)
    noise, everything = noise_for(data), data._replace(observed=torch.ones_like(data.x))
    assert not torch.equal(model.posterior(data, noise).z, model.posterior(everything, noise).z)
    unsaid = data._replace(observed=None)
    assert torch.equal(model.posterior(unsaid, noise).z, model.posterior(everything, noise).z)


def all_frames(features):
    return torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * features)


def nade_arguments(rows=3, features=6, units=4):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        values = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return values.requires_grad_()

    x = torch.bernoulli(torch.full((rows, features), 0.5).double(), generator=generator)
    return draw(rows, units), draw(rows, features), draw(features, units), draw(features, units), x


def plain_nade_logits(start, bias, read, write, x):
    contributions = x[..., None] * read
    before = contributions.cumsum(-2) - contributions
    return bias + (torch.sigmoid(start[..., None, :] + before) * write).sum(-1)


def test_nade_sums_to_one_over_all_frames():
    start, bias, read, write, _ = nade_arguments(rows=1)
    frames = all_frames(6)
    nade = NADE(start.expand(64, -1), bias.expand(64, -1), read, write)
    total = nade.log_prob(frames).sum(-1).exp().sum()
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-12)


def test_nade_is_the_plain_formula_and_so_are_its_gradients():
    arguments = nade_arguments()
    fast, plain = nade_logits(*arguments), plain_nade_logits(*arguments)
    torch.testing.assert_close(fast, plain, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(plain)
    gradients = [torch.autograd.grad((v * weights).sum(), arguments[:4]) for v in (fast, plain)]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_nade_draws_frames_as_often_as_it_says():
    start, bias, read, write, _ = (a.detach() for a in nade_arguments(rows=1, features=3))
    count = 40_000
    nade = NADE(start.expand(count, -1), bias.expand(count, -1), read, write)
    uniform = torch.rand(count, 3, generator=torch.Generator().manual_seed(1)).double()
    drawn = nade.draw(uniform, 1.0)
    torch.testing.assert_close(  # the mean given is the one the likelihood uses
        nade.log_prob(drawn.x), torch.log(torch.where(drawn.x > 0, drawn.mean, 1 - drawn.mean))
    )
    few = NADE(start.expand(8, -1), bias.expand(8, -1), read, write)
    expected = few.log_prob(all_frames(3)).sum(-1).exp()
    found = torch.bincount((drawn.x @ torch.tensor([4.0, 2.0, 1.0]).double()).long(), minlength=8)
    error = (expected * (1 - expected) / count).sqrt()
    assert ((found / count - expected).abs() < 4.5 * error).all()
    greedy = nade.draw(uniform, 0.0)
    assert torch.equal(greedy.x, (greedy.mean > 0.5).double())


def test_a_flows_jacobian_is_triangular_and_its_diagonal_is_given():
    torch.manual_seed(0)
    for count in (1, 2, 3):
        flows = InverseAutoregressiveFlows(z_dim=4, hidden=64, count=count).double()
        base = torch.randn(4).double()
        slopes = jacobian(lambda b, f=flows: f(b).z, base)
        log_determinant = torch.linalg.slogdet(slopes).logabsdet
        torch.testing.assert_close(flows(base).log_scale.sum(), log_determinant)
        if count == 1:
            assert torch.equal(slopes, slopes.tril())
            torch.testing.assert_close(slopes.diagonal().log(), flows(base).log_scale)
            assert (slopes.tril(-1) != 0).sum() == 6


def test_a_flow_is_undone():
    torch.manual_seed(0)
    for count in (1, 3):
        flows = InverseAutoregressiveFlows(z_dim=4, hidden=64, count=count).double()
        base = 3 * torch.randn(50, 4).double()
        bent = flows(base)
        inverse = flows.inverse(bent.z)
        torch.testing.assert_close(inverse.base, base)
        torch.testing.assert_close(inverse.log_scale, bent.log_scale)


def test_a_flow_of_one_dimension_works():
    model, data = small_model(z_dim=1, flows=2, flow_hidden=3), random_batch([3])
    path = model.posterior(data, noise_for(data, 1))
    assert torch.isfinite(bound_of(model, data, path).kl).all()


def test_flows_leave_the_likelihood_where_it_is():
    """The same generative model, weighed along another q: another bound, the same p(x)."""
    plain, bent = small_model(), small_model(flows=2, flow_hidden=6)
    bent.load_state_dict(plain.state_dict(), strict=False)
    x = (np.random.default_rng(0).random((3, 4)) < 0.4).astype(np.uint8)
    found = [
        evaluate(model, Sequences((x,), ("x",)), samples=20_000, seed=0) for model in (plain, bent)
    ]
    error = math.hypot(*(f.standard_error for f in found))
    assert abs(found[0].importance_nll - found[1].importance_nll) < 4 * error
    assert abs(found[0].bound_per_step - found[1].bound_per_step) > 0.03


class InformationHead(nn.Module):
    """Reads the factor that `FutureInformation` found: the mean, or the unconstrained variance."""

    def __init__(self, variance):
        super().__init__()
        self.variance = variance

    def forward(self, information):
        precision, weighted = information.chunk(2, dim=-1)
        if not self.variance:
            return weighted / precision
        return torch.log(torch.expm1(1 / precision - 1e-5))


def test_a_prior_combiner_with_the_exact_factor_is_the_exact_posterior(
    linear_gaussian,  # noqa: F811
    batch,  # noqa: F811
):
    combiner = PriorCombiner(z_dim=2, size=4)
    combiner.loc, combiner.variance = InformationHead(False), InformationHead(True)
    linear_gaussian.inference.combiner = combiner
    first = SequenceBatch(batch.x[:1], batch.mask[:1], batch.lengths[:1])  # no padding
    exact = exact_log_likelihood(first)[0]
    path = linear_gaussian.posterior(first, noise_for(first, 2, draws=(5,)))
    weights = log_weights(linear_gaussian, first, path)
    torch.testing.assert_close(weights, torch.full_like(weights, exact), rtol=0, atol=1e-9)


def test_the_product_of_gaussians_adds_precisions():
    one, two, four = torch.tensor([1.0, 2.0, 4.0])
    product = product_of(Normal(one, two), Normal(four, one))
    assert product.loc.item() == pytest.approx((1 / 4 + 4) / (1 / 4 + 1))
    assert product.scale.item() == pytest.approx(math.sqrt(1 / (1 / 4 + 1)))


def test_an_importance_bound_is_the_log_of_the_mean_weight_and_below_the_elbo():
    model, data = small_model(), random_batch([5, 3])
    path = model.posterior(data, noise_for(data, draws=(7,)))
    found = importance_bound(model, data, path, 1.0)
    torch.testing.assert_close(found, -log_mean_exp(log_weights(model, data, path)))
    assert (found < -log_weights(model, data, path).mean(0)).all()


def known_model(name, **changes):
    states = SYSTEMS[name].emission.shape[1]
    config = ModelConfig(
        z_dim=states, emission="gaussian", system=name, rnn_size=8, rnn_dropout=0.0, **changes
    )
    return build_model(config, DataSpec("real", states), seed=0).double()


def test_of_a_known_linear_system_importance_smc_and_exact_nll_agree():
    x = 5 * np.random.default_rng(0).standard_normal((2, 4, 1)).astype(np.float32)
    exact = -kalman_filter(LINEAR_GSSM, x.astype(np.float64)).log_likelihood.sum() / 8
    data, model = Sequences(tuple(x), ("a", "b")), known_model("linear-gssm")
    with torch.no_grad():
        model.inference.combiner.variance.bias.fill_(12.0)  # wider than the posterior, as it must
    weighed = evaluate(model, data, samples=10_000, seed=0)
    filtered = smc_nll(model, data, particles=10_000, seed=0)
    assert not few_paths(weighed.ess, 10_000)
    assert abs(weighed.importance_nll - exact) < 5 * weighed.standard_error
    assert abs(filtered.nll - exact) < 5 * filtered.standard_error


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_known_systems_parts_are_its_numbers(name):
    system, model = SYSTEMS[name], known_model(name)
    z = torch.linspace(-2, 2, 3 * len(system.initial_loc)).double().view(3, -1)
    if name == "nonlinear-gssm":
        learned = model.transition.step
        assert {n for n, p in model.named_parameters() if "inference" not in n} == {
            "transition.step.alpha",
            "transition.step.beta",
        }
        with torch.no_grad():
            learned.alpha.fill_(0.5)
            learned.beta.fill_(-0.1)
    linear = isinstance(system, LinearGaussian)
    loc = (
        z.numpy() @ system.transition.T + system.transition_offset
        if linear
        else system.step(z.numpy())
    )
    np.testing.assert_allclose(model.next_state(z).loc.detach(), loc, rtol=1e-6, atol=1e-6)
    variance = np.diag(system.transition_cov) if linear else system.transition_var
    np.testing.assert_allclose(model.next_state(z).variance[0].detach(), variance, rtol=1e-6)
    np.testing.assert_allclose(
        model.frame(z).mean.detach(), z.numpy() @ system.emission.T, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("model", "train", "message"),
    [
        (dict(inference="MF-L", combiner="prior"), {}, "choose DKS, ST-L or ST-LR"),
        (dict(system="linear-gssm"), {}, "gaussian emission, not bernoulli"),
        (dict(system="linear-gssm", emission="gaussian", x_to_z=True), {}, "x_to_z or x_to_x"),
        (
            dict(system="linear-gssm", emission="gaussian", learn_initial=True),
            {},
            "learn_initial cannot be on",
        ),
        ({}, dict(objective="iwae"), "train.samples >= 2"),
        ({}, dict(objective="iwae", samples=2, free_bits=1.0), "no separate KL term"),
        ({}, dict(optimizer="rmsprop", weight_decay=0.1), "needs optimizer adam"),
    ],
)
def test_what_does_not_go_together_is_refused_with_a_reason(model, train, message):
    with pytest.raises(ConfigError, match=message):
        parse_config({"model": model, "train": train})


@pytest.mark.parametrize(
    ("changes", "facts", "message"),
    [
        (dict(emission="nade"), dict(kind="real"), "explains binary data"),
        (dict(emission="nade"), dict(missing=True), "cannot leave a feature out"),
        (dict(x_to_z=True), dict(missing=True), "leave both off"),
    ],
)
def test_what_the_data_do_not_allow_is_refused_with_a_reason(changes, facts, message):
    with pytest.raises(DataError, match=message):
        spec = DataSpec(**(dict(x_dim=4, kind="binary") | facts))
        build_model(ModelConfig(**changes), spec, seed=0)


def test_a_known_system_of_other_dimensions_is_refused():
    config = ModelConfig(system="linear-gssm-10", emission="gaussian", z_dim=3)
    with pytest.raises(ConfigError, match="10 latent dimensions, 10 features, no actions"):
        build_model(config, DataSpec("real", 10), seed=0)


@pytest.mark.parametrize("inference", INFERENCE)
@pytest.mark.parametrize("rnn", ["rnn-relu"])
def test_every_cell_summarises(inference, rnn):
    model, data = small_model(inference=inference, rnn=rnn), random_batch([4, 2])
    assert torch.isfinite(model.posterior(data, noise_for(data)).z).all()
