"""What the processor says of itself."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

CPUINFO = Path("/proc/cpuinfo")


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
