"""The free main memory of the machine or of the container."""

from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["free_memory"]

_V2 = Path("/sys/fs/cgroup")  # control groups of version 2
_V1 = Path("/sys/fs/cgroup/memory")  # memory controller of version 1
_OWN = Path("/proc/self/cgroup")


def free_memory() -> int:
    """Return the main memory that this process can still use, in bytes.

    It is the smaller of two amounts: the memory that the machine has available, and the unused part
    of the limit of the process's control groups (cgroup version 1 or 2), which is how containers
    limit memory.
    """
    free = [psutil.virtual_memory().available]
    for folder in _groups():
        with suppress(OSError, ValueError):
            free.append(_group_free_memory(folder))
    return max(0, min(free))


def _groups() -> list[Path]:
    """Return the existing folders of this process's control groups and of their parent groups."""
    try:
        lines = _OWN.read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            root = _V2
        elif "memory" in controllers.split(","):
            root = _V1
        else:
            continue
        # Any parent group may set a limit. Inside a container, the path may name folders that
        # exist only on the host; the root folder then holds the container's limit.
        own = Path(*(part for part in path.split("/") if part not in ("", "..")))
        folders += [root / own, *(root / parent for parent in own.parents)]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def _group_free_memory(folder: Path) -> int:
    """Return the limit of a control group minus its usage, in bytes.

    Inactive file cache is subtracted from the usage, because the kernel frees it on demand.

    Raises:
        OSError, ValueError: if the group has no limit, or its files are missing.
    """
    is_v2 = (folder / "memory.max").exists()
    limit = int((folder / ("memory.max" if is_v2 else "memory.limit_in_bytes")).read_text())
    usage = int((folder / ("memory.current" if is_v2 else "memory.usage_in_bytes")).read_text())
    cache = 0
    for line in (folder / "memory.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == ("inactive_file" if is_v2 else "total_inactive_file"):
            cache = int(value)
    return limit - usage + cache
