"""The share of transcripts that each reason drives: by arm and condition, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from midspec.evals.reasons.classify import Classified
from midspec.evals.reasons.merge import Driver
from midspec.evals.reasons.taxonomy import KINDS
from midspec.stats.claims import holm
from midspec.stats.intervals import Table, difference, rate, wilson

ALL = ""  # the condition of a share over all conditions
ANY = {kind: f"any {kind}" for kind in KINDS}  # the ids of any reason of a kind

Driven = Mapping[str, list[bool]]  # by condition, whether a reason drives each transcript


@dataclass(frozen=True)
class Share:
    """How many of an arm's transcripts a reason drives, in one condition or, with "" in all.

    The interval of one condition is Wilson's, of its transcripts. Over all it is the mean of the
    conditions' shares, and they are what varies, since the transcripts of one hang together.
    """

    reason: str
    arm: str
    group: str
    driven: int
    of: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """An arm's share minus another's: the mean over the conditions that both have.

    p is of no difference; holm is p adjusted for all reasons of the arm.
    """

    reason: str
    arm: str
    against: str
    groups: int
    difference: float
    low: float
    high: float
    p: float
    holm: float


def with_kinds(drivers: Sequence[Driver]) -> list[Driver]:
    """For each kind of reasons first any reason of that kind, then its reasons."""
    listed = []
    for kind in KINDS:
        own = [driver for driver in drivers if driver.kind == kind]
        if len(own) > 1:
            parts = tuple(part for driver in own for part in driver.parts)
            told = f"At least one of the {kind} reasons."
            listed.append(Driver(ANY[kind], f"any {kind} reason", kind, told, parts))
        listed += own
    return listed


def shares(drivers: Sequence[Driver], classified: Sequence[Classified]) -> list[Share]:
    """A share for each reason, arm and condition, the whole arm's first; transcripts without a
    verdict are in none of them."""
    found = []
    for driver in drivers:
        for arm, groups in _by_arm(driver, classified).items():
            found.append(_whole(driver, arm, groups))
            found += [_share(driver, arm, group, own) for group, own in groups.items()]
    return found


def differences(
    drivers: Sequence[Driver], classified: Sequence[Classified], against: str
) -> list[Difference]:
    """Each other arm against one, where two conditions or more have verdicts in both."""
    by_arm: dict[str, list[Difference]] = {}
    for driver in drivers:
        groups_of = _by_arm(driver, classified)
        base = groups_of.get(against, {})
        for arm, groups in groups_of.items():
            both = [group for group in base if group in groups]
            if arm != against and len(both) > 1:
                seen = difference(_means(groups, both) - _means(base, both), reach=1.0)
                told = (len(both), seen.mean, seen.low, seen.high, seen.p, seen.p)
                by_arm.setdefault(arm, []).append(Difference(driver.id, arm, against, *told))
    return [
        replace(one, holm=p)
        for own in by_arm.values()
        for one, p in zip(own, holm([one.p for one in own]), strict=True)
    ]


def _by_arm(driver: Driver, classified: Sequence[Classified]) -> Mapping[str, Driven]:
    found: dict[str, dict[str, list[bool]]] = {}
    for one in classified:
        if not one.problem:
            found.setdefault(one.arm, {}).setdefault(one.group, []).append(driver.drives(one))
    return found


def _share(driver: Driver, arm: str, group: str, own: Sequence[bool]) -> Share:
    seen = wilson(sum(own), len(own))
    return Share(driver.id, arm, group, sum(own), len(own), seen.mean, seen.low, seen.high)


def _whole(driver: Driver, arm: str, groups: Driven) -> Share:
    """The share over all conditions; of a single one its transcripts say how sure it is."""
    every = [drives for own in groups.values() for drives in own]
    if len(groups) < 2:
        return _share(driver, arm, ALL, every)
    seen = rate(_means(groups, list(groups)))
    return Share(driver.id, arm, ALL, sum(every), len(every), seen.mean, seen.low, seen.high)


def _means(groups: Driven, names: Sequence[str]) -> Table:
    """Each condition's share, all with the same weight: one that a judge often failed on, or that
    another arm has more of, must not make two arms differ."""
    return np.array([[sum(groups[name]) / len(groups[name]) for name in names]])
