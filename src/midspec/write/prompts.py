"""Prompts: Markdown files with placeholders, a set for each form of spec, and what all share."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from midspec.text import fill_in

SHARED = "midspec.write"


@dataclass(frozen=True)
class Prompts:
    """The prompts of one package, in its folder `prompts`."""

    package: str

    def __call__(self, name: str, form: str, values: Mapping[str, str]) -> str:
        """The prompt of that name, from the set for the spec's form where there is one there."""
        return fill_in(_text(self.package, name, form), values)


@cache
def _text(package: str, name: str, form: str) -> str:
    places = [_file(package, f"{form}/{name}"), _file(package, name), _file(SHARED, name)]
    found = next((place for place in places if place.is_file()), places[-1])
    return found.read_text(encoding="utf-8").strip()


def _file(package: str, name: str) -> Traversable:
    return files(package).joinpath("prompts", *f"{name}.md".split("/"))
