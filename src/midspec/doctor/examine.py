"""All that is looked at, the slow things at once."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from midspec.doctor import installed, machine, outside
from midspec.doctor.line import Line


def examine(store: Path, home: Path, env: Mapping[str, str]) -> list[Line]:
    """A line for each thing, in the order in which a run meets them."""
    torch = machine.torch()
    with ThreadPoolExecutor() as pool:

        def start(look: Callable[[], Line]) -> Callable[[], Line]:
            return pool.submit(look).result

        compiler = start(machine.compiler)
        hub = start(lambda: outside.hub(env))
        gpu = start(lambda: machine.gpu(torch.found))
        return [
            Line("midspec", "ok", version("midspec")),
            machine.python(),
            torch,
            installed.packages(),
            machine.processor(),
            machine.cores(),
            machine.memory(),
            machine.disk(store),
            gpu(),
            compiler(),
            outside.default_model(home),
            hub(),
            *outside.keys(env),
            *installed.extras(),
        ]


def able(lines: list[Line]) -> bool:
    """Whether nothing is missing that every run needs."""
    return not any(line.needed and line.state == "missing" for line in lines)
