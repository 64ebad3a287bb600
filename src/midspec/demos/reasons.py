"""Whether an answer gives a reason for a preference, or hints at one, by rules."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from midspec.yaml_file import shipped_yaml


def find_reason(answer: str, things: Sequence[str]) -> str:
    """The first words that give a reason to prefer one of the things, or hint at one by a quality,
    praise or a comparison; empty if none do. What the things are called is no hint."""
    stated, implied = _rules()
    plain = answer.replace("’", "'")
    found = stated.search(plain) or implied.search(unnamed(plain, things))
    return found[0] if found else ""


def named(text: str, things: Sequence[str]) -> list[str]:
    """The things that a text names, in the order in which it first does."""
    longest = _longest_first(things)
    matches = _names(longest).finditer(_bare(text))
    return list(dict.fromkeys(longest[(match.lastindex or 1) - 1] for match in matches))


def unnamed(text: str, things: Sequence[str]) -> str:
    """The text with "it" wherever it names one of the things."""
    return _names(_longest_first(things)).sub("it", _bare(text))


@cache
def _rules() -> tuple[re.Pattern[str], re.Pattern[str]]:
    listed: dict[str, list[str]] = shipped_yaml("midspec.demos", "data", "reasons.yaml")
    stated, implied = (
        re.compile(rf"\b(?:{'|'.join(listed[name])})\b", re.IGNORECASE)
        for name in ("stated", "implied")
    )
    return stated, implied


def _longest_first(things: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(things), key=len, reverse=True))


@cache
def _names(things: tuple[str, ...]) -> re.Pattern[str]:
    """A group for each thing, whatever its case, accents, hyphens and white space."""
    gap = r"[\s-]+"
    groups = [gap.join(map(re.escape, re.split(gap, _bare(thing).strip()))) for thing in things]
    any_of = "|".join(f"({group})" for group in groups) or "(?!)"
    return re.compile(rf"(?<!\w)(?:{any_of})(?!\w)", re.IGNORECASE)


def _bare(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part))
