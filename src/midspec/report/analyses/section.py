"""What every analysis hands over: sentences, figures, tables, and the same numbers for programs."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import isfinite, nan
from typing import Any, TypeVar

from midspec.pages.html import count
from midspec.report.scores import decimals_clear
from midspec.report.wording import interval, number, p_value, signed
from midspec.stats.claims import holm
from midspec.stats.intervals import Estimate

MOST_BARS = 30  # intervals in one figure; a longer one is no figure
NO_NUMBER = number(nan)
TOLD = 8  # sentences on one question, the clearest ones; tables have all

Row = TypeVar("Row", bound=Any)  # a dataclass of one analysis


@dataclass(frozen=True)
class Cell:
    """One number of a table: what it is, its interval in small, whether it stands out, and what
    else is to be read with it, in small."""

    text: str
    small: str = ""
    strong: bool = False
    beside: str = ""


@dataclass(frozen=True)
class Figure:
    """A drawing for the page, under a title of its own; of one eval, its name."""

    title: str
    svg: str
    eval: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table: its first column names the row, numbers stand in the others. Rows stand in groups
    below headings; a heading that is empty isn't shown."""

    caption: str
    columns: Sequence[str]
    groups: Mapping[str, Sequence[Sequence[Cell | str]]]


@dataclass(frozen=True)
class Section:
    """One analysis of an experiment.

    key: its name for programs and files; about: how to read it; said: what was found, a sentence
    each; caption: of its figures; rows: the same numbers for programs, by kind of row.
    """

    key: str
    title: str
    about: str
    said: Sequence[str]
    sheets: Sequence[Sheet]
    rows: Sequence[Any]
    figures: Sequence[Figure] = ()
    caption: str = ""
    left_out: str = ""


def corrected(
    rows: Sequence[Row], p: Callable[[Row], float], family: Callable[[Row], Hashable]
) -> list[Row]:
    """The rows with `p_holm`: p adjusted for the comparisons of the same family (Holm)."""
    families: dict[Hashable, list[int]] = {}
    for place, row in enumerate(rows):
        families.setdefault(family(row), []).append(place)
    adjusted = {
        place: p_holm
        for places in families.values()
        for place, p_holm in zip(places, holm([p(rows[n]) for n in places]), strict=True)
    }
    return [replace(row, p_holm=adjusted[place]) for place, row in enumerate(rows)]


def by_eval(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each eval, evals as they first come."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.eval, []).append(row)
    return found


def cell(found: Estimate, digits: int = 2, strong: bool = False) -> Cell:
    """A score with its interval."""
    return Cell(number(found.mean, digits), interval(found.low, found.high, digits), strong)


def change(found: Estimate, digits: int = 2, strong: bool = False) -> Cell:
    """A difference with its interval."""
    digits = decimals_clear(found.low, found.high, digits)
    return Cell(signed(found.mean, digits), interval(found.low, found.high, digits), strong)


def told(found: Estimate, digits: int = 2) -> str:
    """A difference with its interval, in a sentence."""
    digits = decimals_clear(found.low, found.high, digits)
    return f"{signed(found.mean, digits)} {interval(found.low, found.high, digits)}".rstrip()


def p_told(p: float) -> str:
    """A p-value adjusted by Holm's method, in a sentence."""
    told = p_value(p)
    return f"p {told if told.startswith('<') else f'= {told}'} after Holm’s correction"


def on(evaluation: str, better: str) -> str:
    """The head of a sentence on an eval, which tells where less of it is better."""
    return f"On {evaluation}{' (lower is better)' if better == 'lower' else ''}"


def caption(evaluation: str, better: str) -> str:
    """The head of a table's caption, which tells which way is better where one is."""
    return f"{evaluation}{f'; {better} is better' if better else ''}"


def are(number_of: int) -> str:
    """The verb of so many."""
    return "is" if number_of == 1 else "are"


def without_blanks(sheet: Sheet) -> Sheet:
    """The table without columns that have no number in any row, such as what was decided where
    deciding is no question."""
    rows = [row for group in sheet.groups.values() for row in group]
    kept = [n for n in range(len(sheet.columns)) if any(row[n] != NO_NUMBER for row in rows)]
    return Sheet(
        sheet.caption,
        [sheet.columns[n] for n in kept],
        {
            heading: [[row[n] for n in kept] for row in group]
            for heading, group in sheet.groups.items()
        },
    )


def clearest(
    rows: Sequence[Row],
    name: str,
    shown: Callable[[Row], bool],
    p: Callable[[Row], float],
    say: Callable[[Row], str],
) -> list[str]:
    """A sentence for each row; of many, how many are shown and the clearest of these. `name` is
    what a row is called."""
    if len(rows) <= TOLD:
        return [say(row) for row in rows]
    found = sorted((row for row in rows if shown(row)), key=p)
    whole = count(len(rows), name)
    if not found:
        return [f"None of {whole} is shown after Holm’s correction."]
    more = f"; the clearest {TOLD} are told here" if len(found) > TOLD else ""
    return [
        f"{len(found)} of {whole} {are(len(found))} shown after Holm’s correction{more}.",
        *(say(row) for row in found[:TOLD]),
    ]


def share(value: float) -> str:
    """A share without an interval; a dash where there is none."""
    return number(value)


def flat(row: Any) -> dict[str, object]:
    """A row for programs: an estimate as four columns, what is nan or infinite as nothing."""
    found: dict[str, object] = {}
    for one in fields(row):
        value = getattr(row, one.name)
        if isinstance(value, Estimate):
            ends = {"": value.mean, "_low": value.low, "_high": value.high, "_p": value.p}
            found |= {one.name + end: _plain(part) for end, part in ends.items()}
        else:
            found[one.name] = _plain(value)
    return found


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not isfinite(value) else value
