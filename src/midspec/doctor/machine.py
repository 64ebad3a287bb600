"""The machine: Python, processor, compiler, memory, disk, GPU. torch is imported only to see
whether it can use a GPU that is there, which takes seconds."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from midspec import machine
from midspec.doctor.installed import installed
from midspec.doctor.line import Line, State
from midspec.machine import GROUPS, bf16_products, cpu_flags
from midspec.pages.html import count
from midspec.train.compiling import COMPILERS, compile_kernels, which_flags

GB = 1e9
# The demo's training takes 1.5 to 2 GB (docs/performance.md), its store 0.35 GB.
ENOUGH_MEMORY, LITTLE_MEMORY = 3 * GB, 1.5 * GB
ENOUGH_DISK, LITTLE_DISK = 2 * GB, 0.2 * GB
TOLD = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "bf16", "sve")  # instructions worth telling


def python() -> Line:
    """The Python that runs midspec; an older one than 3.11 could not."""
    return Line("Python", "ok", f"{platform.python_version()}, {sys.executable}", needed=True)


def torch() -> Line:
    """Which torch is installed, from its metadata alone."""
    if found := installed("torch"):
        return Line("torch", "ok", found, needed=True)
    return Line("torch", "missing", "not installed", "pip install torch", needed=True)


def processor() -> Line:
    """The instructions on which the speed of training on a CPU depends."""
    flags = cpu_flags()
    kind = platform.machine()
    if flags is None:
        return Line("processor", "ok", f"{kind}; it doesn't tell its instructions")
    there = ", ".join(flag for flag in TOLD if flag in flags) or "none that count here"
    products = bf16_products()
    if products == "tiles":
        return Line("processor", "ok", f"{kind} with {there}")
    if products == "vectors":
        slower = "without AMX training takes up to twice as long"
        return Line("processor", "ok", f"{kind} with {there}; {slower}")
    return Line(
        "processor",
        "warning",
        f"{kind} with {there}; no bf16 products: training takes about four times as long",
        "a CPU with AVX512-BF16 or AMX, or a GPU (docs/training.md)",
    )


def cores(groups: Path = GROUPS) -> Line:
    """How many cores this process may use, and whether a container allows less time than that."""
    able, allowed = machine.cores(), machine.cpu_time(groups)
    if allowed is not None and allowed < able - 0.5:
        return Line(
            "cores",
            "warning",
            f"{able}, of which this container may use the time of {allowed:g}; threads on all of "
            "them wait for each other",
            f"OMP_NUM_THREADS={max(1, round(allowed))}",
        )
    return Line("cores", "ok", str(able))


def memory(groups: Path = GROUPS) -> Line:
    """What is free of the machine's memory, or of what a container may have."""
    import psutil

    found = psutil.virtual_memory()
    total, free = float(found.total), float(found.available)
    allowed = machine.memory_limit(groups)
    if allowed and allowed[0] < total:
        total, free = allowed[0], min(free, allowed[0] - allowed[1])
    told = f"{free / GB:.1f} GB free of {total / GB:.1f}"
    if free >= ENOUGH_MEMORY:
        return Line("memory", "ok", told)
    state: State = "warning" if free >= LITTLE_MEMORY else "missing"
    mend = "close other programs, or smaller tokens_per_step and max_tokens"
    return Line("memory", state, f"{told}; the demo takes about 2 GB", mend)


def disk(store: Path) -> Line:
    """Whether the store, or the folder in which it would be made, can be written, and has room."""
    place = store.resolve()
    at = next(folder for folder in (place, *place.parents) if folder.exists())
    if not at.is_dir() or not os.access(at, os.W_OK | os.X_OK):
        return Line("disk", "missing", f"{at} can't be written", "--store FOLDER", needed=True)
    free = shutil.disk_usage(at).free
    told = f"{free / GB:.1f} GB free at {place}"
    if free >= ENOUGH_DISK:
        return Line("disk", "ok", told, needed=True)
    state: State = "warning" if free >= LITTLE_DISK else "missing"
    return Line("disk", state, f"{told}; the demo's store takes 0.4 GB", "--store FOLDER", True)


def compiler() -> Line:
    """Whether the C kernels of training compile here; compiling takes about a second."""
    there = [name for name in COMPILERS if shutil.which(name)]
    mend = "a C compiler with OpenMP (apt install gcc, xcode-select --install)"
    without = "torch does their work, and training takes about a third longer"
    if not there:
        return Line("C kernels", "warning", f"no C compiler; {without}", mend)
    with TemporaryDirectory() as folder:
        for name in there:
            for flags in which_flags():
                if compile_kernels(name, flags, Path(folder)):
                    return Line("C kernels", "ok", f"compile with {name}")
    return Line("C kernels", "warning", f"don't compile with {', '.join(there)}; {without}", mend)


def gpu(built: str) -> Line:
    """The GPUs that there are, and whether this torch can use them; `built` is its version."""
    names = _nvidia()
    if names and "+cpu" in built:
        return Line(
            "GPU",
            "warning",
            f"{_each(names)}, but torch {built} is built for the CPU alone",
            "the torch build for your CUDA: https://pytorch.org/get-started/locally",
        )
    if names or "+rocm" in built:
        return _with_torch(names, built)
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return Line("GPU", "ok", "Apple's (mps), used with --device mps only")
    return Line("GPU", "ok", "none; the CPU does all the work")


def _with_torch(names: list[str], built: str) -> Line:
    try:
        import torch

        usable = torch.cuda.is_available()
        names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())] or names
    except (ImportError, OSError, RuntimeError):
        usable = False
    if usable:
        return Line("GPU", "ok", _each(names))
    what = f"{_each(names)}, but torch {built} can't use " + ("them" if len(names) > 1 else "it")
    return Line("GPU", "warning", what, "a driver that fits torch's CUDA (nvidia-smi tells yours)")


def _nvidia() -> list[str]:
    """The names of NVIDIA's GPUs, as their driver tells them."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in told.stdout.splitlines() if line.strip()]


def _each(names: list[str]) -> str:
    """Names, equal ones once with their number."""
    return "; ".join(
        f"{names.count(name)} × {name}" if names.count(name) > 1 else name
        for name in dict.fromkeys(names)
    ) or count(0, "GPU")
