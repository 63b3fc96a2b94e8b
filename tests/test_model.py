import pytest
import torch
from models import INFERENCE, noise_for, random_batch, small_model
from torch.autograd.functional import jacobian

from dmm_core.config.schema import ModelConfig
from dmm_core.data.batching import SequenceBatch
from dmm_core.data.spec import DataSpec
from dmm_core.errors import DataError
from dmm_core.inference.objective import bound_of
from dmm_core.nn.combiner import StructuredCombiner
from dmm_core.nn.dmm import count_parameters
from dmm_core.nn.mlp import scale_of
from dmm_core.nn.recurrence import latent_recurrence
from dmm_core.nn.summary import Summary, reversal
from dmm_core.training.building import build_model


@pytest.mark.parametrize("inference", INFERENCE)
@pytest.mark.parametrize("rnn", ["lstm", "gru", "rnn"])
def test_a_bound_does_not_change_with_padding_or_batch(inference, rnn):
    model = small_model(inference=inference, rnn=rnn)
    batch = random_batch([9, 4, 1, 6])
    noise = noise_for(batch)
    together = bound_of(model, batch, model.posterior(batch, noise))
    for i, length in enumerate(batch.lengths.tolist()):
        x = batch.x[i : i + 1, :length]
        alone = SequenceBatch(x, torch.ones_like(x[..., 0]), torch.tensor([length]))
        path = model.posterior(alone, noise[i : i + 1, :length])
        bound = bound_of(model, alone, path)
        torch.testing.assert_close(together.nll[i, :length], bound.nll[0], rtol=0, atol=1e-10)
        torch.testing.assert_close(together.kl[i, :length], bound.kl[0], rtol=0, atol=1e-10)
        assert (together.nll[i, length:] == 0).all()
        assert (together.kl[i, length:] == 0).all()


@pytest.mark.parametrize("inference", INFERENCE)
def test_what_padding_holds_does_not_matter(inference):
    model = small_model(inference=inference)
    batch = random_batch([5, 3])
    noise = noise_for(batch)
    garbage = batch.x + 9.0 * (1 - batch.mask[..., None])
    clean = model.posterior(batch, noise)
    dirty = model.posterior(batch._replace(x=garbage), noise)
    valid = batch.mask.bool()
    torch.testing.assert_close(clean.z[valid], dirty.z[valid], rtol=0, atol=1e-12)


def dependence(inference):
    """(T, T) booleans: does the conditional loc at t, given z_{t-1}, change with x at s?"""
    model = small_model(inference=inference)
    batch = random_batch([6])
    noise = noise_for(batch)

    def loc(x):
        summary = model.inference.summariser(x, batch.lengths)
        combiner = model.inference.combiner
        if not isinstance(combiner, StructuredCombiner):
            return combiner(summary, noise).loc[0]
        # Given z_{t-1}, every step stands alone: one-step sequences from a fixed start.
        parts = [None if h is None else h.transpose(0, 1) for h in summary]
        return combiner(Summary(*parts), noise.transpose(0, 1)).loc[:, 0]

    full = jacobian(loc, batch.x)  # (T, z, 1, T, x)
    return full.abs().sum((1, 2, 4)) > 0


@pytest.mark.parametrize("inference", INFERENCE)
def test_each_network_sees_exactly_what_its_name_says(inference):
    t, s = torch.meshgrid(torch.arange(6), torch.arange(6), indexing="ij")
    sees = {"L": s <= t, "R": s >= t, "LR": torch.ones(6, 6, dtype=torch.bool)}
    direction = "R" if inference == "DKS" else inference.partition("-")[2]
    assert torch.equal(dependence(inference), sees[direction])


@pytest.mark.parametrize("inference", INFERENCE)
@pytest.mark.parametrize("transition", ["gated", "mlp", "linear"])
@pytest.mark.parametrize("kind", ["binary", "real"])
def test_every_parameter_gets_a_gradient(inference, transition, kind):
    model = small_model(
        inference=inference, transition=transition, kind=kind, learn_initial=True, rnn_layers=2
    )
    batch = random_batch([6, 4])
    bound = bound_of(model, batch, model.posterior(batch, noise_for(batch)))
    (bound.nll.sum() + bound.kl.sum()).backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_the_published_net_has_its_published_number_of_parameters():
    config = ModelConfig(
        z_dim=100,
        emission_hidden=200,
        emission_layers=2,
        transition="mlp",
        transition_hidden=200,
        transition_layers=2,
        rnn_size=600,
        inference="DKS",
    )
    assert count_parameters(build_model(config, DataSpec("binary", 88), seed=0)) == 3_295_288


