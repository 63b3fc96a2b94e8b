import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from models import small_model
from test_training import metrics, splits, training, weights

from dmm_core import stepping
from dmm_core.config import TrainConfig
from dmm_core.nn.combiner import StructuredCombiner
from dmm_core.nn.recurrence import latent_recurrence

triton = pytest.importorskip("triton", reason="Triton is for Linux")
CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Imports dmm_core.kernels anew: as it is, or for Triton's interpreter."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "triton"))

    def imported(*, interpreted):
        monkeypatch.setenv("TRITON_INTERPRET", str(int(interpreted)))
        monkeypatch.delitem(sys.modules, "dmm_core.kernels", raising=False)
        return importlib.import_module("dmm_core.kernels")

    return imported


@pytest.fixture
def kernels(fresh):
    """The kernels on the GPU, or in the interpreter where there is none."""
    return fresh(interpreted=not CUDA)


def arguments(steps, rows, z_dim, units, seed=0):
    """Of `latent_recurrence`; the noise not in order of time, as a combiner has it."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape):
        return torch.randn(*shape, generator=generator).to(DEVICE)

    given = [
        drawn(steps, rows, 2 * z_dim),
        drawn(rows, steps, z_dim).movedim(1, 0),
        drawn(z_dim).expand(rows, -1),
        drawn(units, z_dim) * z_dim**-0.5,
        drawn(units),
        drawn(2 * z_dim, units) * units**-0.5,
    ]
    return [tensor if place == 1 else tensor.requires_grad_() for place, tensor in enumerate(given)]


@pytest.mark.parametrize(
    ("steps", "rows", "z_dim", "units"),
    [(1, 1, 1, 1), (4, 3, 2, 5), (3, 16, 16, 64), (3, 21, 70, 130)],
)
def test_steps_by_kernels_are_the_plain_steps_and_so_are_their_gradients(
    kernels, steps, rows, z_dim, units
):
    given = arguments(steps, rows, z_dim, units)
    learned = [tensor for tensor in given if tensor.requires_grad]
    shares = arguments(steps, rows, z_dim, 1, seed=1)
    found = []
    for way in (True, False):
        z, loc, scale = latent_recurrence(*given, kernels=way)
        cost = (z * shares[1]).sum() + (loc * shares[0][..., :z_dim]).sum() + (scale**2).sum()
        found.append([z, loc, scale, *torch.autograd.grad(cost, learned)])
    for mine, plain in zip(*found, strict=True):
        assert mine.shape == plain.shape
        torch.testing.assert_close(mine, plain, rtol=1e-4, atol=1e-4)


def test_without_gradients_the_steps_are_the_same(kernels):
    given = arguments(3, 4, 2, 5)
    with torch.no_grad():
        mine, plain = (latent_recurrence(*given, kernels=way) for way in (True, False))
    for a, b in zip(mine, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_the_kernels_scale_is_exact_at_both_ends(kernels):
    """Of variances from the floor to 80, with nothing but the heads to decide them."""
    rows = 161
    wide = torch.linspace(-80.0, 80.0, rows, device=DEVICE)
    heads = torch.stack([torch.zeros_like(wide), wide], dim=1)[None]
    zeros = [torch.zeros(*shape, device=DEVICE) for shape in [(1, rows, 1), (rows, 1)]]
    rest = [torch.zeros(*shape, device=DEVICE) for shape in [(4, 1), (4,), (2, 4)]]
    _, _, scale = latent_recurrence(heads, *zeros, *rest, kernels=True)
    variance = torch.nn.functional.softplus(wide.double(), threshold=100.0) + 1e-5
    torch.testing.assert_close(scale.flatten().double(), variance.sqrt(), rtol=1e-6, atol=0.0)


def test_a_training_by_kernels_is_the_plain_one(kernels):
    changes = dict(epochs=2, device="auto", weight_average=0.9)
    plain, mine = training(splits(), **changes), training(splits(), **changes)
    combiner = mine.model.inference.combiner
    assert isinstance(combiner, StructuredCombiner)
    assert not combiner.kernels
    combiner.kernels = True
    expected, found = metrics(plain.events()), metrics(mine.events())
    assert found[-1]["valid_bound"] == pytest.approx(expected[-1]["valid_bound"], rel=1e-5)
    for name, tensor in weights(plain).items():
        torch.testing.assert_close(weights(mine)[name], tensor, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("capability", [75, 80, 90])
def test_the_kernels_compile_for_gpus_and_keep_to_registers(fresh, tmp_path, capability):
    """By Triton's own compiler, which needs no GPU, at the paper's sizes."""
    module = fresh(interpreted=False)
    sizes = dict(
        zip(("latent", "units", "R", "C", "K", "precision"), module._sizes(100, 600), strict=True)
    )
    numbers = {"rows": "i32", "floor": "fp32"}
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    for kernel in (module._hidden, module._state, module._inner):
        names = list(inspect.signature(kernel.fn).parameters)
        assert names[-len(sizes) :] == list(sizes)
        kinds = {n: "constexpr" if n in sizes else numbers.get(n, "*fp32") for n in names}
        compiled = triton.compile(
            triton.compiler.ASTSource(
                kernel, kinds, {(names.index(name),): size for name, size in sizes.items()}
            ),
            target=triton.backends.compiler.GPUTarget("cuda", capability, 32),
        )
        assert compiled.metadata.shared <= 64 * 1024  # of the smallest of these GPUs
        binary = tmp_path / f"{kernel.fn.__name__}.cubin"
        binary.write_bytes(compiled.asm["cubin"])
        usage = subprocess.run(
            [tool, "-res-usage", binary], capture_output=True, text=True, check=True
        )
        assert re.search(r"STACK:0 .*LOCAL:0 ", usage.stdout), usage.stdout


CONFIG = TrainConfig(kernels=True, batch_size=4)


def told(model, config=CONFIG):
    """The sentences, side by side."""
    sentences = []
    stepping.step_by_kernels(model, config, sentences.append)
    return " ".join(sentences)


def test_kernels_are_used_where_they_prove_right(kernels, monkeypatch):
    model = small_model().to(DEVICE)
    assert stepping._trial(model.inference.combiner, DEVICE, CONFIG) == ""
    monkeypatch.setattr(type(model), "device", torch.device("cuda"))
    monkeypatch.setattr(stepping, "_trial", lambda *_: "")
    assert told(model) == ""
    assert model.inference.combiner.kernels
    assert told(model, TrainConfig()) == ""
    assert not model.inference.combiner.kernels


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "they need a CUDA GPU"),
        (dict(flows=1), "this inference network has none"),
        (dict(inference="MF-R"), "this inference network has none"),
        (dict(combiner="prior"), "this inference network has none"),
    ],
)
def test_without_kernels_to_use_a_sentence_says_why(changes, why):
    model = small_model(**changes)
    assert told(model).endswith(f"runs without kernels, since {why}.")
    assert not getattr(model.inference.combiner, "kernels", False)


def test_kernels_that_are_wrong_are_not_used(kernels, monkeypatch):
    combiner = small_model().to(DEVICE).inference.combiner
    right = kernels.steps_forward

    for times in (1.01, float("nan")):

        def wrong(*given, times=times, **floor):
            right(*given, **floor)
            given[-1].mul_(times)

        monkeypatch.setattr(kernels, "steps_forward", wrong)
        assert "they give other results here" in stepping._trial(combiner, DEVICE, CONFIG)


@pytest.mark.skipif(CUDA, reason="there is a GPU for them")
def test_kernels_that_fail_are_not_used(fresh):
    fresh(interpreted=False)  # compiled, for which there is no GPU
    combiner = small_model().inference.combiner
    assert stepping._trial(combiner, DEVICE, CONFIG).startswith("they failed: ")
