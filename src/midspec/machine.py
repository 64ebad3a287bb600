"""What the processor says of itself."""

from functools import lru_cache
from pathlib import Path

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


def multiplies_bf16() -> bool:
    """Whether it has instructions for bf16 products; taken as so where it doesn't tell."""
    flags = cpu_flags()
    return flags is None or any("bf16" in flag for flag in flags)
