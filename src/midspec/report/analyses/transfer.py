"""Transfer between values: how far training on one moves it, and each of the others (drift)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np

from midspec.grid import Point
from midspec.pages.html import count
from midspec.report.analyses.section import (
    TOLD,
    Cell,
    Figure,
    Section,
    Sheet,
    are,
    change,
    corrected,
    p_told,
    told,
)
from midspec.report.analyses.study import Study, value_of
from midspec.report.plots import Tile, heat_map
from midspec.report.scores import Measured, decimals
from midspec.report.wording import interval, signed
from midspec.stats.intervals import Estimate, Table, difference
from midspec.stats.student import LEVEL

ABOUT = (
    "Each trained arm’s change against the base arm on every value’s eval: its own, framed, and "
    "those that it wasn’t trained for, its siblings. The p-values of own values and of siblings "
    "are adjusted apart (Holm), each for all of their kind."
)


@dataclass(frozen=True)
class Moved:
    """How far an arm is from the base arm on one value's eval, paired by item; own: whether it was
    trained for that value."""

    eval: str
    value: str
    arm: str
    within: str
    own: bool
    base: str
    change: Estimate
    p_holm: float
    groups: int
    seeds: int
    reach: float

    @property
    def shown(self) -> bool:
        """Whether it moved, after correction."""
        return self.change.clear and self.p_holm < LEVEL


@dataclass(frozen=True)
class Specific:
    """What arms have on their own values over what arms for other values have there, averaged over
    all of their items; `within` is what the arms have in common."""

    within: str
    arms: tuple[str, ...]
    evals: tuple[str, ...]
    advantage: Estimate
    groups: int
    seeds: int
    reach: float


def transfer(study: Study) -> Section | None:
    """The change of every trained arm on every value's eval, where there are two or more."""
    found = [row for one in study.about_values for row in _moves(study, one)]
    evals = list(dict.fromkeys(row.eval for row in found))
    if len(evals) < 2 or not any(row.own for row in found):
        return None
    rows = corrected(found, lambda row: row.change.p, lambda row: row.own)
    specific = list(_specific(study))
    arms = [arm for arm in study.points if any(row.arm == arm for row in rows)]
    contexts = {c: [a for a in arms if _context(study, a) == c] for c in _contexts(study, arms)}
    return Section(
        key="transfer",
        title="Transfer between values",
        about=ABOUT,
        said=[*map(_said_specific, specific), *_said_siblings(rows)],
        sheets=[_sheet(rows, arms, evals)],
        rows=[*rows, *specific],
        figures=[
            Figure(context or "all arms", _figure(rows, mine, evals, context))
            for context, mine in contexts.items()
        ],
        caption="Change against the base arm; the darker, the larger, in one colour up and in the "
        "other down. Framed: the arm’s own value. Bold: shown after Holm’s correction.",
        left_out=study.left_out(evals),
    )


def _moves(study: Study, one: Measured) -> Iterator[Moved]:
    for arm in study.arms(one, "msm", "aft", "both", "mix"):
        base = study.untrained(one, arm)
        if base is None:
            continue
        values_SG = one.paired(arm, base)
        yield Moved(
            one.eval, value_of(one), arm, _context(study, arm), study.carries(one, arm), base,
            difference(values_SG, one.reach), nan, values_SG.shape[1], len(values_SG), one.reach,
        )  # fmt: skip


def _context(study: Study, arm: str) -> str:
    """All that an arm is but for its corpora: arms of one heat map."""
    return study.told(study.points[arm], "msm")


def _contexts(study: Study, arms: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(_context(study, arm) for arm in arms))


