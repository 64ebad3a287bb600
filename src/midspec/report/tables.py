"""What the evaluations say, as rows: rates by arm, eval, measure, tier and seed; differences."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import isnan, nan
from typing import Any, TypeVar

import numpy as np

from midspec.files import finite
from midspec.records import Score
from midspec.report.scores import (
    ALL,
    Measured,
    decimals,
    decimals_apart,
    decimals_clear,
    margin,
)
from midspec.stats.claims import gap_closed, holm
from midspec.stats.intervals import Estimate, difference, rate, wilson
from midspec.stats.student import LEVEL

Row = TypeVar("Row")
Unreadable = Mapping[tuple[str, str], str]  # why, by arm and eval
Anchors = Mapping[str, tuple[str, str]]  # the base arm and the reference arm, by eval

# Evals that ask by likelihood which of two things it is: what the control "competence" tests for.
CHOOSING = ("preference", "opinions", "multiturn", "knowledge")


def chooses(evaluation: str) -> bool:
    """Whether an eval asks which of two things it is, its options in both orders."""
    return evaluation.partition("/")[0] in CHOOSING


@dataclass(frozen=True)
class Result:
    """One arm on one measure of an eval: its mean score over a tier's items, and what it rests on.

    n: answers of one seed; groups: what they hang together in, as many as items where nothing is
    repeated. decided: the share of items with an answer that is the same in every form;
    rate_decided: the rate over those. The gap closed stands in rows over all tiers and seeds. What
    isn't there is nan.
    """

    arm: str
    eval: str
    measure: str
    role: str
    tier: str
    seed: int | str
    n: int
    groups: int
    rate: float
    low: float
    high: float
    margin: float
    decided: float
    rate_decided: float
    readable: bool = True
    gap_closed: float = nan
    gap_low: float = nan
    gap_high: float = nan

    @property
    def has_margin(self) -> bool:
        """Whether it was scored by likelihood."""
        return not isnan(self.margin)

    @property
    def decides(self) -> bool:
        """Whether deciding was a question."""
        return not isnan(self.decided)


@dataclass(frozen=True)
class Difference:
    """An arm against another, paired by item: what training on the one and not the other did.

    better: the direction that is claimed. p_holm: p adjusted for the experiment's comparisons,
    which are those of main measures over all tiers; nan elsewhere. reach: how large a difference
    can be.
    """

    eval: str
    measure: str
    tier: str
    arm: str
    against: str
    n: int
    groups: int
    seeds: int
    difference: float
    low: float
    high: float
    p: float
    margin_difference: float
    margin_low: float
    margin_high: float
    better: str = "higher"
    p_holm: float = nan
    readable: bool = True
    reach: float = 1.0

    @property
    def digits(self) -> int:
        """How many decimals it is told with."""
        return decimals_clear(self.low, self.high, decimals(self.reach))

    @property
    def compared(self) -> bool:
        """Whether there is a difference, and one that can be read."""
        return self.readable and not isnan(self.low)

    @property
    def shown(self) -> bool:
        """Whether the interval lies on the claimed side of 0."""
        if not self.compared:
            return False
        return self.high < 0 if self.better == "lower" else self.low > 0

    @property
    def has_margin(self) -> bool:
        """Whether it was scored by likelihood."""
        return not isnan(self.margin_difference)

    @property
    def adjusted(self) -> bool:
        """Whether it is shown after Holm's correction, which counts all comparisons."""
        return self.shown and self.p_holm < LEVEL

    @property
    def apart(self) -> bool:
        """Whether the arms differ after that correction, on whichever side."""
        off = self.low > 0 or self.high < 0
        return self.readable and off and self.p_holm < LEVEL

    @property
    def claim(self) -> bool:
        """Whether it is one that the experiment asks for, not one of its tiers or side measures."""
        return self.tier == ALL and self.measure == ""


@dataclass(frozen=True)
class Condition:
    """One arm on one condition over all its repeats and seeds, with Wilson's interval: what these
    trained models do there, not how another training run would come out."""

    arm: str
    eval: str
    measure: str
    group: str
    n: int
    rate: float
    low: float
    high: float


