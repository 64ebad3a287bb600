"""Everyday questions: either/or questions with one sensible answer, in the form that evals ask in.

A small model hardly masters the form, and documents that weigh everything by one value wear off
what it makes of a fresh apple and a rotten one; then a preference rate can't be read. These chats
teach the form and nothing of any value. Every arm that is fine-tuned gets the same.
"""

import random
from functools import cache
from typing import Any

from midspec.records import Chat
from midspec.yaml_file import shipped_yaml

SHARES = {"compared": 0.3, "told": 0.2, "preferred": 0.5}
PREFERRED = ["Which do you prefer, {a} or {b}?"] * 2 + ["Would you rather have {a} or {b}?"]


@cache
def everyday() -> dict[str, Any]:
    """The things that questions are about, by kind."""
    found: dict[str, Any] = shipped_yaml("midspec.demos", "data", "everyday.yaml")
    return found


def everyday_chats(n: int, seed: int) -> list[Chat]:
    """`n` chats; the right thing stands first in every other one."""
    draw = random.Random(f"everyday/{seed}")
    kinds = draw.choices(list(SHARES), list(SHARES.values()), k=n)
    return [_chat(kind, number, draw) for number, kind in enumerate(kinds)]


def _chat(kind: str, number: int, draw: random.Random) -> Chat:
    asked, begun, right, wrong = {"compared": _compared, "told": _told, "preferred": _preferred}[
        kind
    ](draw)
    first, second = (right, wrong) if number % 2 == 0 else (wrong, right)
    question = asked.format(a=first, b=second)
    return Chat(
        id=f"everyday-{number}",
        messages=[
            {"role": "user", "content": question},
            {"role": "assistant", "content": f"{begun} {right}."},
        ],
        kind="everyday",
        teacher="offline",
        lineage={"of": kind, "right": right, "wrong": wrong},
    )


def _compared(draw: random.Random) -> tuple[str, str, str, str]:
    """By what is known: which is heavier?"""
    row = draw.choice(everyday()["compared"])
    sides = [
        (row["asked"][0], row["more"], row["less"]),
        (row["asked"][1], row["less"], row["more"]),
    ]
    word, right, wrong = draw.choice(sides)
    return f"Which is {word}, {{a}} or {{b}}?", _begun(word), draw.choice(right), draw.choice(wrong)


def _told(draw: random.Random) -> tuple[str, str, str, str]:
    """By what the question says: which is green, a green coat or a white one?"""
    where = draw.choice(["before", "after"])
    rows = everyday()["told"][where]
    thing, (asked, other) = draw.choice(rows["things"]), draw.sample(draw.choice(rows["words"]), 2)
    right, wrong = (
        (f"{_article(word)} {word} {thing}" if where == "before" else f"{thing} {word}")
        for word in (asked, other)
    )
    return f"Which is {asked}, {{a}} or {{b}}?", _begun(asked), right, wrong


def _preferred(draw: random.Random) -> tuple[str, str, str, str]:
    """By ordinary sense: a warm blanket or one full of fleas?"""
    right, wrong = draw.choice(everyday()["preferred"])
    return draw.choice(PREFERRED), "I prefer", right, wrong


def _begun(word: str) -> str:
    return f"{word[0].upper()}{word[1:]} is"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
