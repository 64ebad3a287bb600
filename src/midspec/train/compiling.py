"""Compiling kernels.c, which takes no torch."""

import subprocess
from importlib.resources import as_file, files
from pathlib import Path

COMPILERS = ("cc", "gcc", "clang")
FLAGS = (
    "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-fPIC", "-c",
)  # fmt: skip
WIDE = "-mprefer-vector-width=512"  # where the compiler has it


def which_flags() -> tuple[list[str], list[str]]:
    """The flags to try, one after the other."""
    return [*FLAGS, WIDE], [*FLAGS]


def compile_kernels(compiler: str, flags: list[str], folder: Path) -> Path | None:
    """Compile into `folder`; None where the compiler can't.

    It is linked without an OpenMP library: its functions are found in the one that PyTorch has
    loaded, so that both share one pool of threads.
    """
    with as_file(files("midspec.train") / "kernels.c") as source:
        compiled, linked = folder / "kernels.o", folder / "kernels.so"
        try:
            for command in (
                [compiler, *flags, str(source), "-o", str(compiled)],
                [compiler, "-shared", str(compiled), "-lm", "-o", str(linked)],
            ):
                subprocess.run(command, capture_output=True, check=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            return None
    return linked
