"""Where tensors are computed, whether memory is enough, and how products are rounded."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from dmm_core.errors import ConfigError
from dmm_core.system.memory import free_memory

__all__ = [
    "choose_device",
    "cores",
    "keep_freed_memory",
    "own_stream",
    "require_memory",
    "slow_precision",
    "tf32_products",
]

_USABLE = 0.8
"""Share of the free memory that a training may take."""

_PRODUCTS: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn.rnn)
"""PyTorch's settings of how float32 is rounded in the products of a CUDA GPU."""


def choose_device(name: str, precision: str = "float32") -> torch.device:
    """The device that `name` (auto, cpu, cuda or mps) means on this machine.

    Args:
        name: of the device.
        precision: that it has to have, float32, tf32 or bf16.

    Raises:
        ConfigError: if the machine has no such device, or that does not have the precision.
    """
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        name = "cuda" if there["cuda"] else "cpu"
    if not there[name]:
        found = ", ".join(device for device, is_there in there.items() if is_there)
        raise ConfigError(f"train.device is {name}, but this machine offers only {found}.")
    if precision == "tf32" and name != "cuda":
        raise ConfigError(
            "train.precision is tf32, which only CUDA GPUs have, but the training would run on "
            f"{name}: choose float32 or bf16."
        )
    if precision == "bf16" and name == "cuda" and not torch.cuda.is_bf16_supported(False):
        raise ConfigError(
            "train.precision is bf16, which this machine's GPU does not have: choose float32."
        )
    if name == "cuda":
        for setting in _PRODUCTS:  # PyTorch lets cuDNN's RNNs round to TF32 unless told otherwise
            setting.fp32_precision = "ieee"
    return torch.device(name)


def slow_precision(name: str, precision: str) -> str:
    """A warning where a precision that is meant to be faster is slower here, else nothing.

    An x86 processor without AVX512-BF16 or AMX emulates bfloat16 products; measured with AVX2, an
    epoch took ten times as long as in float32.

    Args:
        name: of the device, as `choose_device` takes it.
        precision: of the training.
    """
    on_cpu = name == "cpu" or (name == "auto" and not torch.cuda.is_available())
    if precision != "bf16" or not on_cpu:
        return ""
    has = torch.cpu.get_capabilities()
    if has.get("architecture") != "x86_64" or has.get("avx512_bf16") or has.get("amx_bf16"):
        return ""
    return (
        "train.precision is bf16, but this processor has neither AVX512-BF16 nor AMX and emulates "
        "it, which can take ten times as long as float32."
    )


def cores() -> int:
    """How many of the CPU's cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def own_stream(device: torch.device) -> AbstractContextManager[object]:
    """Within it, what this thread asks of a CUDA GPU is done on a new stream.

    On one stream the work of several threads would be done in turn. All tensors that are used
    within have to be put on the GPU within; on other devices nothing changes.
    """
    if device.type != "cuda":
        return nullcontext()
    return torch.cuda.stream(torch.cuda.Stream(device))


@contextmanager
def tf32_products(on: bool) -> Iterator[None]:
    """Within it, if `on`, CUDA GPUs round the factors of products in float32 to TF32.

    It holds for the whole process, whatever thread asks for a product.
    """
    before = [setting.fp32_precision for setting in _PRODUCTS]
    try:
        if on:
            for setting in _PRODUCTS:
                setting.fp32_precision = "tf32"
        yield
    finally:
        if on:
            for setting, value in zip(_PRODUCTS, before, strict=True):
                setting.fp32_precision = value


def require_memory(
    needed: int,
    device: torch.device,
    what: str = "The training",
    advice: str = "A smaller train.batch_size, train.samples or model.rnn_size needs less.",
) -> None:
    """Refuse what would take over 80 % of the free memory, so that the program goes on.

    Without this the operating system would end the whole program, with every page and run in it.

    Args:
        needed: bytes.
        device: whose memory is needed.
        what: needs it; begins the sentence of the error.
        advice: ends it.

    Raises:
        ConfigError: if it does not fit.
    """
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    if needed > _USABLE * free:
        raise ConfigError(
            f"{what} needs about {needed / 1e9:.1f} GB of memory, but {free / 1e9:.1f} GB are "
            f"free, of which four fifths may be taken. {advice}"
        )


def keep_freed_memory() -> None:
    """Let the C library keep what is freed, up to half a gigabyte, to use it again.

    By default every large tensor is asked of the system anew, which then clears it page by page;
    where there is no glibc, nothing is done.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _KEPT)
            mallopt(_M_TRIM_THRESHOLD, _KEPT)


_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
"""Names of glibc's malloc.h, which has no other source in Python."""

_KEPT = 2**29
