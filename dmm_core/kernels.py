"""The latent recurrence's steps as Triton kernels: two of them forward, one and a product back.

PyTorch takes seven kernels for a step forward and five for one back, and on a GPU, where a step's
arithmetic is a microsecond or two, starting them is what costs. A step cannot be one kernel, since
its second product needs all of what the first gives, and a kernel's programs cannot wait for each
other.
"""
# Triton is for Linux; it compiles the kernels itself, with untyped arguments and its own ranges.
# ruff: noqa: ANN001, ANN202
# pyright: reportGeneralTypeIssues=false, reportMissingImports=false

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["steps_backward", "steps_forward"]

_ROWS = 16
_COLUMNS = 16
_DEPTH = 64
"""What one program takes: rows and columns of a result, and factors of it at a time."""


def steps_forward(
    heads: Tensor,
    noise: Tensor,
    start: Tensor,
    weight: Tensor,
    bias: Tensor,
    head_weight: Tensor,
    hiddens: Sequence[Tensor],
    raw: Tensor,
    scale: Tensor,
    z: Tensor,
    *,
    floor: float,
) -> None:
    """Fill `hiddens`, `raw`, `scale` and `z`, as `dmm_core.nn.recurrence` does; all contiguous."""
    _, rows, latent = z.shape
    units = len(weight)
    to_hidden, to_state = _programs(rows, units), _programs(rows, latent)
    sizes = _sizes(latent, units)
    before = start
    for hidden, head, draw, out, spread, state in zip(
        hiddens,
        heads.unbind(),
        noise.unbind(),
        raw.unbind(),
        scale.unbind(),
        z.unbind(),
        strict=True,
    ):
        _hidden[to_hidden](before, weight, bias, hidden, rows, *sizes)
        _state[to_state](hidden, head_weight, head, draw, out, spread, state, rows, floor, *sizes)
        before = state


def steps_backward(
    grad_z: Tensor,
    grad_loc: Tensor,
    to_spread: Tensor,
    noise_to_spread: Tensor,
    hidden: Tensor,
    weight: Tensor,
    head_weight: Tensor,
    grad_heads: Tensor,
    grad_hidden: Tensor,
) -> Tensor:
    """Fill the gradients of heads and of what the tanh acts on; the gradient of z_0."""
    _, rows, latent = grad_z.shape
    units = len(weight)
    programs = _programs(rows, units)
    sizes = _sizes(latent, units)
    grad_zs = grad_z.unbind()
    steps = zip(
        grad_loc.unbind(),
        to_spread.unbind(),
        noise_to_spread.unbind(),
        hidden.unbind(),
        grad_heads.unbind(),
        grad_hidden.unbind(),
        strict=True,
    )
    grad_state = grad_zs[-1]
    for t, (loc, spread, noise, a, both, inner) in reversed(list(enumerate(steps))):
        _inner[programs](grad_state, loc, spread, noise, head_weight, a, both, inner, rows, *sizes)
        grad_state = torch.addmm(grad_zs[t - 1], inner, weight) if t else inner @ weight
    return grad_state


