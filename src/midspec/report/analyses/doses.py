"""Dose curves: a score against documents' tokens, or against chats, and whether it rises."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import nan

from midspec.pages.html import count
from midspec.report.analyses.section import (
    Cell,
    Figure,
    Section,
    Sheet,
    cell,
    clearest,
    corrected,
    on,
    share,
    told,
    without_blanks,
)
from midspec.report.analyses.study import Kind, Study, without_aft, without_msm
from midspec.report.plots import Curve, curves
from midspec.report.scores import Measured, decimals
from midspec.report.wording import p_value
from midspec.stats.doses import slope
from midspec.stats.intervals import Estimate
from midspec.stats.student import LEVEL

ABOUT = (
    "Arms that differ in their dose alone. The slope is the change in the score for every doubling "
    "of the dose, by a line through all doses, item by item; its p is adjusted for all curves of "
    "the eval (Holm). An arm with none of it stands at 0 and counts in no slope."
)


@dataclass(frozen=True)
class Dosed:
    """One arm of a curve: its dose, in `unit`, and its score; and the whole curve's slope, which
    is the same in all rows of the curve. within: what the curve's arms have in common."""

    eval: str
    unit: str
    within: str
    arm: str
    dose: int
    score: Estimate
    decided: float
    slope: Estimate
    p_holm: float
    groups: int
    seeds: int
    better: str
    reach: float


@dataclass(frozen=True)
class Line:
    """The arms of one curve, smallest dose first; `none` is the arm that has none of it."""

    one: Measured
    unit: str
    within: str
    arms: tuple[str, ...]
    doses: tuple[int, ...]
    none: str | None
    slope: Estimate
    groups: int
    seeds: int
    p_holm: float = nan

    @property
    def shown(self) -> bool:
        """Whether the score changes with the dose, after correction."""
        return self.slope.clear and self.p_holm < LEVEL


# What is dosed: its unit, the arms that have it, and the coordinate.
AXES: tuple[tuple[str, tuple[Kind, ...], str], ...] = (
    ("tokens", ("msm", "both"), "msm_tokens"),
    ("chats", ("aft", "both"), "aft_chats"),
)


def dosing(study: Study) -> Section | None:
    """A curve for every group of arms that differ in one dose."""
    evals = [*study.levels, *study.knowledge]
    found = [line for one in evals for line in lines(study, one)]
    if not found:
        return None
    found = corrected(found, lambda line: line.slope.p, lambda line: line.one.eval)
    panels: dict[tuple[str, str], list[Line]] = {}
    for line in found:
        panels.setdefault((line.one.eval, line.unit), []).append(line)
    return Section(
        key="doses",
        title="Dose curves",
        about=ABOUT,
        said=clearest(found, "slope", lambda line: line.shown, lambda line: line.p_holm, _sentence),
        sheets=[_sheet(study, *key, lines) for key, lines in panels.items()],
        rows=[row for line in found for row in _rows(study, line)],
        figures=[Figure(f"{e}, {unit}", _figure(unit, ls), e) for (e, unit), ls in panels.items()],
        caption="Scores by dose, on a logarithmic axis, with 95% intervals. Filled: the slope is "
        "shown after Holm’s correction. Dashed across: what guessing would score.",
        left_out=study.left_out({one.eval for one in evals}),
    )


def lines(study: Study, one: Measured) -> Iterator[Line]:
    """The curves of an eval, over arms that were trained for what it asks."""
    for unit, kinds, axis in AXES:
        for point, arms in study.groups(one, kinds, **{axis: None}).items():
            by_dose = {getattr(study.points[arm], axis): arm for arm in reversed(arms)}
            own = {dose: arm for dose, arm in by_dose.items() if dose and study.own(one, arm)}
            if len(own) < 2:
                continue
            doses = sorted(own)
            ordered = [own[dose] for dose in doses]
            values_DSG = one.together(ordered)
            bare = without_msm(point) if axis == "msm_tokens" else without_aft(point)
            yield Line(
                one, unit, study.told(point, axis), tuple(ordered), tuple(doses),
                study.find(one, bare, replace(bare, mix=())),
                slope(values_DSG, doses), values_DSG.shape[2], values_DSG.shape[1],
            )  # fmt: skip


def _rows(study: Study, line: Line) -> list[Dosed]:
    at_none = [(0, line.none)] if line.none else []
    return [
        Dosed(
            line.one.eval, line.unit, line.within, arm, dose,
            line.one.estimate(arm, line.one.seeds(arm)), study.decided(line.one, arm),
            line.slope, line.p_holm, line.groups, line.seeds,
            line.one.metric.better, line.one.reach,
        )
        for dose, arm in [*at_none, *zip(line.doses, line.arms, strict=True)]
    ]  # fmt: skip


def _sentence(line: Line) -> str:
    digits = decimals(line.one.reach)
    where = f"{on(line.one.eval, line.one.metric.better)}, {line.within}"
    rests = (
        f"({count(len(line.doses), 'dose')} from {line.doses[0]:,} to {line.doses[-1]:,} "
        f"{line.unit}, {count(line.groups, 'item')}, {count(line.seeds, 'seed')})"
    )
    found = f"{told(line.slope, digits)} for every doubling"
    if not line.slope.clear:
        return f"{where}: no change with the dose is shown: {found} {rests}."
    verb = "rises" if line.slope.mean > 0 else "falls"
    sure = "" if line.shown else (
        f" Among the slopes of this eval that isn’t enough by itself (p = "
        f"{p_value(line.p_holm)} after Holm’s correction)."
    )  # fmt: skip
    return f"{where}: the score {verb} with the dose: {found} {rests}.{sure}"


def _sheet(study: Study, evaluation: str, unit: str, found: Sequence[Line]) -> Sheet:
    """A row for every dose, so that arms stand under each other by what they have in common."""
    groups: dict[str, list[list[Cell | str]]] = {}
    for line in found:
        digits = decimals(line.one.reach)
        slope_told = f"slope {told(line.slope, digits)}, p {p_value(line.p_holm)}"
        groups[f"{line.within}: {slope_told}"] = [
            [row.arm, f"{row.dose:,}", cell(row.score, digits), share(row.decided)]
            for row in _rows(study, line)
        ]
    table = Sheet(
        f"{evaluation} by {unit}; slopes are by doubling, their p is adjusted for all curves",
        ["Arm", unit.capitalize(), "Score", "Decided"],
        groups,
    )
    return without_blanks(table)


def _figure(unit: str, found: Sequence[Line]) -> str:
    one = found[0].one
    rows = []
    for line in found:
        doses = [*([0] if line.none else []), *line.doses]
        arms = [*([line.none] if line.none else []), *line.arms]
        scores = [one.estimate(arm, one.seeds(arm)) for arm in arms]
        rows.append(Curve(line.within, doses, scores, line.shown))
    ends = (one.metric.low, one.metric.high)
    return curves(f"{one.eval} by {unit}", rows, unit, ends, one.metric.chance)
