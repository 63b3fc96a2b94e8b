"""Devices, available memory, and the rounding of matrix products."""

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
    "precision_warning",
    "require_memory",
    "separate_stream",
    "tf32_matmul",
]

_MEMORY_SHARE = 0.8
"""Largest share of the free memory that one computation may use."""

_MATMUL_BACKENDS: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn.rnn)
"""PyTorch's backends whose `fp32_precision` sets the rounding of float32 products on CUDA GPUs."""


def choose_device(name: str, precision: str = "float32") -> torch.device:
    """Return the device of this machine with the given name.

    Args:
        name: auto, cpu, cuda or mps. auto is cuda where there is a CUDA GPU, otherwise cpu.
        precision: float32, tf32 or bf16; the device must support it.

    Raises:
        ConfigError: if the machine has no such device, or the device does not support the
            precision.
    """
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        name = "cuda" if available["cuda"] else "cpu"
    if not available[name]:
        found = ", ".join(device for device, is_available in available.items() if is_available)
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
        for backend in _MATMUL_BACKENDS:  # by default, cuDNN's RNNs round to TF32
            backend.fp32_precision = "ieee"
    return torch.device(name)


def precision_warning(name: str, precision: str) -> str:
    """Return a warning if bf16 is slower than float32 on this machine, otherwise an empty string.

    An x86 processor without AVX512-BF16 or AMX emulates bfloat16 products. An epoch measured on a
    processor with AVX2 took ten times as long as in float32.

    Args:
        name: device name, as for `choose_device`.
        precision: float32, tf32 or bf16.
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
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def separate_stream(device: torch.device) -> AbstractContextManager[object]:
    """Return a context manager in which this thread's CUDA work runs on a new stream.

    Work of several threads on the same stream runs sequentially; on separate streams it can
    overlap. All tensors that are used inside the context must be moved to the GPU inside it. On
    other devices the context has no effect.
    """
    if device.type != "cuda":
        return nullcontext()
    return torch.cuda.stream(torch.cuda.Stream(device))


@contextmanager
def tf32_matmul(on: bool) -> Iterator[None]:
    """Round the factors of float32 matrix products to TF32 on CUDA GPUs inside this context.

    The setting applies to all threads of the process.

    Args:
        on: whether to change the precision; False has no effect.
    """
    before = [backend.fp32_precision for backend in _MATMUL_BACKENDS]
    try:
        if on:
            for backend in _MATMUL_BACKENDS:
                backend.fp32_precision = "tf32"
        yield
    finally:
        if on:
            for backend, value in zip(_MATMUL_BACKENDS, before, strict=True):
                backend.fp32_precision = value


def require_memory(
    needed: int,
    device: torch.device,
    what: str = "The training",
    advice: str = "A smaller train.batch_size, train.samples or model.rnn_size needs less.",
) -> None:
    """Check that a computation needs at most 80 % of the free memory.

    If memory ran out, the operating system could kill the whole process, including all pages and
    runs in it.

    Args:
        needed: memory that the computation needs, in bytes.
        device: device whose memory is used.
        what: name of the computation; the error message starts with it.
        advice: sentence that ends the error message.

    Raises:
        ConfigError: if the computation needs more.
    """
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    if needed > _MEMORY_SHARE * free:
        raise ConfigError(
            f"{what} needs about {needed / 1e9:.1f} GB of memory, but {free / 1e9:.1f} GB are "
            f"free, of which at most 80 % are used. {advice}"
        )


def keep_freed_memory() -> None:
    """Make the C library keep up to 512 MiB of freed memory for later allocations.

    By default glibc returns the memory of every large tensor to the operating system, which then
    has to zero new pages for the next one. Without glibc this function has no effect.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
            mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
"""Constants of glibc's malloc.h; Python does not define them."""

_KEPT_BYTES = 2**29
