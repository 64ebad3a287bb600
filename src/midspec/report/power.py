"""What an experiment's comparisons could have shown, without which a null can't be read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

from midspec.pages.html import count
from midspec.report.scores import Measured, decimals, decimals_apart
from midspec.report.tables import Unreadable
from midspec.report.wording import number
from midspec.stats.power import detectable, groups_needed, seeds_needed, spread

TARGETS = (0.1, 0.05)  # differences that one may want to see, as shares of what a score can reach


@dataclass(frozen=True)
class Power:
    """The smallest difference that an eval's comparisons show four times out of five, and what a
    smaller one, `target`, would take: more groups with as many seeds, or more seeds with as many
    groups; None where no number of these is enough. reach: how large a difference can be."""

    eval: str
    groups: int
    seeds: int
    detectable: float
    target: float | None = None
    groups_needed: int | None = None
    seeds_needed: int | None = None
    conditions: bool = False
    digits: int = 2
    reach: float = inf
    said: str = ""


def powers(
    measured: Sequence[Measured],
    wanted: Sequence[tuple[str, str, str]],
    blind: Unreadable,
) -> list[Power]:
    """The power of each eval's comparisons, from how far items and seeds differ in all of them that
    can be read."""
    found = []
    for one in measured:
        asked = [(arm, against) for evaluation, arm, against in wanted if evaluation == one.eval]
        readable = {arm for arm in one.arms if (arm, one.eval) not in blind}
        tables = [one.paired(*pair) for pair in asked if set(pair) <= readable]
        tables = [table for table in tables if table.size and table.shape[1] > 1]
        if one.metric.measure or not tables:
            continue
        seeds, groups = (min(table.shape[axis] for table in tables) for axis in (0, 1))
        differ = spread(tables)
        if differ.none:
            continue
        least = detectable(differ, groups, seeds)
        wished = [share * one.reach for share in TARGETS if share * one.reach < least]
        target = wished[0] if wished and isfinite(one.reach) else None
        power = Power(
            one.eval, groups, seeds, least, target,
            groups_needed(differ, target, seeds) if target else None,
            seeds_needed(differ, target, groups) if target and seeds > 1 else None,
            one.grouped, decimals(one.reach), one.reach,
        )  # fmt: skip
        found.append(replace(power, said=sentence(power)))
    return found


def sentence(power: Power) -> str:
    """What could be seen, and what it would take to see less."""
    noun = "condition" if power.conditions else "item"
    has = f"{count(power.groups, noun)} and {count(power.seeds, 'seed')}"
    if power.detectable >= power.reach:
        return f"On {power.eval}, {has} are too few to show any difference four times out of five."
    least = number(power.detectable, decimals_apart(power.detectable, 0.0, power.digits))
    told = (
        f"On {power.eval}, {has} show a true difference of {least} four times out of five; a "
        "smaller one may well be missed."
    )
    if power.target is None:
        return told
    ways = []
    if power.groups_needed:
        ways.append(f"{count(power.groups_needed, noun)} with {count(power.seeds, 'seed')}")
    if power.seeds_needed:
        ways.append(f"{count(power.seeds_needed, 'seed')} with {count(power.groups, noun)}")
    takes = f"about {' or '.join(ways)}" if ways else f"more {noun}s and more seeds"
    return f"{told} To see {number(power.target, power.digits)} it takes {takes}."
