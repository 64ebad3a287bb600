"""Where and how a stage runs: never part of what it is, so never part of a recipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Gt
from pydantic import AfterValidator

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["bf16", "fp32"]
Sharding = Literal["ddp", "fsdp"]
Attention = Literal["auto", "sdpa", "flash"]
Count = Annotated[int, Gt(0)]


def _with_port(host: str) -> str:
    """HOST or HOST:PORT; a port is a number."""
    _, colon, port = host.partition(":")
    if colon and not (port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"{port!r} is no port. Write HOST:PORT with a number up to 65535")
    return host


@dataclass(frozen=True)
class Resources:
    """What a stage that computes with weights may use.

    device: auto is a CUDA GPU if there is one, else the CPU. processes: of a training, on each of
    its machines, a GPU each; host: HOST or HOST:PORT at which other machines reach the first one.
    sharding: ddp has all weights in each process, fsdp a part of them. precision: of what
    computes; float32 masters are updated in either. tokens_per_pass: how many tokens, padding
    counted, a process takes at once (2,048 on a CPU and 8,192 elsewhere unless it is set); a step
    with more is done in several passes. attention: flash takes rows without padding, on a GPU; auto
    does so where it can.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    device: Device = "auto"
    """`auto`: a CUDA GPU if there is one, else the CPU."""
    processes: Count = 1
    """That train one model, on each machine: a GPU each."""
    machines: Count = 1
    """That train one model together."""
    host: Annotated[str, AfterValidator(_with_port)] = ""
    """HOST or HOST:PORT at which other machines reach the first."""
    sharding: Sharding = "ddp"
    """`ddp`: all weights in each process; `fsdp`: a part of them."""
    precision: Precision = "bf16"
    """Of what computes; float32 masters are updated in either."""
    gradient_checkpointing: bool = False
    """Less memory for more time."""
    attention: Attention = "auto"
    """`flash`: rows without padding, on a GPU; `auto`: where it can."""
    tokens_per_pass: Count | None = None
    """That a process takes at once; 2,048 on a CPU, else 8,192."""

    @property
    def together(self) -> int:
        """How many processes train one model, on all machines."""
        return self.processes * self.machines

    @property
    def shards(self) -> bool:
        """Whether each of several processes holds a part of the weights."""
        return self.together > 1 and self.sharding == "fsdp"


_given: ContextVar[Resources] = ContextVar("resources", default=Resources())  # noqa: B039 - frozen


def given_resources() -> Resources:
    """What the stage that runs may use."""
    return _given.get()


@contextmanager
def using(resources: Resources) -> Iterator[None]:
    """Give `resources` to the stage that is run inside the block."""
    token = _given.set(resources)
    try:
        yield
    finally:
        _given.reset(token)
