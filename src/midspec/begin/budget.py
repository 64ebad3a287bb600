"""A budget as people write it: dollars for an LLM, time of this machine, or tokens of documents."""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from midspec.errors import ConfigError

Unit = Literal["dollars", "seconds", "tokens"]
SIZES = {"": 1, "k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
NUMBER = r"(\d[\d_,]*(?:\.\d+)?)"
DOLLARS = re.compile(rf"\$\s*{NUMBER}|{NUMBER}\s*(?:\$|usd|dollars?)")
TIME = re.compile(rf"{NUMBER}\s*(s|seconds?|m|mins?|minutes?|h|hours?)")
TOKENS = re.compile(rf"{NUMBER}\s*([kmb]?)\s*tokens?")
EXAMPLES = "15 min, 2 h, $50 or 200k tokens"


@dataclass(frozen=True)
class Budget:
    """What an experiment may take: of what, and how much."""

    amount: float
    unit: Unit

    @property
    def said(self) -> str:
        """It as a person says it."""
        if self.unit == "dollars":
            return f"${self.amount:,.2f}".removesuffix(".00")
        if self.unit == "tokens":
            return f"{self.amount:,.0f} tokens"
        minutes = self.amount / 60
        return f"{minutes / 60:g} h" if minutes >= 60 and minutes % 60 == 0 else f"{minutes:g} min"


def read_budget(text: str) -> Budget:
    """`15 min`, `2 h`, `$50`, `50 USD`, `200k tokens`; anything else is a ConfigError."""
    plain = text.strip().lower()
    found: Budget | None = None
    if dollars := DOLLARS.fullmatch(plain):
        found = Budget(_number(dollars[1] or dollars[2]), "dollars")
    elif time := TIME.fullmatch(plain):
        found = Budget(_number(time[1]) * {"s": 1, "m": 60, "h": 3600}[time[2][0]], "seconds")
    elif tokens := TOKENS.fullmatch(plain):
        found = Budget(_number(tokens[1]) * SIZES[tokens[2]], "tokens")
    if found is None or not (found.amount > 0 and isfinite(found.amount)):
        raise ConfigError(f"--budget {text!r} is no budget. Write it as {EXAMPLES}.")
    return found


def _number(text: str) -> float:
    return float(text.replace("_", "").replace(",", ""))
