"""Knowledge against behaviour: do the arms that know more of a spec also act on it?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan

from midspec.report.analyses.section import (
    Figure,
    Section,
    Sheet,
    cell,
    clearest,
    p_told,
    share,
    without_blanks,
)
from midspec.report.analyses.study import Study, is_about, value_of
from midspec.report.plots import scatter
from midspec.report.scores import Measured, decimals
from midspec.report.wording import interval, number
from midspec.stats.claims import holm
from midspec.stats.intervals import Estimate
from midspec.stats.ranks import FEWEST, spearman
from midspec.stats.student import LEVEL

FEW = 10  # arms; under it even a strong correlation has an interval half as wide as the scale
ABOUT = (
    "Each point is an arm: how much it knows of a spec, and what it does. The rank correlation is "
    "over arms, so what counts is their number, not that of items; arms that share stages are no "
    "independent points, and a correlation over arms doesn’t say that knowing is why they act. "
    "Its p is by permutation, adjusted for all pairs of evals (Holm)."
)


@dataclass(frozen=True)
class Known:
    """One arm's knowledge of a spec and its score on an eval of behaviour; and the rank correlation
    over all arms, which is the same in all rows of the two evals."""

    knowledge: str
    eval: str
    arm: str
    known: Estimate
    score: Estimate
    decided: float
    correlation: Estimate
    p_holm: float
    arms: int
    reach: float
    better: str


def knowing(study: Study) -> Section | None:
    """The correlation of every eval of knowledge with the evals of behaviour that it goes with."""
    found = [rows for known, one in _pairs(study) if (rows := _rows(study, known, one))]
    if not found:
        return None
    adjusted = holm([rows[0].correlation.p for rows in found])
    found = [[replace(r, p_holm=p) for r in rows] for rows, p in zip(found, adjusted, strict=True)]
    ends = {one.eval: (one.metric.low, one.metric.high) for one in study.levels}
    evals = {name for rows in found for name in (rows[0].knowledge, rows[0].eval)}
    return Section(
        key="knowledge",
        title="Knowledge against behaviour",
        about=ABOUT,
        said=clearest(
            found,
            "correlation",
            shown=lambda rows: rows[0].p_holm < LEVEL,
            p=lambda rows: rows[0].p_holm,
            say=_sentence,
        ),
        sheets=[_sheet(rows) for rows in found],
        rows=[row for rows in found for row in rows],
        figures=[
            Figure(
                f"{rows[0].knowledge} and {rows[0].eval}",
                _figure(rows, ends[rows[0].eval]),
                rows[0].eval,
            )
            for rows in found
        ],
        caption="Knowledge across, behaviour up, both with 95% intervals; numbers are those of "
        "the table’s rows.",
        left_out=study.left_out(evals),
    )


def _pairs(study: Study) -> Iterator[tuple[Measured, Measured]]:
    """Knowledge of a spec goes with evals about its value, and with those that name none."""
    for known in study.knowledge:
        for one in study.levels:
            if not study.named(one) or is_about(value_of(known), value_of(one)):
                yield known, one


def _rows(study: Study, known: Measured, one: Measured) -> list[Known]:
    arms = [arm for arm in study.arms(known) if study.kind(arm) != "prompt"]
    arms = [arm for arm in arms if arm in study.arms(one)]
    if len(arms) < 3:
        return []
    points = [
        (known.estimate(arm, known.seeds(arm)), one.estimate(arm, one.seeds(arm))) for arm in arms
    ]
    found = spearman([x.mean for x, _ in points], [y.mean for _, y in points])
    return [
        Known(
            known.eval, one.eval, arm, x, y, study.decided(one, arm), found, nan, len(arms),
            one.reach, one.metric.better,
        )
        for arm, (x, y) in zip(arms, points, strict=True)
    ]  # fmt: skip


def _sentence(rows: Sequence[Known]) -> str:
    row = rows[0]
    found = row.correlation
    where = f"{row.knowledge} and {row.eval} over {row.arms} arms: "
    if isnan(found.mean):
        return f"{where}no rank correlation, since one of the two doesn’t vary."
    told = f"rank correlation {number(found.mean)}"
    told += f" {interval(found.low, found.high)}" if not isnan(found.low) else ""
    told += f" ({p_told(row.p_holm)})"
    shown = "" if row.p_holm < LEVEL else "; none is shown"
    if row.arms < FEWEST:
        few = f" With {row.arms} arms there is no interval: any correlation could look like this."
    elif row.arms < FEW:
        few = f" {row.arms} arms are few, so the interval is wide."
    else:
        few = ""
    lower = (
        f" On {row.eval} lower is better: if those that know more do better, the correlation is "
        "below 0."
    )
    return f"{where}{told}{shown}.{few}{lower if row.better == 'lower' else ''}"


def _sheet(rows: Sequence[Known]) -> Sheet:
    digits = decimals(rows[0].reach)
    table = Sheet(
        f"{rows[0].knowledge} against {rows[0].eval}",
        ["Arm", "Knowledge", "Behaviour", "Decided"],
        {
            "": [
                [
                    f"{place} {row.arm}",
                    cell(row.known),
                    cell(row.score, digits),
                    share(row.decided),
                ]
                for place, row in enumerate(rows, 1)
            ]
        },
    )
    return without_blanks(table)


def _figure(rows: Sequence[Known], ends: tuple[float, float]) -> str:
    return scatter(
        f"{rows[0].knowledge} against {rows[0].eval}",
        [(row.known, row.score) for row in rows],
        [row.arm for row in rows],
        rows[0].knowledge,
        rows[0].eval,
        ((0.0, 1.0), ends),
    )
