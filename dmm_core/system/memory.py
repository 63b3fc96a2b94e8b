"""How much memory is free, for this process and within its container's limit."""

from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["free_memory"]

_V2 = Path("/sys/fs/cgroup")
_V1 = Path("/sys/fs/cgroup/memory")
_OWN = Path("/proc/self/cgroup")


def free_memory() -> int:
    """Bytes of main memory that this process may still take.

    It is what the machine has available, or what the control group (a container's memory limit,
    cgroup version 1 or 2) leaves, whichever is less.
    """
    left = [psutil.virtual_memory().available]
    for folder in _groups():
        with suppress(OSError, ValueError):
            left.append(_left_in(folder))
    return max(0, min(left))


def _groups() -> list[Path]:
    """The folders of this process's control groups and of their parents, where there are any."""
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
        # A limit may stand at any level above. Inside a container the path may name folders of
        # the host, which are not there; the root then has the container's own limit.
        own = Path(*(part for part in path.split("/") if part not in ("", "..")))
        folders += [root / own, *(root / parent for parent in own.parents)]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def _left_in(folder: Path) -> int:
    """Limit less usage; memory that only caches files is given back on demand and not counted.

    Raises:
        OSError, ValueError: if the group has no limit, or no such files.
    """
    two = (folder / "memory.max").exists()
    limit = int((folder / ("memory.max" if two else "memory.limit_in_bytes")).read_text())
    usage = int((folder / ("memory.current" if two else "memory.usage_in_bytes")).read_text())
    cache = 0
    for line in (folder / "memory.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == ("inactive_file" if two else "total_inactive_file"):
            cache = int(value)
    return limit - usage + cache
