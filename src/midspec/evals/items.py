"""Item sets: forced choices by value in three tiers, with a development and a held-out half."""

from importlib.resources import files
from pathlib import Path

from midspec.errors import ConfigError, DataError
from midspec.files import read_rows
from midspec.records import Item

HALVES = ("development", "held-out")


def item_file(name: str, folder: Path, kind: str = "items") -> Path:
    """The shipped item set of that name, or the JSONL file at that path, seen from `folder`; of
    another `kind` of items, such as opinions, from the folder of that name."""
    shipped = Path(str(files("midspec.evals"))) / kind
    path = folder / name if name.endswith(".jsonl") else shipped / f"{name}.jsonl"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in shipped.glob("*.jsonl")))
        raise ConfigError(
            f"There is no item set {name!r}. Shipped: {known}; or name a .jsonl file of items."
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


def halves(items: list[Item]) -> dict[str, str]:
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


def choose(items: list[Item], at_most: int | None) -> list[Item]:
    """At most so many items, spread evenly over the set and so over its domains and tiers."""
    if at_most is None or at_most >= len(items):
        return items
    return [items[i * len(items) // at_most] for i in range(at_most)]


def asked_items(
    path: Path, half: str, max_items: int | None = None
) -> tuple[list[Item], dict[str, str]]:
    """The items that are asked, and every item's half; a half without items is a DataError."""
    items = read_item_set(path)
    split = halves(items)
    asked = [item for item in items if half in ("all", split[item.id])]
    if not asked:
        raise DataError(f"{path} has no item in its {half} half. Use half: all.")
    return choose(asked, max_items), split
