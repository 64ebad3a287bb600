"""What each stage did: every arm against the arm that lacks just that stage."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import nan

from midspec.pages.html import count
from midspec.report.analyses.section import (
    MOST_BARS,
    TOLD,
    Cell,
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
from midspec.report.analyses.study import Study, without_aft, without_msm
from midspec.report.charts import Bar, forest
from midspec.report.scores import Measured, decimals
from midspec.report.wording import p_value
from midspec.stats.intervals import Estimate, difference
from midspec.stats.student import LEVEL

ABOUT = (
    "Each arm against the one that lacks one of its stages and nothing else, item by item; where "
    "there is none with the same other demos, against one without these, which is said. The "
    "p-values are adjusted for all differences of the same stage on the same eval (Holm)."
)


@dataclass(frozen=True)
class Added:
    """What an arm has over the one without a stage (MSM or AFT), paired by item; also: the other
    demos that this one lacks, too."""

    eval: str
    stage: str
    arm: str
    against: str
    also: str
    score: Estimate
    decided: float
    difference: Estimate
    p_holm: float
    groups: int
    seeds: int
    better: str
    reach: float

    @property
    def told(self) -> str:
        """The two arms, and what they differ in besides."""
        also = f" (also without {self.also})" if self.also else ""
        return f"{self.arm} − {self.against}{also}"

    @property
    def shown(self) -> bool:
        """Whether the stage made a difference, after correction."""
        return self.difference.clear and self.p_holm < LEVEL


def stages(study: Study) -> Section | None:
    """The difference that each stage made, on what its arm was trained for."""
    found = [row for one in study.results for row in _added(study, one)]
    if not found:
        return None
    rows = corrected(found, lambda row: row.difference.p, lambda row: (row.eval, row.stage))
    evals = by_eval(rows)
    return Section(
        key="stages",
        title="What each stage did",
        about=ABOUT,
        said=_said(rows),
        sheets=[_sheet(name, mine) for name, mine in evals.items()],
        rows=rows,
        figures=[
            Figure(name, _figure(name, mine), name)
            for name, mine in evals.items()
            if len(mine) <= MOST_BARS
        ],
        caption="Difference to the arm without that stage, with its 95% interval. Filled: shown "
        "after Holm’s correction.",
        left_out=study.left_out(evals),
    )


def _added(study: Study, one: Measured) -> Iterator[Added]:
    for arm in study.arms(one, "both", "msm", "aft"):
        if not study.own(one, arm):
            continue
        for stage, against in _controls(study, one, arm):
            values_SG = one.paired(arm, against)
            mix, left = study.points[arm].mix, study.points[against].mix
            yield Added(
                one.eval, stage, arm, against, "" if left else "+".join(mix),
                one.estimate(arm, one.seeds(arm)),
                study.decided(one, arm), difference(values_SG, one.reach), nan,
                values_SG.shape[1], len(values_SG), one.metric.better, one.reach,
            )  # fmt: skip


def _controls(study: Study, one: Measured, arm: str) -> Iterator[tuple[str, str]]:
    """The stages of an arm, each with the arm that lacks it."""
    point, kind = study.points[arm], study.kind(arm)
    found = {
        "MSM": study.aft_alone(one, arm) if kind == "both" else None,
        "AFT": study.msm_alone(one, arm) if kind == "both" else None,
    }
    if kind != "both":
        bare = without_aft(without_msm(point))
        alone = study.find(one, bare, replace(bare, mix=()))
        found[kind.upper()] = alone
    yield from ((stage, control) for stage, control in found.items() if control)


def _said(rows: Sequence[Added]) -> list[str]:
    shown = sorted((row for row in rows if row.shown), key=lambda row: row.difference.p)
    if not shown:
        most = max(rows, key=lambda row: abs(row.difference.mean) / row.reach)
        return [
            f"None of {count(len(rows), 'difference')} is shown after Holm’s correction; the "
            f"largest, on {most.eval}, is {most.told} = "
            f"{told(most.difference, decimals(most.reach))}."
        ]
    more = f"; the clearest {TOLD} are told here" if len(shown) > TOLD else ""
    return [
        f"{len(shown)} of {count(len(rows), 'difference')} {are(len(shown))} shown after Holm’s "
        f"correction{more}.",
        *(
            f"{on(row.eval, row.better)}, {row.stage}: {row.told} = "
            f"{told(row.difference, decimals(row.reach))}."
            for row in shown[:TOLD]
        ),
    ]


def _sheet(evaluation: str, rows: Sequence[Added]) -> Sheet:
    digits = decimals(rows[0].reach)
    groups: dict[str, list[list[Cell | str]]] = {}
    for row in rows:
        groups.setdefault(row.stage, []).append(
            [
                row.told,
                cell(row.score, digits),
                share(row.decided),
                change(row.difference, digits, row.shown),
                p_value(row.p_holm),
            ]
        )
    table = Sheet(
        f"{caption(evaluation, rows[0].better)}; p is adjusted for the differences of that stage",
        ["Arm − without the stage", "Score", "Decided", "Difference", "p, Holm"],
        groups,
    )
    return without_blanks(table)


def _figure(evaluation: str, rows: Sequence[Added]) -> str:
    bars: dict[str, list[Bar]] = {}
    for row in rows:
        label = f"{row.arm} − {row.against}"
        bars.setdefault(row.stage, []).append(Bar(label, row.difference, row.shown))
    reach = rows[0].reach
    return forest(f"{evaluation}: what each stage did", bars, decimals(reach), reach)
