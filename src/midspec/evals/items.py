"""Item sets: forced choices by value in three tiers, with a development and a held-out half."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Protocol, TypeVar

from midspec.errors import ConfigError, DataError
from midspec.files import read_rows
from midspec.records import Item

HALVES = ("development", "held-out")
EVALS = Path(str(files("midspec.evals")))
SETS = {"items": "item set", "opinions": "set of opinions"}


class Placed(Protocol):
    """A row that an eval asks, by its place in a set: an item, or another with the same fields."""

    @property
    def id(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def tier(self) -> str: ...


T = TypeVar("T")
Row = TypeVar("Row", bound=Placed)


def item_file(name: str, folder: Path, kind: str = "items") -> Path:
    """The shipped item set of that name, or the JSONL file at that path, seen from `folder`; of
    another `kind` of items, such as opinions, from the folder of that name."""
    sets = EVALS / kind
    path = folder / name if name.endswith(".jsonl") else sets / f"{name}.jsonl"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in sets.glob("*.jsonl")))
        raise ConfigError(
            f"There is no {SETS[kind]} {name!r}. Shipped: {known}; or name a .jsonl file of items."
        )
    return path


def read_item_set(path: Path) -> list[Item]:
    """The items of a set, in its order; an empty set, or an id used twice, is a DataError."""
    items = read_rows(path, Item)
    if not items:
        raise DataError(f"{path} holds no items. An item has id, domain, tier, aligned and other.")
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise DataError(f"{path} has the id {item.id!r} twice. Every item needs its own.")
        seen.add(item.id)
    return items


def halves(items: Sequence[Placed]) -> dict[str, str]:
    """Each item's half, by id: items of one domain and tier alternate, so the halves are alike.

    Recipes are tuned on the development half; what is reported is the held-out half.
    """
    seen: dict[tuple[str, str], int] = {}
    split = {}
    for item in items:
        turn = seen.setdefault((item.domain, item.tier), 0)
        seen[item.domain, item.tier] += 1
        split[item.id] = HALVES[turn % 2]
    return split


def choose(items: list[T], at_most: int | None) -> list[T]:
    """At most so many items, spread evenly over the set and so over its domains and tiers."""
    if at_most is None or at_most >= len(items):
        return items
    return [items[i * len(items) // at_most] for i in range(at_most)]


def asked_items(
    path: Path, half: str, max_items: int | None = None
) -> tuple[list[Item], dict[str, str]]:
    """The items that are asked, and every item's half; a half without items is a DataError."""
    return in_half(read_item_set(path), half, max_items, str(path))


def in_half(
    rows: Sequence[Row], half: str, at_most: int | None, where: str
) -> tuple[list[Row], dict[str, str]]:
    """The rows of a half, at most so many, and the half of each; none at all is a DataError."""
    split = halves(rows)
    asked = [row for row in rows if half in ("all", split[row.id])]
    if not asked:
        raise DataError(f"{where} has no item in its {half} half. Use half: all.")
    return choose(asked, at_most), split


def shipped(name: str) -> Path:
    """A file of what an eval asks whatever the experiment is about."""
    return EVALS / "data" / name
