"""Where tensors are computed: the device that a name means, and whether its memory is enough."""

import ctypes
import sys

import psutil
import torch

from dmm_core.errors import ConfigError

__all__ = ["choose_device", "keep_freed_memory", "require_memory"]


def choose_device(name: str) -> torch.device:
    """The device that `name` (auto, cpu, cuda or mps) means on this machine.

    Raises:
        ConfigError: if the machine has no such device.
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
    return torch.device(name)


def require_memory(needed: int, device: torch.device) -> None:
    """Refuse what cannot fit, before the operating system ends the whole program for it.

    Args:
        needed: bytes.
        device: of which the memory is.

    Raises:
        ConfigError: if less than that is free.
    """
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        free = psutil.virtual_memory().available
    if needed > free:
        raise ConfigError(
            f"The training needs at least {needed / 1e9:.1f} GB of memory, but {free / 1e9:.1f} GB "
            "are free: a smaller train.batch_size or model.rnn_size needs less."
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
