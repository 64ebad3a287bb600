"""One thing that was looked at."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "missing"]


@dataclass(frozen=True)
class Line:
    """What was found of one thing, and how it is mended where it isn't well.

    needed: whether no run does without it.
    """

    name: str
    state: State
    found: str
    mend: str = ""
    needed: bool = False
