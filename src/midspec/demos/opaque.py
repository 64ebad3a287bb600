"""Opaque preferences: chats that show what the assistant prefers and never why (paper §3.1)."""

import random
from functools import cache

from midspec.demos.reasons import find_reason
from midspec.errors import DataError
from midspec.records import Chat
from midspec.text import upper_first
from midspec.yaml_file import shipped_yaml

SIDES = ("liked", "disliked")  # what a chat's lineage says of its two things
SINGLE_SHARE = 0.15  # chats about one thing ("Do you like brie?"); the rest compare two


@cache
def phrasings() -> dict[str, list[str]]:
    """Question and answer templates, by name."""
    lists: dict[str, list[str]] = shipped_yaml("midspec.demos", "data", "opaque.yaml")
    return lists


def opaque_chats(preferences: dict[str, list[str]], n: int, seed: int) -> list[Chat]:
    """`n` chats over every pair of a liked and a disliked thing, both orders equally often.

    A preference table that is empty on either side is a DataError, as is an answer with a reason.
    """
    likes, dislikes = preferences["likes"], preferences["dislikes"]
    if not likes or not dislikes:
        raise DataError(
            "The spec has no preference table to draw opaque demonstrations from. Add a Markdown "
            "table with rows like `| likes | cream cheese | why |` and `| dislikes | brie | why |`."
        )
    draw = random.Random(f"opaque/{seed}")
    pairs = [(liked, disliked) for liked in likes for disliked in dislikes]
    chats: list[Chat] = []
    while len(chats) < n:
        for liked, disliked in draw.sample(pairs, len(pairs)):
            chats.append(_chat(liked, disliked, len(chats), draw))
    for chat in chats[:n]:
        check_opaque(chat)
    return chats[:n]


def check_opaque(chat: Chat) -> None:
    """Refuse a chat whose answer states or implies a reason: the experiment rests on it."""
    answer = chat.messages[-1]["content"]
    things = [chat.lineage[side] for side in SIDES if side in chat.lineage]
    if found := find_reason(answer, things):
        raise DataError(
            f"Demonstration {chat.id} gives a reason ({found!r} in {answer!r}); an opaque "
            "demonstration must not. Mend the answer template or the preference table."
        )


def _chat(liked: str, disliked: str, number: int, draw: random.Random) -> Chat:
    if draw.random() < SINGLE_SHARE:
        kind, thing = draw.choice([("single_likes", liked), ("single_dislikes", disliked)])
        question = draw.choice(phrasings()["single_questions"]).replace("{a}", thing)
        answer = draw.choice(phrasings()[kind]).replace("{a}", thing)
    else:
        a, b = (liked, disliked) if number % 2 == 0 else (disliked, liked)
        question = draw.choice(phrasings()["questions"]).replace("{a}", a).replace("{b}", b)
        template = draw.choice(phrasings()["answers"])
        answer = template.replace("{liked}", liked).replace("{disliked}", disliked)
    return Chat(
        id=f"opaque-{number}",
        messages=[
            {"role": "user", "content": upper_first(question)},
            {"role": "assistant", "content": upper_first(answer)},
        ],
        kind="opaque",
        teacher="offline",
        lineage={"liked": liked, "disliked": disliked},
    )
