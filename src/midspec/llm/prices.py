"""What a model's tokens cost, as far as the price table knows."""

import re
from functools import cache
from typing import Any

from midspec.llm.settings import OFFLINE
from midspec.yaml_file import shipped_yaml

BATCH_PRICE = 0.5  # what providers charge for batches, as a share of the full price
# What may follow a listed name: a version's date, an alias of the newest one, or a region.
VERSION = re.compile(r"-\d{4}[\d-]*|-latest|[@:].+")


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = shipped_yaml("midspec.llm", "prices.yaml")
    return table


def prices_as_of() -> str:
    """The month from which the table's prices are."""
    return str(_table()["as_of"])


def price_of(model: str) -> tuple[float, float] | None:
    """Dollars for a million tokens of input and of output; None where the table doesn't know.

    Local models cost nothing.
    """
    if model == OFFLINE or model.startswith(tuple(_table()["local"])):
        return (0.0, 0.0)
    for name, (sent, received) in _table()["prices"].items():
        rest = model.removeprefix(name)
        if rest != model and (not rest or VERSION.fullmatch(rest)):
            return (float(sent), float(received))
    return None
