"""Estimates of the operations and the memory of an update, from the sizes of a model."""

from typing import NamedTuple

from dmm_core.nn.dmm import DMM
from dmm_core.nn.flows import InverseAutoregressiveFlow

__all__ = ["UpdateCost", "evaluation_memory", "update_cost"]

_OUTPUT_COPIES = 3
"""Tensors of the size of a product's output: the output, its activation and its gradient."""
_PATH_COPIES = 12
"""Tensors of the size of the latent path: noise, z, loc and scale of q and prior, gradients."""
_FRAME_COPIES = 6
"""Tensors of the size of the observations: x, the RNN's input, logits, log p(x), and gradients."""
_STEP_BYTES, _FLOW_STEP_BYTES = 6_000, 32_000
"""Bytes of autograd's records for each time step, and for each flow in it; measured, and
independent of the sizes."""


class UpdateCost(NamedTuple):
    """The cost of one update.

    Attributes:
        operations: floating-point operations of the matrix products, forward and backward.
        memory: bytes of the weights, gradients, optimiser state and activations of a batch.
    """

    operations: float
    memory: int


def update_cost(
    model: DMM, *, rows: int, steps: int, samples: int = 1, averaged: bool = False
) -> UpdateCost:
    """The cost of one update of a model, which may be on PyTorch's meta device.

    A product with a weight matrix of n numbers takes 2 n operations for each frame in the forward
    pass and 4 n in the backward pass, which also needs its output. The RNN of the inference network
    runs once for each frame; everything else runs for each sample.

    Args:
        model: the model to train.
        rows: number of sequences of the batch.
        steps: number of time steps of the batch, including padding.
        samples: number of latent paths drawn per sequence (`train.samples`).
        averaged: whether a moving average of the weights is kept (`train.weight_average`).
    """
    once = {id(p) for p in model.inference.summariser.parameters()}
    matrices = [p for p in model.parameters() if p.ndim == 2]
    operations = kept = 0.0
    for p in matrices:
        times = 1 if id(p) in once else samples
        operations += 6 * times * p.numel()
        kept += _OUTPUT_COPIES * times * p.shape[0]
    kept += samples * (_PATH_COPIES * model.z_dim + _FRAME_COPIES * model.encoder.width)
    kept += samples * getattr(model.emission, "kept_per_frame", 0)
    weights = sum(p.numel() for p in model.parameters())
    bytes_each = next(model.parameters()).element_size()
    copies = 6 if averaged else 5  # weights, gradients, two moments, the best weights
    frames = rows * steps
    flows = sum(isinstance(part, InverseAutoregressiveFlow) for part in model.modules())
    noted = steps * (_STEP_BYTES + flows * _FLOW_STEP_BYTES)
    return UpdateCost(
        operations=operations * frames,
        memory=int(bytes_each * (copies * weights + kept * frames)) + noted,
    )


def evaluation_memory(model: DMM, frames: int) -> int:
    """The memory of an evaluation in bytes, in addition to the weights.

    Without a backward pass, the output of each product is stored only once.

    Args:
        model: the model to evaluate.
        frames: number of frames of a batch times the number of paths that are drawn together.
    """
    held = _PATH_COPIES // 2 * model.z_dim + _FRAME_COPIES // 2 * model.encoder.width
    held += sum(p.shape[0] for p in model.parameters() if p.ndim == 2)
    return next(model.parameters()).element_size() * held * frames
