"""The stacking gain: what MSM and AFT together have over the better of the two (paper C.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

from midspec.pages.html import count
from midspec.report.analyses.section import (
    MOST_BARS,
    TOLD,
    Figure,
    Section,
    Sheet,
    are,
    by_eval,
    caption,
    cell,
    change,
    corrected,
    on,
    share,
    told,
    without_blanks,
)
from midspec.report.analyses.study import Study
from midspec.report.charts import Bar, forest
from midspec.report.scores import Measured, decimals
from midspec.report.wording import p_value
from midspec.stats.claims import smaller
from midspec.stats.intervals import Estimate, difference
from midspec.stats.student import LEVEL

ABOUT = (
    "What an arm with both stages has over the better of the arms with one of them alone (MSM "
    "alone without other demos, where no arm has it with them). Its "
    "interval allows for taking the better of two: it goes from the lower of both differences’ low "
    "ends to the lower of their high ends. Where the two alone are alike, the gain itself leans "
    "low."
)


@dataclass(frozen=True)
class Gain:
    """An arm with both stages against each alone, paired by item; differences are as scored, so
    where lower is better a gain is below 0. best: the better one alone."""

    eval: str
    arm: str
    msm_alone: str
    aft_alone: str
    best: str
    score: Estimate
    decided: float
    over_msm: Estimate
    over_aft: Estimate
    gain: Estimate
    p_holm: float
    groups: int
    seeds: int
    better: str
    reach: float

    @property
    def digits(self) -> int:
        """How many decimals it is told with."""
        return decimals(self.reach)

    @property
    def lost(self) -> bool:
        """Whether it is a loss."""
        return (self.gain.mean > 0) == (self.better == "lower")

    @property
    def shown(self) -> bool:
        """Whether there is a gain, after correction for the eval's number of arms."""
        return self.gain.clear and not self.lost and self.p_holm < LEVEL


def stacking(study: Study) -> Section | None:
    """The gain of every arm that has both stages and stands beside each alone."""
    found = [
        gain
        for one in study.levels
        for arm in study.arms(one, "both")
        if study.own(one, arm) and (gain := _gain(study, one, arm))
    ]
    if not found:
        return None
    rows = corrected(found, lambda row: row.gain.p, lambda row: row.eval)
    evals = by_eval(rows)
    return Section(
        key="stacking",
        title="Stacking gain",
        about=ABOUT,
        said=[line for mine in evals.values() for line in _said(mine)],
        sheets=[_sheet(name, mine) for name, mine in evals.items()],
        rows=rows,
        figures=[
            Figure(name, _figure(name, mine), name)
            for name, mine in evals.items()
            if len(mine) <= MOST_BARS
        ],
        caption="Gain over the better of MSM alone and AFT alone, with its 95% interval. Filled: "
        "shown after Holm’s correction.",
        left_out=study.left_out(evals),
    )


def _gain(study: Study, one: Measured, arm: str) -> Gain | None:
    msm, aft = study.msm_alone(one, arm), study.aft_alone(one, arm)
    if not msm or not aft:
        return None
    sign = -1.0 if one.metric.better == "lower" else 1.0
    both_SG, msm_SG, aft_SG = one.together([arm, msm, aft])
    over_msm, over_aft = (
        difference(sign * (both_SG - alone_SG), one.reach) for alone_SG in (msm_SG, aft_SG)
    )
    return Gain(
        eval=one.eval,
        arm=arm,
        msm_alone=msm,
        aft_alone=aft,
        best=msm if over_msm.mean <= over_aft.mean else aft,
        score=one.estimate(arm, one.seeds(arm)),
        decided=study.decided(one, arm),
        over_msm=_turned(over_msm, sign),
        over_aft=_turned(over_aft, sign),
        gain=_turned(smaller(over_msm, over_aft), sign),
        p_holm=nan,
        groups=both_SG.shape[1],
        seeds=len(both_SG),
        better=one.metric.better,
        reach=one.reach,
    )


def _turned(found: Estimate, sign: float) -> Estimate:
    low, high = (found.low, found.high) if sign > 0 else (-found.high, -found.low)
    return Estimate(sign * found.mean, low, high, found.p)


def _said(rows: Sequence[Gain]) -> list[str]:
    """A sentence for each gain; of many, how many are shown and the clearest of them."""
    if len(rows) <= TOLD:
        return [_sentence(row, len(rows)) for row in rows]
    shown = sorted((row for row in rows if row.shown), key=lambda row: row.gain.p)
    most = max(rows, key=lambda row: abs(row.gain.mean))
    return [
        f"{on(most.eval, most.better)}, {len(shown)} of {count(len(rows), 'gain')} "
        f"{are(len(shown))} shown after Holm’s correction; the largest is that of {most.arm}, "
        f"{told(most.gain, most.digits)}.",
        *(_sentence(row, len(rows)) for row in shown[:TOLD] if row is not most),
    ]


def _sentence(row: Gain, comparisons: int) -> str:
    where = f"{on(row.eval, row.better)}, {row.arm}"
    found = told(row.gain, row.digits)
    if not row.gain.clear:
        return f"{where}: no stacking gain is shown over {row.best}, the better alone: {found}."
    sure = "" if row.p_holm < LEVEL else (
        f" Among {comparisons} gains that isn’t enough by itself "
        f"(p = {p_value(row.p_holm)} after Holm’s correction)."
    )  # fmt: skip
    if row.lost:
        return f"{where} is worse than {row.best} alone by {found}.{sure}"
    return f"{where} gains {found} over {row.best}, the better of the two alone.{sure}"


def _sheet(evaluation: str, rows: Sequence[Gain]) -> Sheet:
    table = Sheet(
        f"{caption(evaluation, rows[0].better)}; p is adjusted for {count(len(rows), 'gain')}",
        ["Arm", "Score", "Decided", "− MSM alone", "− AFT alone", "Gain", "p, Holm"],
        {
            "": [
                [
                    row.arm,
                    cell(row.score, row.digits),
                    share(row.decided),
                    change(row.over_msm, row.digits),
                    change(row.over_aft, row.digits),
                    change(row.gain, row.digits, row.shown),
                    p_value(row.p_holm),
                ]
                for row in rows
            ]
        },
    )
    return without_blanks(table)


def _figure(evaluation: str, rows: Sequence[Gain]) -> str:
    bars = [Bar(row.arm, row.gain, row.shown) for row in rows]
    return forest(f"{evaluation}: stacking gain", {"": bars}, rows[0].digits, rows[0].reach)
