"""How much memory a new model may take on this machine.

Knows: the kernel's figures and the limits of control groups (containers, services), versions 1 and 2.
Does not know: models, settings.
"""

from __future__ import annotations

from pathlib import Path

_UNLIMITED = 2**60
"""Version 1 writes a number near 2^63 where there is no limit."""


def available_memory_bytes(*, proc: Path = Path("/proc/self"), mounts: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that can be taken without swapping: the machine's, or what the tightest enclosing group leaves.

    Args:
        proc: folder with this process's ``cgroup`` file.
        mounts: where control groups are mounted.
    """
    import psutil

    free = int(psutil.virtual_memory().available)
    return max(0, min([free, *_group_rooms(proc, mounts)]))


def _group_rooms(proc: Path, mounts: Path) -> list[int]:
    """What each control group above this process still allows."""
    try:
        lines = (proc / "cgroup").read_text().splitlines()
    except OSError:
        return []
    rooms = []
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            root, names = mounts, ("memory.max", "memory.current", "inactive_file")
            if not (root / "cgroup.controllers").exists() and (mounts / "unified").exists():
                root = mounts / "unified"
        elif "memory" in controllers.split(","):
            root = mounts / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        rooms += _rooms(root, path, *names)
    return rooms


def _rooms(root: Path, path: str, limit_name: str, usage_name: str, cache_name: str) -> list[int]:
    # Inside a container the path is often the host's and not visible: then the root of the mount is the group.
    group = root / path.lstrip("/")
    folders = [folder for folder in (group, *group.parents) if folder == root or root in folder.parents]
    rooms = []
    for folder in folders:
        limit, usage = _number(folder / limit_name), _number(folder / usage_name)
        if limit is None or usage is None or limit >= _UNLIMITED:
            continue
        # File cache that the kernel gives back first is counted as used, but is free to us.
        rooms.append(limit - max(0, usage - _statistic(folder / "memory.stat", cache_name)))
    return rooms


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None  # absent, or "max"


def _statistic(path: Path, name: str) -> int:
    try:
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        return 0
    return 0
