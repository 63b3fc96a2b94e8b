import pytest
import torch
from models import noise_for, random_batch, small_model
from test_training import MODEL, metrics, splits, training

from dmm_core.config.schema import TrainConfig, parse_config
from dmm_core.errors import ConfigError
from dmm_core.inference.objective import bound_of
from dmm_core.system.device import choose_device, precision_warning, tf32_matmul
from dmm_core.training.building import build_model
from dmm_core.training.loop import Training

MODELS = [
    dict(),
    dict(rnn="gru", inference="ST-LR"),
    dict(rnn="rnn-relu", rnn_layers=2),
    dict(rnn="rnn", inference="MF-LR", transition="mlp"),
    dict(emission="nade", x_to_z=True, x_to_x=True),
    dict(combiner="prior", learn_initial=True),
    dict(flows=2, flow_hidden=9, transition="linear"),
    dict(kind="real"),
]


def single(batch):
    return batch._replace(x=batch.x.float(), mask=batch.mask.float())


@pytest.mark.parametrize("changes", MODELS)
def test_in_bf16_only_products_are_rounded(changes):
    model = small_model(**{"emission_hidden": 20, "rnn_size": 30, **changes}).float()
    batch = single(random_batch([5, 3, 6]))
    noise = noise_for(batch).float()
    bounds, gradients = [], []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            path = model.posterior(batch, noise)
            prior = model.prior(path.z, batch)
            bound = bound_of(model, batch, path)
        for part in (path.z, path.loc, path.scale, prior.loc, prior.scale, *bound):
            assert part.dtype == torch.float32
        bounds.append((bound.nll + bound.kl).sum())
        used = [p for p in model.parameters() if p.requires_grad]
        found = torch.autograd.grad(bounds[-1], used)
        assert {gradient.dtype for gradient in found} == {torch.float32}
        gradients.append(torch.cat([gradient.flatten() for gradient in found]))
    assert bounds[0].item() != bounds[1].item()
    assert bounds[1].item() == pytest.approx(bounds[0].item(), rel=0.01)
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99


def test_a_known_law_is_not_rounded():
    model = small_model(x_dim=1, z_dim=1, kind="real", system="linear-gssm").float()
    batch = single(random_batch([5, 3, 6], x_dim=1))
    z = 40 * noise_for(batch, z_dim=1).float()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model.prior(z, batch).loc, model.log_likelihood(z, batch)
    assert torch.equal(rounded[0], model.prior(z, batch).loc)
    assert torch.equal(rounded[1], model.log_likelihood(z, batch))


def test_a_training_in_bf16_keeps_everything_in_float32_and_is_evaluated_in_it():
    run = training(precision="bf16", weight_average=0.9, epochs=12, eval_every=12)
    ends = metrics(run.events())
    assert ends[-1]["train_bound"] < ends[0]["train_bound"]
    for group, tensors in run.state().tensors.items():
        for name, tensor in tensors.items():
            assert tensor.dtype == (torch.float64 if name == "sums" else torch.float32), group
    plain = training(weight_average=0.9, epochs=12, eval_every=12)
    assert ends[-1]["valid_bound"] != metrics(plain.events())[-1]["valid_bound"]
    plain.load_state(run.state())
    plain._swap_average()
    assert ends[-1]["valid_bound"] == plain._valid_bound()


def test_a_precision_that_a_device_has_not_is_refused():
    with pytest.raises(ConfigError, match="tf32, which cpu does not support"):
        parse_config({"train": {"precision": "tf32", "device": "cpu"}})
    with pytest.raises(ConfigError, match="not on mps"):
        parse_config({"train": {"precision": "bf16", "device": "mps"}})
    assert choose_device("cpu", "bf16") == torch.device("cpu")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match=r"only CUDA GPUs have, but .* would run on cpu"):
            choose_device("auto", "tf32")


def test_tf32_is_for_products_within_and_float32_means_float32():
    matmul, rnn = torch.backends.cuda.matmul, torch.backends.cudnn.rnn
    before = matmul.fp32_precision, rnn.fp32_precision
    with tf32_matmul(True):
        assert (matmul.fp32_precision, rnn.fp32_precision) == ("tf32", "tf32")
    assert (matmul.fp32_precision, rnn.fp32_precision) == before
    with tf32_matmul(False):
        assert (matmul.fp32_precision, rnn.fp32_precision) == before


def test_float32_on_cuda_is_not_tf32(monkeypatch):
    matmul, rnn = torch.backends.cuda.matmul, torch.backends.cudnn.rnn
    before = matmul.fp32_precision, rnn.fp32_precision
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    try:
        assert choose_device("auto") == torch.device("cuda")
        assert (matmul.fp32_precision, rnn.fp32_precision) == ("ieee", "ieee")
    finally:
        matmul.fp32_precision, rnn.fp32_precision = before


@pytest.mark.parametrize(
    ("device", "precision", "capabilities", "slow"),
    [
        ("cpu", "bf16", {"architecture": "x86_64", "avx2": True}, True),
        ("auto", "bf16", {"architecture": "x86_64", "avx512_bf16": False}, True),
        ("cpu", "bf16", {"architecture": "x86_64", "avx512_bf16": True}, False),
        ("cpu", "bf16", {"architecture": "x86_64", "amx_bf16": True}, False),
        ("cpu", "bf16", {"architecture": "aarch64"}, False),
        ("cuda", "bf16", {"architecture": "x86_64"}, False),
        ("cpu", "float32", {"architecture": "x86_64"}, False),
    ],
)
def test_bf16_is_warned_of_where_a_processor_emulates_it(
    monkeypatch, device, precision, capabilities, slow
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert ("AVX512-BF16" in precision_warning(device, precision)) == slow


def test_a_training_tells_that_bf16_is_slow_here(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "x86_64"})
    told = []
    data = splits()
    model = build_model(MODEL, data.spec, seed=0)
    Training(model, data, TrainConfig(precision="bf16", device="cpu"), tell=told.append)
    assert told == [precision_warning("cpu", "bf16")] and "ten times as long" in told[0]
