"""MSM spec × AFT spec: every pairing's score, and whether the two should match (paper Fig. 14)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan

import numpy as np

from midspec.grid import Point
from midspec.pages.html import count
from midspec.report.analyses.section import (
    Cell,
    Figure,
    Section,
    Sheet,
    cell,
    corrected,
    p_told,
    share,
    told,
)
from midspec.report.analyses.study import Study
from midspec.report.plots import Tile, heat_map
from midspec.report.scores import Measured, decimals
from midspec.report.wording import interval, number
from midspec.stats.intervals import Estimate, difference
from midspec.stats.student import LEVEL

NONE = "none"
ABOUT = (
    "Every pairing of an MSM corpus with a set of demos, and each alone. Where all pairings of "
    "matching specs are there, the mean of those that match minus that of those that don’t says "
    "whether the two should be about the same spec: what a spec is worth by itself, in either "
    "stage, cancels out."
)


@dataclass(frozen=True)
class Pairing:
    """One cell: an arm's score at an MSM corpus and a set of demos; matched: of the same spec."""

    eval: str
    within: str
    msm: str
    aft: str
    arm: str
    matched: bool
    score: Estimate
    decided: float
    better: str
    reach: float


@dataclass(frozen=True)
class Match:
    """The mean of the pairings whose specs match minus that of those whose don't."""

    eval: str
    within: str
    specs: tuple[str, ...]
    advantage: Estimate
    p_holm: float
    groups: int
    seeds: int
    better: str
    reach: float


@dataclass(frozen=True)
class Square:
    """The arms of one heat map, by corpora and demos."""

    one: Measured
    within: str
    arms: dict[tuple[str, str], str]

    def names(self, axis: int) -> list[str]:
        """Rows (0: corpora) or columns (1: demos), those without any last."""
        found = list(dict.fromkeys(key[axis] for key in self.arms))
        return sorted(found, key=lambda name: name == NONE)


def pairings(study: Study) -> Section | None:
    """A heat map for every eval with two corpora or more by two sets of demos or more."""
    squares = [square for one in study.levels for square in _squares(study, one)]
    if not squares:
        return None
    matches = [match for square in squares if (match := _match(study, square))]
    matches = corrected(matches, lambda row: row.advantage.p, lambda row: "all")
    cells = {id(square): _cells(study, square) for square in squares}
    return Section(
        key="pairings",
        title="MSM spec × AFT spec",
        about=ABOUT,
        said=[*(_said_best(cells[id(s)]) for s in squares), *(_said_match(m) for m in matches)],
        sheets=[_sheet(square, cells[id(square)]) for square in squares],
        rows=[*(cell for square in squares for cell in cells[id(square)]), *matches],
        figures=[
            Figure(
                f"{s.one.eval}{f', {s.within}' if s.within else ''}",
                _figure(s, cells[id(s)]),
                s.one.eval,
            )
            for s in squares
        ],
        caption="Scores by MSM corpus (rows) and demos (columns); the darker, the higher. Framed: "
        "both of the same spec.",
        left_out=study.left_out({square.one.eval for square in squares}),
    )


def _squares(study: Study, one: Measured) -> Iterator[Square]:
    for point, arms in study.groups(one, ("both",), msm=(), aft=()).items():
        both = dict[tuple[str, str], str]()
        for arm in arms:
            both.setdefault(_key(study.points[arm]), arm)
        if any(len({key[axis] for key in both}) < 2 for axis in (0, 1)):
            continue
        alone = [study.msm_alone(one, arm) for arm in arms]
        alone += [study.aft_alone(one, arm) for arm in arms]
        alone += [study.untrained(one, arms[0])]
        beside = {_key(study.points[arm]): arm for arm in alone if arm}
        yield Square(one, study.told(point, "msm", "aft"), {**both, **beside})


def _key(point: Point) -> tuple[str, str]:
    return "+".join(point.msm) or NONE, "+".join(point.aft) or NONE


def _cells(study: Study, square: Square) -> list[Pairing]:
    one = square.one
    return [
        Pairing(
            one.eval, square.within, msm, aft, arm, _matched(study, arm),
            one.estimate(arm, one.seeds(arm)), study.decided(one, arm), one.metric.better,
            one.reach,
        )
        for (msm, aft), arm in square.arms.items()
    ]  # fmt: skip


