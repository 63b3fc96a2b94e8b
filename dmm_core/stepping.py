"""Steps of the latent recurrence by Triton's kernels, where those prove right on the machine."""

from collections.abc import Callable

import torch
from torch import Tensor

from dmm_core.config import TrainConfig
from dmm_core.device import tf32_products
from dmm_core.model import DMM
from dmm_core.nn.combiner import StructuredCombiner
from dmm_core.nn.recurrence import latent_recurrence

__all__ = ["step_by_kernels"]

_STEPS = 3
"""Time steps of the trial."""

_APART = {"float32": 1e-4, "bf16": 1e-4, "tf32": 1e-2}
"""How far apart results may be, as a share of the largest; the recurrence knows no bf16."""


def step_by_kernels(model: DMM, config: TrainConfig, tell: Callable[[str], object]) -> None:
    """Let the model's latent recurrence run by kernels, if the training asks for them.

    They are tried first, forward and back, on random numbers of the model's sizes. Where they
    cannot run, or give other results than PyTorch's steps, the model goes without.

    Args:
        model: on its device; its combiner is told.
        config: how it is trained.
        tell: told, in a sentence, why it goes without.
    """
    combiner = model.inference.combiner
    if isinstance(combiner, StructuredCombiner):
        combiner.kernels = False
    if not config.kernels:
        return
    if not isinstance(combiner, StructuredCombiner) or model.inference.flow is not None:
        why = "this inference network has none"
    elif model.device.type != "cuda":
        why = "they need a CUDA GPU"
    else:
        why = _trial(combiner, model.device, config)
    if why:
        tell(f"The latent recurrence runs without kernels, since {why}.")
    elif isinstance(combiner, StructuredCombiner):
        combiner.kernels = True


def _trial(combiner: StructuredCombiner, device: torch.device, config: TrainConfig) -> str:
    """Why the kernels are not to be used on this machine; nothing if they are."""
    size, z_dim = combiner.transition.weight.shape
    chance = torch.Generator().manual_seed(0)

    def drawn(*shape: int, scale: float = 1.0) -> Tensor:
        return (scale * torch.randn(*shape, generator=chance)).to(device).requires_grad_()

    rows = config.batch_size * config.samples
    arguments = (
        drawn(_STEPS, rows, 2 * z_dim),
        drawn(_STEPS, rows, z_dim),
        drawn(rows, z_dim),
        drawn(size, z_dim, scale=z_dim**-0.5),
        drawn(size),
        drawn(2 * z_dim, size, scale=size**-0.5),
    )
    learned = [argument for place, argument in enumerate(arguments) if place != 1]

    def results(kernels: bool) -> list[Tensor]:
        states = latent_recurrence(*arguments, kernels=kernels)
        cost = torch.stack([state.square().mean() for state in states]).sum()
        gradients = torch.autograd.grad(cost, learned)
        return [tensor.detach() for tensor in (*states, *gradients)]

    try:
        with tf32_products(config.precision == "tf32"):
            expected, found = results(kernels=False), results(kernels=True)
    except Exception as error:  # of Triton, of its compiler, or of the driver
        return f"they failed: {str(error).strip().partition(chr(10))[0] or type(error).__name__}"
    pairs = zip(found, expected, strict=True)
    apart = float(torch.stack([(a - b).abs().max() / b.abs().max() for a, b in pairs]).max())
    if not apart <= _APART[config.precision]:  # nor if it is no number
        return f"they give other results here, {apart:.1g} apart"
    return ""