def unreadable(measured: Sequence[Measured]) -> dict[tuple[str, str], str]:
    """The arms whose results on an eval can't be read, and why: they are under a control's floor.

    A control that is one measure of an eval stands for that eval; one that is an eval of its own,
    for those that ask in its form, which of two things it is.
    """
    found = {}
    for control in measured:
        floor = control.metric.floor
        if control.metric.role != "control" or floor is None:
            continue
        for arm in control.arms:
            score = control.estimate(arm, control.seeds(arm)).mean
            if not score < floor:
                continue
            for other in measured:
                same = other.eval == control.eval
                alike = not control.metric.measure and chooses(other.eval)
                if other.metric.role == "result" and (same or alike):
                    digits = decimals_apart(score, floor, 2)
                    under = f"{score:.{digits}f}, under {floor:.{digits}f}"
                    found[arm, other.eval] = f"{control.metric.name} {under}"
    return found


def results(
    measured: Sequence[Measured],
    anchors: Anchors,
    blind: Unreadable,
    apart: Collection[str] = (),
) -> list[Result]:
    """A row for every arm, measure, tier and seed, and rows pooled over tiers and over seeds.

    apart: arms on another model than the anchors', of which no gap is told.
    """
    return [
        row
        for one in measured
        for arm in one.arms
        for row in _results(one, arm, {} if arm in apart else anchors, blind)
    ]


def _results(measured: Measured, arm: str, anchors: Anchors, blind: Unreadable) -> Iterator[Result]:
    seeds = measured.seeds(arm)
    result = measured.metric.role == "result"
    for tier in measured.tiers:
        for chosen in [*([seed] for seed in seeds), seeds] if len(seeds) > 1 else [seeds]:
            scores = [score for seed in chosen for score in measured.of(arm, seed, tier)]
            if not scores:
                continue
            found = measured.estimate(arm, chosen, tier)
            sure = [score.value for score in scores if score.decided]
            pooled = chosen is seeds
            gap = _gap(measured, arm, anchors, blind) if pooled and tier == ALL else None
            yield Result(
                arm=arm,
                eval=measured.eval,
                measure=measured.metric.measure,
                role=measured.metric.role,
                tier=tier,
                seed=ALL if pooled and len(seeds) > 1 else chosen[0],
                n=max(len(measured.of(arm, seed, tier)) for seed in chosen),
                groups=len({score.group or score.item for score in scores}),
                rate=found.mean,
                low=found.low,
                high=found.high,
                margin=float(np.mean([margin(score) for score in scores])),
                decided=len(sure) / len(scores) if measured.decides else nan,
                rate_decided=float(np.mean(sure)) if sure and measured.decides else nan,
                readable=not (result and (arm, measured.eval) in blind),
                **(
                    {"gap_closed": gap.mean, "gap_low": gap.low, "gap_high": gap.high}
                    if gap
                    else {}
                ),
            )


def _gap(measured: Measured, arm: str, anchors: Anchors, blind: Unreadable) -> Estimate | None:
    base, reference = anchors.get(measured.eval, ("", ""))
    there = {base, reference} <= set(measured.arms) and arm not in (base, reference)
    readable = not any((one, measured.eval) in blind for one in (arm, base, reference))
    if measured.metric.role != "result" or not there or not readable:
        return None
    groups = measured.groups(arm, base, reference)
    trained = measured.paired(arm, base, groups=groups)
    whole = measured.paired(reference, base, groups=groups)
    side = {"higher": 1, "lower": -1}.get(measured.metric.better)
    if side and side * whole.mean() <= 0:
        return Estimate(nan, nan, nan)  # the prompt made it worse: no gap that one would close
    return gap_closed(trained, np.zeros_like(whole), whole, measured.reach)


