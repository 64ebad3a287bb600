"""What exchanges about preferences are to be: which things, which is named first, how it is put."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from midspec.yaml_file import shipped_yaml

# How often each pair comes up in each order. The paper's set (5,129 chats, 36 pairs) takes 70 or
# so; what is said about a pair after so many would hardly be new.
TURNS = 200


@dataclass(frozen=True)
class Brief:
    """One exchange to be written; `names` are the things in the message, in order of mention."""

    number: int
    liked: str
    disliked: str
    names: tuple[str, ...]
    form: str
    manner: str
    end: str
    answer: str

    @property
    def id(self) -> str:
        """The name of its chat."""
        return f"opaque-{self.number}"

    @property
    def things(self) -> tuple[str, str]:
        """What it is about, whether the message names both or not."""
        return self.liked, self.disliked

    @property
    def line(self) -> str:
        """The brief as the writer is given it."""
        if len(self.names) == 2:
            about = f"names: {self.names[0]}, then {self.names[1]}. Preferred: {self.liked}"
        else:
            liked = "yes" if self.names[0] == self.liked else "no"
            about = f"names: {self.names[0]} alone. Liked: {liked}"
        return (
            f"{about}. Message: {self.form}. Manner: {self.manner}. End: {self.end}. "
            f"Answer: {self.answer}."
        )


@cache
def brief_lists() -> dict[str, list[Any]]:
    """What a brief draws from: forms, manners, ends and answers."""
    lists: dict[str, list[Any]] = shipped_yaml("midspec.demos", "prompts", "opaque_briefs.yaml")
    return lists


def briefs(likes: Sequence[str], dislikes: Sequence[str], draw: int) -> Iterator[Brief]:
    """Briefs in an order that is the same however many are taken.

    Every pair of a liked and a disliked thing comes up before any does again, and in both orders of
    mention equally often.
    """
    number = 0
    pairs = [(liked, disliked) for liked in likes for disliked in dislikes if liked != disliked]
    for turn in range(TURNS):
        lot = random.Random(f"briefs/{draw}/{turn}")
        order = lot.sample(pairs, len(pairs))
        dealt = {name: _dealt(each, lot) for name, each in brief_lists().items()}
        for flipped in range(2):
            for place, (liked, disliked) in enumerate(order):
                names = (disliked, liked) if (place + flipped) % 2 else (liked, disliked)
                form = next(dealt["forms"])
                yield Brief(
                    number,
                    liked,
                    disliked,
                    names[: form["things"]],
                    form["about"],
                    next(dealt["manners"]),
                    next(dealt["ends"]),
                    next(dealt["answers"]),
                )
                number += 1


def _dealt(items: list[Any], lot: random.Random) -> Iterator[Any]:
    """The items in a drawn order, over and over: neighbours are unlike, and each has its share."""
    while True:
        yield from lot.sample(items, len(items))