def _programs(rows: int, columns: int) -> tuple[int, int]:
    return -(-rows // _ROWS), -(-columns // _COLUMNS)


def _sizes(latent: int, units: int) -> Any:
    """What each kernel is compiled for, in the order of its arguments."""
    tf32 = torch.backends.cuda.matmul.fp32_precision == "tf32"
    return latent, units, _ROWS, _COLUMNS, _DEPTH, "tf32" if tf32 else "ieee"


# In the kernels r are rows, c columns of the result and k the places that a product sums over;
# what a program reads beyond an edge is 0.


@triton.jit
def _hidden(
    before,
    weight,
    bias,
    hidden,
    rows,
    latent: tl.constexpr,
    units: tl.constexpr,
    R: tl.constexpr,
    C: tl.constexpr,
    K: tl.constexpr,
    precision: tl.constexpr,
):
    """Gives a = tanh(W z_{t-1} + b)."""
    r = (tl.program_id(0) * R + tl.arange(0, R))[:, None]
    c = (tl.program_id(1) * C + tl.arange(0, C))[None, :]
    total = tl.full((R, C), 0.0, tl.float32)
    for first in tl.range(0, latent, K):
        across = (first + tl.arange(0, K))[None, :]
        down = (first + tl.arange(0, K))[:, None]
        z = tl.load(before + r * latent + across, (r < rows) & (across < latent), 0.0)
        w = tl.load(weight + c * latent + down, (c < units) & (down < latent), 0.0)
        total = tl.dot(z, w, total, input_precision=precision)
    total += tl.load(bias + c, c < units, 0.0)
    tanh = 2.0 / (1.0 + tl.exp(-2.0 * total)) - 1.0
    tl.store(hidden + r * units + c, tanh, (r < rows) & (c < units))


@triton.jit
def _state(
    hidden,
    weight,
    head,
    noise,
    raw,
    scale,
    state,
    rows,
    floor,
    latent: tl.constexpr,
    units: tl.constexpr,
    R: tl.constexpr,
    C: tl.constexpr,
    K: tl.constexpr,
    precision: tl.constexpr,
):
    """(loc, s) = head + V a; scale = sqrt(softplus(s) + floor); z = loc + scale noise."""
    r = (tl.program_id(0) * R + tl.arange(0, R))[:, None]
    c = (tl.program_id(1) * C + tl.arange(0, C))[None, :]
    inside = (r < rows) & (c < latent)
    to_loc = r * (2 * latent) + c
    to_wide = to_loc + latent
    loc = tl.load(head + to_loc, inside, 0.0)
    wide = tl.load(head + to_wide, inside, 0.0)
    for first in tl.range(0, units, K):
        across = (first + tl.arange(0, K))[None, :]
        down = (first + tl.arange(0, K))[:, None]
        a = tl.load(hidden + r * units + across, (r < rows) & (across < units), 0.0)
        there = (c < latent) & (down < units)
        of_loc = tl.load(weight + c * units + down, there, 0.0)
        of_wide = tl.load(weight + (c + latent) * units + down, there, 0.0)
        loc = tl.dot(a, of_loc, loc, input_precision=precision)
        wide = tl.dot(a, of_wide, wide, input_precision=precision)
    spread = tl.sqrt(_softplus(wide) + floor)
    at = r * latent + c
    tl.store(raw + to_loc, loc, inside)
    tl.store(raw + to_wide, wide, inside)
    tl.store(scale + at, spread, inside)
    tl.store(state + at, loc + spread * tl.load(noise + at, inside, 0.0), inside)


@triton.jit
def _inner(
    grad_state,
    grad_loc,
    to_spread,
    noise_to_spread,
    weight,
    hidden,
    both,
    inner,
    rows,
    latent: tl.constexpr,
    units: tl.constexpr,
    R: tl.constexpr,
    C: tl.constexpr,
    K: tl.constexpr,
    precision: tl.constexpr,
):
    """From the gradient of z_t to those of (loc, s), `both`, and of what the tanh acts on."""
    r = (tl.program_id(0) * R + tl.arange(0, R))[:, None]
    c = (tl.program_id(1) * C + tl.arange(0, C))[None, :]
    total = tl.full((R, C), 0.0, tl.float32)
    for first in tl.range(0, latent, K):
        across = (first + tl.arange(0, K))[None, :]
        down = (first + tl.arange(0, K))[:, None]
        inside = (r < rows) & (across < latent)
        at = r * latent + across
        of_state = tl.load(grad_state + at, inside, 0.0)
        loc = tl.load(grad_loc + at, inside, 0.0) + of_state
        by_noise = tl.load(noise_to_spread + at, inside, 0.0)
        wide = tl.load(to_spread + at, inside, 0.0) + of_state * by_noise
        mine = inside & (tl.program_id(1) == 0)
        tl.store(both + at + r * latent, loc, mine)
        tl.store(both + at + r * latent + latent, wide, mine)
        there = (down < latent) & (c < units)
        of_loc = tl.load(weight + down * units + c, there, 0.0)
        of_wide = tl.load(weight + (down + latent) * units + c, there, 0.0)
        total = tl.dot(loc, of_loc, total, input_precision=precision)
        total = tl.dot(wide, of_wide, total, input_precision=precision)
    here = (r < rows) & (c < units)
    a = tl.load(hidden + r * units + c, here, 0.0)
    tl.store(inner + r * units + c, total * (1.0 - a * a), here)


@triton.jit
def _softplus(x):
    """log(1 + exp(x)); log(1 + u) of a small u would lose its digits."""
    u = tl.exp(-tl.abs(x))
    w = 1.0 + u
    log = tl.where(w == 1.0, u, tl.log(w) * (u / tl.where(w == 1.0, 1.0, w - 1.0)))
    return tl.maximum(x, 0.0) + log
