"""Where tensors are computed: the device that a name means, and whether its memory is enough."""

import psutil
import torch

from dmm_core.errors import ConfigError

__all__ = ["choose_device", "require_memory"]


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