def _matched(study: Study, arm: str) -> bool:
    told, shown = study.told_and_shown(arm)
    return bool(told) and told == shown


def _match(study: Study, square: Square) -> Match | None:
    """Over the specs that are both told and shown: only where all of their pairings are there."""
    by_specs: dict[tuple[tuple[str, ...], tuple[str, ...]], str] = {}
    for key, arm in square.arms.items():
        if NONE not in key:
            by_specs.setdefault(study.told_and_shown(arm), arm)
    both = [told for told, shown in by_specs if told and told == shown]
    if len(both) < 2 or any((a, b) not in by_specs for a in both for b in both):
        return None
    arms = [by_specs[a, b] for a in both for b in both]
    matched_A = np.array([a == b for a in both for b in both])
    values_ASG = square.one.together(arms)
    values_SG = values_ASG[matched_A].mean(0) - values_ASG[~matched_A].mean(0)
    return Match(
        square.one.eval, square.within, tuple("+".join(specs) for specs in both),
        difference(values_SG, square.one.reach), nan, values_SG.shape[1], len(values_SG),
        square.one.metric.better, square.one.reach,
    )  # fmt: skip


def _said_best(cells: Sequence[Pairing]) -> str:
    both = [cell for cell in cells if NONE not in (cell.msm, cell.aft)]
    lower = both[0].better == "lower"
    best = (min if lower else max)(both, key=lambda cell: cell.score.mean)
    digits = decimals(best.reach)
    within = f" ({best.within})" if best.within else ""
    return (
        f"On {best.eval}{within}, the {'lowest' if lower else 'highest'} of "
        f"{count(len(both), 'pairing')} is MSM {best.msm} with AFT {best.aft}, "
        f"{number(best.score.mean, digits)}; the best of many looks better than it is."
    )


def _said_match(row: Match) -> str:
    digits = decimals(row.reach)
    found = told(row.advantage, digits)
    rests = (
        f"({', '.join(row.specs)}; {count(row.groups, 'item')}, {count(row.seeds, 'seed')}; "
        f"{p_told(row.p_holm)})"
    )
    if not row.advantage.clear or row.p_holm >= LEVEL:
        return (
            f"On {row.eval}, no difference between pairings of one spec and of two is shown: "
            f"{found} {rests}."
        )
    return f"On {row.eval}, pairings of one spec score {found} beside those of two {rests}."


def _sheet(square: Square, cells: Sequence[Pairing]) -> Sheet:
    digits = decimals(square.one.reach)
    by_key = {(found.msm, found.aft): found for found in cells}
    better = f"; {square.one.metric.better} is better" if square.one.metric.better else ""

    def written(msm: str, aft: str) -> Cell | str:
        found = by_key.get((msm, aft))
        if found is None:
            return ""
        told = cell(found.score, digits, found.matched)
        if isnan(found.decided):
            return told
        return replace(told, beside=f"decided {share(found.decided)}")

    return Sheet(
        f"{square.one.eval}{f', {square.within}' if square.within else ''}: scores by MSM (rows) "
        f"and AFT (columns){better}; bold where both are of the same spec",
        ["MSM", *(f"AFT {name}" for name in square.names(1))],
        {"": [[msm, *(written(msm, aft) for aft in square.names(1))] for msm in square.names(0)]},
    )


def _figure(square: Square, cells: Sequence[Pairing]) -> str:
    rows, columns = square.names(0), square.names(1)
    low = min(found.score.mean for found in cells)
    span = max(found.score.mean for found in cells) - low or 1.0
    tiles = {
        (rows.index(found.msm), columns.index(found.aft)): Tile(
            number(found.score.mean, decimals(found.reach)),
            (found.score.mean - low) / span,
            own=found.matched,
            more=[interval(found.score.low, found.score.high, decimals(found.reach)), found.arm],
        )
        for found in cells
    }
    return heat_map(
        f"{square.one.eval}: score by MSM and AFT",
        [f"MSM {name}" if name != NONE else "no MSM" for name in rows],
        [f"AFT {name}" if name != NONE else "no AFT" for name in columns],
        tiles,
    )
