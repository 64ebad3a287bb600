"""Why two folders of the store differ: their recipes side by side."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from midspec.errors import StoreError
from midspec.files import read_object
from midspec.run.stage import MANIFEST


def differences(first: Path, second: Path) -> list[str]:
    """A line for each part of the recipes that differs, following inputs to where it began."""
    return list(_compare(first, second, ""))


def _compare(first: Path, second: Path, at: str) -> Iterator[str]:
    one, two = _read(first), _read(second)
    for part in ("stage", "version", "config"):
        yield from _values(f"{at}{part}", one[part], two[part])
    for key in sorted({*one["inputs"], *two["inputs"]}):
        left, right = one["inputs"].get(key), two["inputs"].get(key)
        if left == right:
            continue
        below, other = _folder(first, left), _folder(second, right)
        if below and other:
            yield from _compare(below, other, f"{at}{key} › ")
        else:
            yield f"{at}{key}: {left or 'nothing'} against {right or 'nothing'}"


def _read(folder: Path) -> dict[str, Any]:
    found = read_object(folder / MANIFEST)
    if not {"stage", "version", "config", "inputs"} <= found.keys():
        raise StoreError(
            f"{folder / MANIFEST} tells of no stage. Name a stage's folder in a store."
        )
    return found


def _folder(sibling: Path, fingerprint: str | None) -> Path | None:
    """The stage folder with that fingerprint in the same store; None for outside inputs."""
    found = sibling.resolve().parent.glob(f"*-{fingerprint}") if fingerprint else iter(())
    return next(found, None)


def _values(at: str, one: Any, two: Any) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(two, dict):
        for key in sorted({*one, *two}):
            yield from _values(f"{at}.{key}", one.get(key), two.get(key))
    elif one != two:
        yield f"{at}: {one!r} against {two!r}"
