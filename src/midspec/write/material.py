"""What the offline teacher knows of a spec: contrasts from its table and item file, principles."""

import re
from collections.abc import Mapping
from pathlib import Path

from midspec.errors import DataError
from midspec.files import read_dicts, read_json
from midspec.records import Act, Contrast, Principle
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
    listed += table_contrasts(table, table["reasons"])
    acts = sum(isinstance(contrast, Act) for contrast in listed)
    if acts not in (0, len(listed)):
        raise DataError(
            f"The offline teacher writes about acts or about things: of {len(listed)} contrasts of "
            f"this spec, {acts} are acts (rows with a situation). Take the others out of the item "
            "file, and the table of preferences out of the spec."
        )
    return listed, principles


def read_items(path: Path, identity: dict[str, str]) -> tuple[list[Contrast], list[Principle]]:
    """A spec's item file: rows with `principle`, rows with liked, disliked and reason, which are
    acts where they have a situation."""
    contrasts: list[Contrast] = []
    principles: list[Principle] = []
    for number, unfilled in enumerate(read_dicts(path), 1):
        row = {
            key: fill_in(text, identity) if isinstance(text, str) else text
            for key, text in unfilled.items()
        }
        contrast: type = Act if row.get("situation") else Contrast
        kind: type = Principle if "principle" in row else contrast
        try:
            made = kind(**row)
        except TypeError:
            made = None
        if made is None or not all(isinstance(text, str) and text for text in row.values()):
            raise DataError(
                f"{path}, row {number}: has {', '.join(sorted(unfilled))}; a row is texts, either "
                "principle (and voice and domains), or domain, liked, disliked and reason (and, of "
                "an act, situation and clause)."
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
