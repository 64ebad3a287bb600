"""What the processor says of itself, and how much of the machine this process may use."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

CPUINFO = Path("/proc/cpuinfo")
GROUPS = Path("/sys/fs/cgroup")  # where control groups lie
OWN_GROUPS = Path("/proc/self/cgroup")


@lru_cache(maxsize=1)  # cpuinfo is slow to read on many cores
def cpu_flags() -> frozenset[str] | None:
    """The names of the instructions that the first core has; None where it doesn't tell."""
    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() in ("flags", "features"):
            return frozenset(value.split())
    return None


def bf16_products() -> Literal["tiles", "vectors", "none"]:
    """By which instructions it multiplies in bf16: AMX's on tiles, others on vectors, or none; on
    vectors where it doesn't tell."""
    flags = cpu_flags()
    if flags is not None and "amx_bf16" in flags:
        return "tiles"
    return "vectors" if flags is None or any("bf16" in flag for flag in flags) else "none"


def cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_time(groups: Path = GROUPS) -> float | None:
    """How many cores' time a container allows at most; None where there is no limit."""
    found = []
    for folder in _control_groups("cpu", groups):
        limit = _words(folder / "cpu.max")
        limit = limit or [
            *_words(folder / "cpu.cfs_quota_us"),
            *_words(folder / "cpu.cfs_period_us"),
        ]
        if len(limit) == 2 and limit[0] not in ("max", "-1"):
            found.append(float(limit[0]) / float(limit[1]))
    return min(found, default=None)


@lru_cache(maxsize=1)
def usable_cores() -> float:
    """The cores that a computation has: those it may run on, or their time if that is less."""
    allowed = cpu_time()
    return float(cores()) if allowed is None else min(float(cores()), allowed)


def memory_limit(groups: Path = GROUPS) -> tuple[float, float] | None:
    """The bytes of memory that a container allows at most, and those of them that are in use and
    aren't given up on demand; None where there is no limit."""
    found = []
    for folder in _control_groups("memory", groups):
        for most, used, reclaimable in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit, taken = _words(folder / most), _words(folder / used)
            if limit and limit[0] != "max":
                stat = _words(folder / "memory.stat")
                spare = dict(zip(stat[::2], stat[1::2], strict=False)).get(reclaimable, "0")
                found.append((float(limit[0]), float(taken[0] if taken else 0) - float(spare)))
    return min(found, default=None)


def _control_groups(kind: str, groups: Path) -> Iterator[Path]:
    """The control groups that this process is in, each after those inside of it: of version 2, and
    of version 1, which has a tree for each kind."""
    try:
        lines = OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    places = {groups: "", groups / kind: ""}
    for line in lines:
        _, kinds, place = line.split(":", 2)
        if not kinds or kind in kinds.split(","):
            places[groups / kind if kinds else groups] = place.strip("/")
    for root, place in places.items():
        inner = root / place
        yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(root))


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except OSError:
        return []