def test_the_second_bias_of_the_rnn_is_zero_and_frozen():
    model = small_model(rnn="lstm")
    biases = {n: p for n, p in model.named_parameters() if "bias_hh" in n}
    assert biases
    assert all(not p.requires_grad and not p.any() for p in biases.values())


def test_forget_bias_is_set():
    model = small_model(rnn="lstm", forget_bias=2.5)
    bias = model.inference.summariser.future.bias_ih_l0
    assert (bias[7:14] == 2.5).all()
    assert (bias[:7] == 0).all() and (bias[14:] == 0).all()


def test_the_seed_decides_every_weight():
    same = [small_model(seed=3).state_dict() for _ in range(2)]
    other = small_model(seed=4).state_dict()
    assert all(torch.equal(same[0][k], same[1][k]) for k in same[0])
    assert not torch.equal(same[0]["emission.logits.weight"], other["emission.logits.weight"])


@pytest.mark.parametrize(
    ("scheme", "check"),
    [
        ("uniform", lambda w: w.abs().max() <= 0.1),
        ("normal", lambda w: 0.05 < w.std() < 0.15),
        ("xavier", lambda w: w.abs().max() <= (6 / (7 + 7)) ** 0.5),
        ("he", lambda w: 0.3 < w.std() < 0.8),
        ("orthogonal", lambda w: torch.allclose(w @ w.T, torch.eye(7).double(), atol=1e-5)),
    ],
)
def test_initialisation_schemes(scheme, check):
    model = small_model(init=scheme)
    for gate in model.inference.summariser.future.weight_hh_l0.split(7):
        assert check(gate)


def test_an_emission_that_does_not_fit_the_data_is_refused():
    with pytest.raises(DataError, match="choose gaussian"):
        build_model(ModelConfig(), DataSpec("real", 3), seed=0)


def test_several_draws_are_the_draws_one_by_one():
    model = small_model(inference="ST-LR")
    batch = random_batch([5, 3])
    noise = noise_for(batch, draws=(4,))
    together = model.posterior(batch, noise)
    for k in range(4):
        alone = model.posterior(batch, noise[k])
        for a, b in zip(together[:3], alone[:3], strict=True):
            torch.testing.assert_close(a[k], b, rtol=0, atol=1e-12)


def test_reversal_is_its_own_inverse_and_leaves_padding():
    index = reversal(torch.tensor([3, 5]), 5)
    assert index.tolist() == [[2, 1, 0, 3, 4], [4, 3, 2, 1, 0]]
    assert torch.equal(index.gather(1, index), torch.arange(5).expand(2, 5))


def recurrence_arguments(steps=5, rows=3, z_dim=2, hidden=4):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape, grad=True):
        values = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return values.requires_grad_(grad)

    return (
        draw(steps, rows, 2 * z_dim),
        draw(steps, rows, z_dim, grad=False),
        draw(rows, z_dim),
        draw(hidden, z_dim),
        draw(hidden),
        draw(2 * z_dim, hidden),
    )


def plain_recurrence(heads, noise, start, weight, bias, head_weight):
    z, z_dim, states = start, start.shape[1], []
    for t in range(len(heads)):
        step = heads[t] + torch.tanh(z @ weight.T + bias) @ head_weight.T
        loc, scale = step[:, :z_dim], scale_of(step[:, z_dim:])
        z = loc + scale * noise[t]
        states.append((z, loc, scale))
    return tuple(torch.stack(s) for s in zip(*states, strict=True))


def test_the_recurrence_is_the_plain_loop_and_so_are_its_gradients():
    arguments = recurrence_arguments()
    fast, plain = latent_recurrence(*arguments), plain_recurrence(*arguments)
    wanted = [a for a in arguments if a.requires_grad]
    weights = [torch.randn_like(s) for s in plain]
    gradients = [
        torch.autograd.grad(sum((s * w).sum() for s, w in zip(states, weights)), wanted)  # noqa: B905
        for states in (fast, plain)
    ]
    for a, b in zip(fast, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_the_recurrences_gradients_by_finite_differences():
    assert torch.autograd.gradcheck(latent_recurrence, recurrence_arguments())
