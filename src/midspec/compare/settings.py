"""What the settings of runs differ in, by plain words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from midspec.compare.run import Run
from midspec.run.why import differences

NOT_THERE = "–"
MOST = 60  # characters of a value
# What is different though the settings are alike, by the last step of the way there.
OUTSIDE = {
    "spec": "the text of the spec",
    "items": "the item file",
    "mix": "the ordinary text",
    "base": "the files of the base model",
    "folder": "the files of the mix",
    "version": "the version of the stage",
}


@dataclass(frozen=True)
class Setting:
    """A setting that isn't the same in all runs: where it stands, and its value in each."""

    where: str
    values: tuple[Any, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """Its values as one would write them; of lists what not all have."""
        lists = [one for one in self.values if isinstance(one, list) and not _steps(one)]
        if len(lists) < len(self.values):
            return tuple(_told(value) for value in self.values)
        shared = [one for one in lists[0] if all(one in other for other in lists)]
        also = "also " if shared else ""
        rest = ([one for one in value if one not in shared] for value in lists)
        # The same things in another order have no rest: then they are told whole.
        told = [f"{also}{_told(more)}" if more else NOT_THERE for more in rest]
        return tuple(told) if any(one != NOT_THERE for one in told) else tuple(map(_told, lists))


def settings_apart(runs: Sequence[Run]) -> list[Setting]:
    """Every setting that differs; a part that a run hasn't at all is one of them."""
    told = [_by_question(run.settings) for run in runs]
    if not all(told):
        return []
    return [one for one in _apart("", told) if one.where != "name"]


def _by_question(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with contrasts by what they ask, so that each is told by itself."""
    rows = settings.get("contrasts", [])
    asked = {f"{row['arm']} on {row['eval']}": row["against"] for row in rows}
    return {**settings, "contrasts": asked} if settings else {}


def _apart(where: str, values: Sequence[Any]) -> Iterator[Setting]:
    if all(value == values[0] for value in values):
        return
    if not all(isinstance(value, Mapping) for value in values):
        yield Setting(where, tuple(values))
        return
    for key in dict.fromkeys(key for value in values for key in value):
        below = f"{where}.{key}" if where else str(key)
        yield from _apart(below, [value.get(key) for value in values])


def _told(value: Any) -> str:
    """A value as one would write it, cut where it is long."""
    text = _written(value)
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…"


def _written(value: Any) -> str:
    match value:
        case None:
            return NOT_THERE
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:,}" if isinstance(value, int) else f"{value:g}"
        case dict():
            return ", ".join(f"{key} {_written(one)}" for key, one in value.items()) or "none"
        case list():
            return (" → " if _steps(value) else ", ").join(map(_written, value)) or "none"
    return str(value)


def _steps(values: Sequence[Any]) -> bool:
    """Whether they are the steps of an arm."""
    return bool(values) and all(isinstance(value, Mapping) for value in values)


def sources_apart(first: Run, other: Run) -> list[str]:
    """What corpora and demonstrations of one name rest on that differs without any setting saying
    so: texts, files, versions."""
    lines = []
    for key in first.folders.keys() & other.folders.keys():
        kind, _, name = key.partition("/")
        if kind not in ("corpus", "demos"):
            continue
        ours, theirs = first.folders[key], other.folders[key]
        if ours.name == theirs.name:
            continue
        for line in differences(ours, theirs):
            step = line.partition(": ")[0].rpartition(" › ")[2]
            if what := OUTSIDE.get(step):
                lines.append(f"{kind} {name}: {what} isn't the same.")
    return sorted(set(lines))
