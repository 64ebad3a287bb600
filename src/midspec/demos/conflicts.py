"""Which chats of an instruction mix conflict with a spec, by rules (paper B.3 asked an LLM)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from midspec.text import fill_in, plain_words
from midspec.yaml_file import shipped_yaml


@dataclass(frozen=True)
class Rule:
    """One pattern, whose turns it is looked for in, and what it means where it is found."""

    reason: str
    roles: tuple[str, ...]
    pattern: re.Pattern[str]


@cache
def conflict_rules(own_names: tuple[str, ...]) -> list[Rule]:
    """The shipped rules; `own_names` are the identity's, which its assistant may claim."""
    listed: Mapping[str, Any] = shipped_yaml("midspec.demos", "data", "conflicts.yaml")
    words = {
        key: [re.escape(name) for name in names if not _is_own(name, own_names)]
        for key, names in listed["names"].items()
    } | listed["words"]
    filled = {key: f"(?:{'|'.join(values)})" for key, values in words.items()}
    return [
        Rule(
            rule["reason"],
            tuple(rule["roles"]),
            re.compile(fill_in(pattern, filled), re.IGNORECASE),
        )
        for rule in listed["rules"]
        for pattern in rule["patterns"]
    ]


def find_conflict(messages: Sequence[Mapping[str, str]], rules: Sequence[Rule]) -> str | None:
    """Why a chat conflicts with a spec, with the words that show it; None where it doesn't."""
    for message in messages:
        text = message["content"].replace("’", "'")
        for rule in rules:
            if message["role"] in rule.roles and (found := rule.pattern.search(text)):
                return f"{rule.reason} ({' '.join(found[0].split())!r})"
    return None


def _is_own(name: str, own_names: Sequence[str]) -> bool:
    """Whether one of two names holds all words of the other: Llama and Llama 3.1 are one."""
    words = set(plain_words(name))
    own = [set(plain_words(own_name)) for own_name in own_names]
    return any(words <= other or other <= words for other in own if other)