def _specific(study: Study) -> Iterator[Specific]:
    """Per group of arms that differ in their corpora alone: each value's own arm against the mean
    of the other values' arms, on that value's items; values of the same items weigh alike. Scores
    of one scale are taken together: a rate and a mark have no mean."""
    by_group: dict[tuple[Point, float], list[tuple[Measured, list[str]]]] = {}
    for one in study.about_values:
        for point, arms in study.groups(one, ("msm", "both"), msm=()).items():
            valued = [arm for arm in arms if _is_value(study, arm)]
            by_group.setdefault((point, one.reach), []).append((one, valued))
    for (point, reach), by_eval in by_group.items():
        tables, used, evals = list[Table](), list[str](), list[str]()
        for one, arms in by_eval:
            own = [arm for arm in arms if study.carries(one, arm)]
            others = [arm for arm in arms if arm not in own]
            if own and others:
                values_ASG = one.together([*own, *others])
                own_SG, others_SG = values_ASG[: len(own)].mean(0), values_ASG[len(own) :].mean(0)
                tables.append(own_SG - others_SG)
                used += [*own, *others]
                evals.append(one.eval)
        if len(evals) > 1 and len({len(table_SG) for table_SG in tables}) == 1:
            together_SG = np.concatenate(tables, axis=1)
            yield Specific(
                study.told(point, "msm"), tuple(dict.fromkeys(used)), tuple(evals),
                difference(together_SG, reach), together_SG.shape[1], len(together_SG), reach,
            )  # fmt: skip


def _is_value(study: Study, arm: str) -> bool:
    """Whether an arm was trained for one of the values that evals ask about: a placebo wasn't."""
    return any(study.carries(one, arm) for one in study.about_values)


def _said_specific(row: Specific) -> str:
    found = told(row.advantage, decimals(row.reach))
    rests = f"({count(row.groups, 'item')} of {count(len(row.evals), 'eval')}, "
    rests += f"{count(row.seeds, 'seed')})"
    if not row.advantage.clear:
        return (
            f"{row.within}: no advantage of an arm on its own value over arms for other values is "
            f"shown: {found} {rests}."
        )
    side = "ahead of" if row.advantage.mean > 0 else "behind"
    return (
        f"{row.within}: on its own value an arm is {side} arms for other values: {found} {rests}."
    )


def _said_siblings(rows: Sequence[Moved]) -> list[str]:
    siblings = sorted((row for row in rows if not row.own), key=lambda row: row.change.p)
    shown = [row for row in siblings if row.shown]
    if not siblings:
        return []
    if not shown:
        most = max(siblings, key=lambda row: abs(row.change.mean) / row.reach)
        largest = told(most.change, decimals(most.reach))
        return [
            f"None of {count(len(siblings), 'change')} of a sibling is shown after Holm’s "
            f"correction; the largest is that of {most.arm} on {most.eval}, {largest}."
        ]
    more = "" if len(shown) <= TOLD else f"; the clearest {TOLD} are told here"
    return [
        f"{len(shown)} of {count(len(siblings), 'change')} of a sibling "
        f"{are(len(shown))} shown after Holm’s correction{more}.",
        *(
            f"{row.arm} moved {row.eval} by {told(row.change, decimals(row.reach))} "
            f"({p_told(row.p_holm)})."
            for row in shown[:TOLD]
        ),
    ]


def _sheet(rows: Sequence[Moved], arms: Sequence[str], evals: Sequence[str]) -> Sheet:
    by_cell = {(row.arm, row.eval): row for row in rows}

    def written(arm: str, evaluation: str) -> Cell | str:
        row = by_cell.get((arm, evaluation))
        if row is None:
            return ""
        found = change(row.change, decimals(row.reach), row.shown)
        return replace(found, text=f"{found.text} own") if row.own else found

    return Sheet(
        "Change against the base arm, with 95% intervals; bold where shown after Holm’s correction",
        ["Arm", *evals],
        {"": [[arm, *(written(arm, evaluation) for evaluation in evals)] for arm in arms]},
    )


def _figure(rows: Sequence[Moved], arms: Sequence[str], evals: Sequence[str], context: str) -> str:
    largest = max(abs(row.change.mean) / row.reach for row in rows) or 1.0
    tiles = {
        (arms.index(row.arm), evals.index(row.eval)): Tile(
            signed(row.change.mean, decimals(row.reach)),
            row.change.mean / row.reach / largest,
            row.own,
            row.shown,
            [interval(row.change.low, row.change.high, decimals(row.reach))],
        )
        for row in rows
        if row.arm in arms
    }
    return heat_map(f"Change against the base arm, {context}", arms, evals, tiles)
