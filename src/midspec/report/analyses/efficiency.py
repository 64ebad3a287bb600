"""Efficiency: how many AFT chats a level takes with MSM and without (paper §4.2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite, isinf, isnan, nan

from midspec.pages.html import count
from midspec.report.analyses.doses import Line, lines
from midspec.report.analyses.section import Cell, Section, Sheet, cell, on, told
from midspec.report.analyses.study import Study, without_msm
from midspec.report.scores import Measured, decimals
from midspec.report.wording import number
from midspec.stats.doses import reached
from midspec.stats.intervals import Estimate

ABOUT = (
    "A level is what AFT alone scores with so many chats. The chats that reach it after MSM are "
    "read off that arm’s dose curve, a line between doses on a logarithmic axis; the interval "
    "holds every number of chats at which the curve isn’t clearly off the level, item by item. It "
    "ends with the doses that were trained: “under” the smallest and “over” the largest nothing "
    "is known."
)


@dataclass(frozen=True)
class Saving:
    """The chats that reach, after MSM, what AFT alone scores with `chats`.

    needed: their number; nothing where the level isn't reached. needed_low: 0 where the smallest
    dose may be more than enough; needed_high: nothing where the largest may be too little.
    fewer: chats / needed, with its interval. slope: of AFT alone by doubling: where it isn't clear,
    the level is one that AFT alone may reach with fewer chats, too.
    """

    eval: str
    aft_alone: str
    after: str
    chats: int
    level: Estimate
    needed: float
    needed_low: float
    needed_high: float
    fewer: float
    fewer_low: float
    fewer_high: float
    smallest: int
    largest: int
    slope: Estimate
    groups: int
    seeds: int
    better: str
    reach: float

    @property
    def words(self) -> Cell:
        """The chats needed, in words."""
        between = f"[{self._low}, {self._high}]"
        if isnan(self.needed):
            return Cell("not reached", between)
        return Cell(f"{'≤ ' if self.bound else ''}{self.needed:,.0f}", between)

    @property
    def bound(self) -> bool:
        """Whether the smallest dose is enough, so that fewer chats may be, too."""
        return self.needed == self.smallest

    @property
    def _low(self) -> str:
        return f"{self.needed_low:,.0f}" if self.needed_low else f"under {self.smallest:,}"

    @property
    def _high(self) -> str:
        return (
            f"{self.needed_high:,.0f}" if isfinite(self.needed_high) else f"over {self.largest:,}"
        )

    @property
    def times(self) -> Cell:
        """How many times fewer chats that is, in words."""
        if isnan(self.needed):
            return Cell("–")
        low = (
            number(self.fewer_low, 1)
            if self.fewer_low
            else f"under {self.chats / self.largest:.1f}"
        )
        high = (
            number(self.fewer_high, 1)
            if isfinite(self.fewer_high)
            else f"over {self.chats / self.smallest:.1f}"
        )
        at_least = "≥ " if self.bound else ""
        return Cell(f"{at_least}{number(self.fewer, 1)}×", f"[{low}, {high}]", self.fewer_low > 1)


def efficiency(study: Study) -> Section | None:
    """What MSM saves of AFT, for every dose of AFT alone beside a curve with MSM."""
    rows = [row for one in study.levels for row in _savings(study, one)]
    if not rows:
        return None
    evals = list(dict.fromkeys(row.eval for row in rows))
    most = [row for row in rows if row.chats == _most(rows, row)]
    return Section(
        key="efficiency",
        title="AFT chats that MSM saves",
        about=ABOUT,
        said=[_sentence(row) for row in most],
        sheets=[_sheet(name, [row for row in rows if row.eval == name]) for name in evals],
        rows=rows,
        left_out=study.left_out(evals),
    )


def _most(rows: Sequence[Saving], of: Saving) -> int:
    return max(row.chats for row in rows if (row.eval, row.after) == (of.eval, of.after))


def _savings(study: Study, one: Measured) -> Iterator[Saving]:
    curves = [line for line in lines(study, one) if line.unit == "chats"]
    alone = {_setting(study, line): line for line in curves if _is_alone(study, line)}
    for line in curves:
        base = alone.get(_setting(study, line))
        if base is None or line is base:
            continue
        for chats, arm in zip(base.doses, base.arms, strict=True):
            yield _saving(one, base, line, chats, arm)


def _setting(study: Study, line: Line) -> object:
    """What a curve with MSM and one without must have in common."""
    return replace(without_msm(study.points[line.arms[0]]), aft_chats=None)


def _is_alone(study: Study, line: Line) -> bool:
    return not study.points[line.arms[0]].msm


def _saving(one: Measured, base: Line, line: Line, chats: int, arm: str) -> Saving:
    sign = -1.0 if one.metric.better == "lower" else 1.0
    values_ASG = sign * one.together([*line.arms, arm])
    found = reached(values_ASG[:-1], values_ASG[-1], line.doses)
    high = chats / found.low if found.low else float("inf")
    return Saving(
        eval=one.eval,
        aft_alone=arm,
        after=line.within,
        chats=chats,
        level=one.estimate(arm, one.seeds(arm)),
        needed=found.dose,
        needed_low=found.low,
        needed_high=found.high,
        fewer=chats / found.dose if not isnan(found.dose) else nan,
        fewer_low=0.0 if isinf(found.high) else chats / found.high,
        fewer_high=high,
        smallest=line.doses[0],
        largest=line.doses[-1],
        slope=base.slope,
        groups=values_ASG.shape[2],
        seeds=values_ASG.shape[1],
        better=one.metric.better,
        reach=one.reach,
    )


def _sentence(row: Saving) -> str:
    digits = decimals(row.reach)
    rests = f"({count(row.groups, 'item')}, {count(row.seeds, 'seed')})"
    where = (
        f"{on(row.eval, row.better)}, {row.aft_alone} scores {number(row.level.mean, digits)} with "
        f"{count(row.chats, 'chat')}; with {row.after} "
    )
    if isnan(row.needed):
        found = f"that isn’t reached with up to {row.largest:,} chats {row.words.small}"
    else:
        most, least = ("at most ", "at least ") if row.bound else ("", "")
        enough = " (the fewest that were trained)" if row.bound else ""
        found = (
            f"it takes {most}{row.needed:,.0f} {row.words.small}{enough}: AFT alone takes "
            f"{least}{number(row.fewer, 1)} times as many {row.times.small}"
        )
    rising = row.slope.high < 0 if row.better == "lower" else row.slope.low > 0
    flat = "" if rising else (
        f" AFT alone doesn’t clearly get better with its dose ({told(row.slope, digits)} for every "
        "doubling), so it may reach that level with fewer chats, too."
    )  # fmt: skip
    return f"{where}{found} {rests}.{flat}"


def _sheet(evaluation: str, rows: Sequence[Saving]) -> Sheet:
    digits = decimals(rows[0].reach)
    return Sheet(
        f"{evaluation}: chats that reach what AFT alone scores; bold where clearly fewer",
        ["AFT alone", "Chats", "Score", "Chats needed", "Alone / needed"],
        {
            f"with {after}": [
                [row.aft_alone, f"{row.chats:,}", cell(row.level, digits), row.words, row.times]
                for row in rows
                if row.after == after
            ]
            for after in dict.fromkeys(row.after for row in rows)
        },
    )
