"""A finished folder's rows as a page to look through: what was kept, what was not, and why."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log10
from pathlib import Path
from statistics import median
from typing import Any

from midspec.errors import ConfigError, DataError
from midspec.files import digest_text, read_dicts, read_object
from midspec.pages.html import render, script_json

UNKEPT = ("set aside", "failed", "failed in planning")
BARS = 30  # of the histogram, at most but for one
TAIL = 0.99  # lengths above this quantile share the last bar, or one long row hides the rest

Row = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """How many rows have `low` or more, and no more than `high` (None: no limit)."""

    low: int
    high: int | None
    rows: int


@dataclass(frozen=True)
class Shelf:
    """What is looked through: the package and name of its templates, the verdicts that there are,
    and what one row is called, all rows together, and what a row was to be made of."""

    package: str
    name: str
    noun: str
    whole: str
    source: str
    verdicts: Sequence[str]


def browse_page(
    shelf: Shelf,
    folder: Path,
    rows: Sequence[Row],
    most: int,
    stands_for: Callable[[Row], Iterable[str]],
    lengths: Sequence[int],
    data: Callable[[Sequence[Row]], Mapping[str, object]],
    **found: Any,
) -> str:
    """The page of rows that have a verdict and a group; at most `most` of them can be read.

    stands_for: what a kept row is an example of, for the sample. lengths: tokens of the kept rows.
    data: what the shelf's script takes besides the rows shown; found: what its template takes.
    """
    by_verdict = {
        verdict: [row for row in rows if row["verdict"] == verdict] for verdict in shelf.verdicts
    }
    shown = sample(rows, most, stands_for)
    told = manifest(folder)
    ordered = sorted(lengths)
    return render(
        shelf.package,
        shelf.name,
        shelf=shelf,
        name=told.get("title") or folder.resolve().name,
        teachers=names(rows, "teacher"),
        cost=(told.get("summary") or {}).get("cost"),
        counts={verdict: len(listed) for verdict, listed in by_verdict.items()},
        groups={verdict: tally(by_verdict[verdict], "group") for verdict in UNKEPT},
        bars=histogram(ordered),
        shortest=ordered[0] if ordered else 0,
        middle=round(median(ordered)) if ordered else 0,
        longest=ordered[-1] if ordered else 0,
        total=len(rows),
        shown=len(shown),
        data=script_json(
            {
                "rows": shown,
                "noun": shelf.noun,
                "verdicts": shelf.verdicts,
                "sampled": len(shown) < len(rows),
                **data(shown),
            }
        ),
        **found,
    )


def check_folder(folder: Path, needed: Iterable[str], what: str, command: str) -> None:
    """Refuse a folder that lacks a file which every one of its kind has."""
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder. Name the folder of {what}.")
    if missing := [name for name in needed if not (folder / name).is_file()]:
        verb = "is" if len(missing) == 1 else "are"
        raise ConfigError(
            f"{folder} is not the folder of {what}: {', '.join(missing)} {verb} missing. "
            f"Name a folder that {command} wrote."
        )


def manifest(folder: Path) -> Row:
    """What the stage told of the folder; nothing where the manifest was left behind."""
    path = folder / "manifest.json"
    return read_object(path) if path.exists() else {}


def rows_of(path: Path, needed: Collection[str], what: str) -> list[Row]:
    """A file's rows, each with the fields that it needs; DataError at the first without."""
    rows = read_dicts(path)
    for number, row in enumerate(rows, 1):
        if lacking := sorted(set(needed) - row.keys()):
            raise DataError(
                f"{path}, row {number}: has no {', '.join(lacking)}. Write the {what} again."
            )
    return rows


def set_aside(row: Row) -> Row:
    """A row that was written and not kept."""
    return row | {"verdict": "set aside", "group": group(str(row["reason"]))}


def failed(row: Row, step: str) -> Row:
    """A row that was asked for in `step`, or an item of the plan, which nobody counts as one."""
    why = group(str(row["reason"]))
    if row["step"] == step:
        return row | {"verdict": "failed", "group": why}
    return row | {"verdict": "failed in planning", "group": f"{row['step']}: {why}"}


def sample(rows: Sequence[Row], most: int, stands_for: Callable[[Row], Iterable[str]]) -> list[Row]:
    """At most `most` rows, spread evenly over what they stand for, and over the reasons of the
    rest.

    What has fewest so far gives the next row, in the order of the ids' digests: a folder has one
    sample, and that of a folder that grew is much the same.
    """
    if len(rows) <= most:
        return list(rows)

    def places(row: Row) -> list[tuple[str, str]]:
        if row["verdict"] == "kept":
            return [("kept", thing) for thing in stands_for(row)] or [("kept", "")]
        return [(row["verdict"], row["group"])]

    waiting: dict[tuple[str, str], list[int]] = {}
    for number in sorted(range(len(rows)), key=lambda n: digest_text(rows[n]["id"]), reverse=True):
        for place in places(rows[number]):
            waiting.setdefault(place, []).append(number)
    have = dict.fromkeys(sorted(waiting), 0)
    taken: set[int] = set()
    while have and len(taken) < most:
        scarcest = min(have, key=have.__getitem__)
        while waiting[scarcest] and waiting[scarcest][-1] in taken:
            waiting[scarcest].pop()
        if not waiting[scarcest]:
            del have[scarcest]
            continue
        number = waiting[scarcest].pop()
        taken.add(number)
        for place in places(rows[number]):
            if place in have:
                have[place] += 1
    return [rows[number] for number in sorted(taken)]


def group(reason: str) -> str:
    """What a reason has in common with others: no numbers, quotes or names after a colon."""
    first, *rest = re.split(r": | \((?=['\"])", reason, maxsplit=2)
    second = rest[0] if len(rest) == 2 and not re.search(r"[\d'\"‘“]", rest[0]) else ""
    words = re.sub(r"[\w.-]*\d[\w.-]*", "…", first).removesuffix("…").strip()
    return ": ".join(part for part in (words, second) if part) or reason


def histogram(lengths: Sequence[int]) -> list[Bar]:
    """Some twenty bars of one round width; the longest rows share the last one."""
    if not lengths:
        return []
    ordered = sorted(lengths)
    usual = ordered[ceil(TAIL * len(ordered)) - 1]
    width = _round_up((usual - ordered[0] + 1) / BARS)
    start = ordered[0] // width * width
    last = (usual - start) // width
    found = Counter(min((length - start) // width, last) for length in ordered)
    open_end = ordered[-1] >= start + (last + 1) * width
    return [
        Bar(
            start + n * width,
            None if n == last and open_end else start + (n + 1) * width - 1,
            found[n],
        )
        for n in range(last + 1)
    ]


def names(rows: Iterable[Row], key: str) -> list[str]:
    """The values of a field, by name."""
    return sorted({str(row[key]) for row in rows if row.get(key)})


def tally(rows: Iterable[Row], key: str) -> list[tuple[str, int]]:
    """The values of a field and how often each is there, most frequent first; equals by name."""
    return ranked(Counter(str(row.get(key, "")) for row in rows))


def ranked(found: Mapping[str, int]) -> list[tuple[str, int]]:
    """What was counted, most frequent first; equals by name."""
    return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))


def _round_up(width: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50 …, which people can read off an axis."""
    power: int = 10 ** int(log10(max(1.0, width)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= width)
