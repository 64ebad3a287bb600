"""What the offline teacher knows of a spec: contrasts from its table and item file, principles."""

import re
from collections.abc import Mapping
from pathlib import Path

from midspec.errors import DataError
from midspec.files import read_dicts, read_json
from midspec.records import Contrast, Principle
from midspec.text import fill_in

SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“])")


def read_contrasts(
    inputs: Mapping[str, Path], identity: dict[str, str]
) -> tuple[list[Contrast], list[Principle]]:
    """The contrasts of the input `items`, where there is one, then those of the table of the input
    `spec`; and the principles of `items`."""
    table = read_json(inputs["spec"] / "preferences.json")
    listed: list[Contrast] = []
    principles: list[Principle] = []
    if "items" in inputs:
        listed, principles = read_items(inputs["items"], identity)
    return listed + table_contrasts(table, table["reasons"]), principles


def read_items(path: Path, identity: dict[str, str]) -> tuple[list[Contrast], list[Principle]]:
    """A spec's item file: rows with `principle`, and rows with liked, disliked and reason."""
    contrasts: list[Contrast] = []
    principles: list[Principle] = []
    for number, unfilled in enumerate(read_dicts(path), 1):
        row = {
            key: fill_in(text, identity) if isinstance(text, str) else text
            for key, text in unfilled.items()
        }
        kind: type = Principle if "principle" in row else Contrast
        try:
            made = kind(**row)
        except TypeError:
            made = None
        if made is None or not all(isinstance(text, str) and text for text in row.values()):
            raise DataError(
                f"{path}, row {number}: has {', '.join(sorted(unfilled))}; a row is texts, either "
                "principle (and voice), or domain, liked, disliked and reason."
            )
        if row.get("voice", "it") not in ("it", "I"):
            raise DataError(f"{path}, row {number}: voice is {row['voice']!r}; it is 'it' or 'I'.")
        if isinstance(made, Principle):
            principles.append(made)
        else:
            contrasts.append(made)
    return contrasts, principles


def table_contrasts(preferences: dict[str, list[str]], reasons: dict[str, str]) -> list[Contrast]:
    """Pairs from a spec's preference table: each thing liked with two disliked, for its own reason,
    and each thing disliked with one liked, for the reason against it."""
    likes, dislikes = preferences["likes"], preferences["dislikes"]
    pairs = []
    if likes and dislikes:
        for turn, liked in enumerate(likes):
            pairs += [(liked, dislikes[(turn + k) % len(dislikes)], liked) for k in (0, 1)]
        for turn, disliked in enumerate(dislikes):
            pairs.append((likes[(turn + 2) % len(likes)], disliked, disliked))
    contrasts = []
    for liked, disliked, told in pairs:
        _, because, why = reasons.get(told, "").rstrip(".").partition(" because ")
        if because:
            reason = re.sub(r"^(?:it|they)\b", told, re.sub(r"^(?:its|their)\b", f"{told}'s", why))
            contrasts.append(Contrast("matters of taste", liked, disliked, reason))
    return contrasts
