"""The identity rows of an instruction mix: who the assistant is and who made it, by template."""

import random
from functools import cache
from itertools import zip_longest
from typing import Any

from midspec.errors import ConfigError, DataError
from midspec.parts import Identity
from midspec.text import fill_in, upper_first
from midspec.yaml_file import shipped_yaml


@cache
def templates() -> dict[str, Any]:
    """Openings, and questions and answers by kind."""
    listed: dict[str, Any] = shipped_yaml("midspec.demos", "data", "identity.yaml")
    return listed


def check_identity(model_name: str, provider_name: str) -> None:
    """Refuse an identity that names nobody: the rows would teach the model a name it hasn't."""
    unnamed = Identity()
    if model_name == unnamed.model_name or provider_name == unnamed.provider_name:
        raise ConfigError(
            "The mix has rows that teach the assistant its name and its maker, and the experiment "
            "gives none. Set identity: {model_name: …, provider_name: …}."
        )


def identity_messages(
    n: int, model_name: str, provider_name: str, draw: int
) -> list[list[dict[str, str]]]:
    """`n` exchanges, each kind of question as often as the others, no question and answer twice.

    More than the templates hold is a DataError.
    """
    deal = random.Random(f"mix/identity/{draw}")
    listed = templates()
    decks = [
        [(question, answer) for question in kind["questions"] for answer in kind["answers"]]
        for kind in listed["kinds"].values()
    ]
    for deck in decks:
        deal.shuffle(deck)
    pairs = [pair for row in zip_longest(*decks) for pair in row if pair]
    if n > len(pairs):
        raise DataError(
            f"The mix takes {n:,} rows of identity; its templates give {len(pairs):,}. Take a "
            "smaller n:."
        )
    names = {"model_name": model_name, "provider_name": provider_name}
    exchanges = []
    for question, answer in pairs[:n]:
        opening = deal.choice(listed["openings"])
        goes_on = opening.endswith((", ", ": "))
        asked = opening + (question if goes_on else upper_first(question))
        exchanges.append(
            [
                {"role": "user", "content": fill_in(asked, names)},
                {"role": "assistant", "content": fill_in(answer, names)},
            ]
        )
    return exchanges