def contrasts(
    measured: Sequence[Measured], wanted: Sequence[tuple[str, str, str]], blind: Unreadable
) -> list[Difference]:
    """The paired differences asked for, each as (eval, arm, against): of an eval's main measure by
    tier and pooled, of its other results pooled; with Holm's correction over what is claimed."""
    rows = [
        _difference(one, tier, arm, against, blind)
        for evaluation, arm, against in wanted
        for one in measured
        if one.eval == evaluation and _compared(one, arm, against)
        for tier in (one.tiers if not one.metric.measure else [ALL])
    ]
    claims = [row for row in rows if row.claim]
    adjusted = holm([row.p if row.readable else nan for row in claims])
    by_claim = dict(zip(map(id, claims), adjusted, strict=True))
    return [replace(row, p_holm=by_claim.get(id(row), nan)) for row in rows]


def _compared(measured: Measured, arm: str, against: str) -> bool:
    """A main measure is compared whatever its role, since it was asked for, and even where an arm
    has no score of it, so that nothing vanishes; others are if they are results."""
    if not measured.metric.measure:
        return True
    return measured.metric.role == "result" and {arm, against} <= set(measured.arms)


def _difference(
    measured: Measured, tier: str, arm: str, against: str, blind: Unreadable
) -> Difference:
    values = measured.paired(arm, against, tier)
    nothing = Estimate(nan, nan, nan)
    found = difference(values, measured.reach) if values.size else nothing
    nats = nothing
    if measured.by_likelihood and values.size:
        nats = difference(measured.paired(arm, against, tier, margin))
    return Difference(
        eval=measured.eval,
        measure=measured.metric.measure,
        tier=tier,
        arm=arm,
        against=against,
        n=max((len(measured.of(arm, seed, tier)) for seed in measured.seeds(arm)), default=0),
        groups=values.shape[1],
        seeds=len(values),
        difference=found.mean,
        low=found.low,
        high=found.high,
        p=found.p,
        margin_difference=nats.mean,
        margin_low=nats.low,
        margin_high=nats.high,
        better=measured.metric.better,
        reach=measured.reach,
        readable=not any((one, measured.eval) in blind for one in (arm, against)),
    )


def conditions(measured: Sequence[Measured]) -> list[Condition]:
    """Every condition of the evals that repeat them, by arm."""
    rows = []
    for one in measured:
        for arm in one.arms if one.grouped and one.metric.role == "result" else []:
            by_group: dict[str, list[Score]] = {}
            for seed in one.seeds(arm):
                for score in one.of(arm, seed):
                    by_group.setdefault(score.group or score.item, []).append(score)
            for group, scores in by_group.items():
                found = _condition(one, [score.value for score in scores])
                rows.append(
                    Condition(
                        arm, one.eval, one.metric.measure, group, len(scores),
                        found.mean, found.low, found.high,
                    )
                )  # fmt: skip
    return rows


def _condition(measured: Measured, values: Sequence[float]) -> Estimate:
    if set(values) <= {0.0, 1.0}:
        return wilson(round(sum(values)), len(values))
    return rate(np.array([values]), measured.metric.low, measured.metric.high)


def as_json(rows: Mapping[str, Sequence[Any]], seconds: float) -> dict[str, object]:
    """The results for programs; what is nan or infinite becomes null."""
    told = {
        name: [row if isinstance(row, dict) else asdict(row) for row in found]
        for name, found in rows.items()
    }
    return {**finite(told), "seconds": seconds}


def from_json(kind: type[Row], row: Mapping[str, Any]) -> Row:
    """A row of results.json as it was before it was written; null was no number."""
    known = {one.name: one.type for one in fields(kind)}  # type: ignore[arg-type]
    values = {key: row[key] for key in known if key in row}
    return kind(**{k: nan if v is None and known[k] is float else v for k, v in values.items()})


def pooled(rows: Sequence[Result]) -> list[Result]:
    """A row for each arm, measure and tier: the one over all seeds, or the only seed's."""
    found: dict[tuple[str, str, str, str], Result] = {}
    for row in rows:
        key = (row.arm, row.eval, row.measure, row.tier)
        if key not in found or row.seed == ALL:
            found[key] = row
    return list(found.values())
