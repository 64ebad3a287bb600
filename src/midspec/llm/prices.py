"""What a model's tokens cost, as far as the price table knows."""

from functools import cache
from typing import Any

from midspec.llm.settings import OFFLINE
from midspec.yaml_file import shipped_yaml


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
    fitting = [name for name in _table()["prices"] if model.startswith(name)]
    if not fitting:
        return None
    price = _table()["prices"][max(fitting, key=len)]
    return (float(price[0]), float(price[1]))
