"""What a recipe is made of: a stage's config as plain JSON that never changes its form."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum

ADDED = "added"  # metadata of a config field that came later: at its default it's in no recipe


def canonical(value: object, at: str = "config") -> object:
    """Plain JSON for `value`, or a TypeError naming the field that has no stable form."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: canonical(getattr(value, f.name), f"{at}.{f.name}")
            for f in fields(value)
            if not (ADDED in f.metadata and getattr(value, f.name) == f.default)
        }
    if isinstance(value, Enum):
        return canonical(value.value, at)
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: canonical(item, f"{at}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item, f"{at}[{i}]") for i, item in enumerate(value)]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(
        f"{at} is a {type(value).__name__}, which has no stable form to fingerprint. "
        "Use str, number, bool, None, Enum, list, dict or a dataclass of these."
    )
