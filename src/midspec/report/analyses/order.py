"""The order of arms that differ in one thing: their MSM specs, their demos, or which came first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import nan

from midspec.grid import Point
from midspec.pages.html import count
from midspec.report.analyses.section import (
    MOST_BARS,
    Cell,
    Figure,
    Section,
    Sheet,
    caption,
    cell,
    change,
    clearest,
    corrected,
    on,
    p_told,
    share,
    told,
    without_blanks,
)
from midspec.report.analyses.study import Kind, Study
from midspec.report.charts import Bar, forest
from midspec.report.scores import Measured, decimals
from midspec.report.wording import number, p_value
from midspec.stats.intervals import Estimate, Table, difference
from midspec.stats.order import kept
from midspec.stats.power import detectable, spread
from midspec.stats.student import LEVEL

MOST_APART = 0.05  # share of the larger size; corpora end with a document, not at a token
ABOUT = (
    "Arms that differ in one thing alone, best first. “>” and “<” stand between arms whose "
    "difference is shown after Holm’s correction over all pairs of that order, “≈” where it "
    "isn’t. The probability of an order is how often it comes out again if items and seeds are "
    "drawn anew around what was found; it isn’t corrected for this order being the one that came "
    "out, so beside “≈” it says little."
)


@dataclass(frozen=True)
class Pair:
    """Two arms of one order, paired by item: the difference of their scores, first − second.

    place, second_place: where they stand in their order, best first; probability: of that order.
    """

    eval: str
    varied: str
    within: str
    first: str
    second: str
    place: int
    second_place: int
    score: Estimate
    second_score: Estimate
    difference: Estimate
    p_holm: float
    probability: float
    groups: int
    seeds: int
    better: str
    reach: float

    @property
    def shown(self) -> bool:
        """Whether the two differ, after correction."""
        return self.difference.clear and self.p_holm < LEVEL


@dataclass(frozen=True)
class Order:
    """Arms that differ in one thing, best first, with the table of each."""

    one: Measured
    varied: str
    within: str
    arms: tuple[str, ...]
    names: tuple[str, ...]
    scores: tuple[Estimate, ...]
    decided: tuple[float, ...]
    tables: tuple[Table, ...]
    probability: float
    sizes: str  # of what the arms were trained on, where these differ

    @property
    def told(self) -> str:
        """What is varied and what the arms have in common, in words."""
        return f"{self.varied} with {self.within}" if self.within else self.varied


# What is varied: its name, the arms that have it, what it leaves open, and what names an arm then.
AXES: tuple[tuple[str, tuple[Kind, ...], dict[str, object]], ...] = (
    ("MSM", ("msm", "both"), {"msm": ()}),
    ("AFT", ("aft", "both"), {"aft": ()}),
    ("order of stages", ("both",), {"order": ""}),
)


def ordering(study: Study) -> Section | None:
    """The order of all groups of two or more arms that differ in one thing."""
    orders = [order for one in study.levels for order in _orders(study, one)]
    if not orders:
        return None
    both = [(order, _pairs(order)) for order in orders]
    evals = list(dict.fromkeys(order.one.eval for order in orders))
    of_eval = {name: [pair for pair in both if pair[0].one.eval == name] for name in evals}
    return Section(
        key="order",
        title="Order of arms",
        about=ABOUT,
        said=clearest(
            both,
            "order",
            shown=lambda found: any(pair.shown for pair in found[1]),
            p=lambda found: min(pair.p_holm for pair in found[1]),
            say=lambda found: _sentence(*found),
        ),
        sheets=[_sheet(name, mine) for name, mine in of_eval.items()],
        rows=[pair for _, pairs in both for pair in pairs],
        figures=[
            Figure(name, _figure(name, mine), name)
            for name, mine in of_eval.items()
            if sum(len(order.arms) - 1 for order, _ in mine) <= MOST_BARS
        ],
        caption="Differences between neighbours in each order, first − second, with 95% "
        "intervals. Filled: shown after Holm’s correction.",
        left_out=study.left_out(evals),
    )


def _orders(study: Study, one: Measured) -> Iterator[Order]:
    for varied, kinds, left_open in AXES:
        (axis,) = left_open
        for point, found in study.groups(one, kinds, **left_open).items():
            arms = [arm for arm in found if study.own(one, arm)]
            by_name = {_name(study.points[arm], axis): arm for arm in reversed(arms)}
            if len(by_name) < 2:
                continue
            yield _order(study, one, varied, axis, point, by_name)


def _name(point: Point, axis: str) -> str:
    found = getattr(point, axis)
    return found if isinstance(found, str) else "+".join(found)


def _order(
    study: Study, one: Measured, varied: str, axis: str, point: Point, by_name: dict[str, str]
) -> Order:
    names = list(by_name)
    values_ASG = one.together(list(by_name.values()))
    sign = -1.0 if one.metric.better == "lower" else 1.0
    best_first = sorted(range(len(names)), key=lambda a: -sign * values_ASG[a].mean())
    arms = [by_name[names[a]] for a in best_first]
    return Order(
        one=one,
        varied=varied,
        within=study.told(point, axis),
        arms=tuple(arms),
        names=tuple(names[a] for a in best_first),
        scores=tuple(one.estimate(arm, one.seeds(arm)) for arm in arms),
        decided=tuple(study.decided(one, arm) for arm in arms),
        tables=tuple(values_ASG[a] for a in best_first),
        probability=kept(sign * values_ASG[best_first]),
        sizes=_sizes([study.points[arm] for arm in arms], axis),
    )


def _sizes(points: Sequence[Point], axis: str) -> str:
    """The sizes that arms don't share, in words: what is more may score higher for that alone."""
    key, unit = {"msm": ("msm_tokens", "tokens"), "aft": ("aft_chats", "chats")}.get(axis, ("", ""))
    sizes = [getattr(point, key) or 0 for point in points] if key else [0]
    if max(sizes) - min(sizes) <= MOST_APART * max(sizes):
        return ""
    told = ", ".join(f"{_name(p, axis)} {size:,}" for p, size in zip(points, sizes, strict=True))
    return f" Not matched in size: {told} {unit}."


def _pairs(order: Order) -> list[Pair]:
    """Every two arms of an order, with p adjusted for all of them."""
    one = order.one
    found = [
        Pair(
            one.eval, order.varied, order.within, order.arms[a], order.arms[b], a + 1, b + 1,
            order.scores[a], order.scores[b],
            difference(order.tables[a] - order.tables[b], one.reach), nan, order.probability,
            order.tables[a].shape[1], len(order.tables[a]), one.metric.better, one.reach,
        )
        for a, b in combinations(range(len(order.arms)), 2)
    ]  # fmt: skip
    return corrected(found, lambda pair: pair.difference.p, lambda pair: pair.within)


def _sentence(order: Order, pairs: Sequence[Pair]) -> str:
    """The order with the differences between neighbours and what is shown besides; or that none
    is shown, with what could have been."""
    head = f"{on(order.one.eval, order.one.metric.better)}, by {order.told}"
    rests = f"{count(pairs[0].groups, 'item')}, {count(pairs[0].seeds, 'seed')}"
    sure = f"probability of this order {number(order.probability)} ({rests})."
    neighbours = [pair for pair in pairs if pair.second_place == pair.place + 1]
    chain = order.names[0]
    for pair, name in zip(neighbours, order.names[1:], strict=True):
        sign = "<" if order.one.metric.better == "lower" else ">"
        chain += f" {sign if pair.shown else '≈'} {name}"
    if not any(pair.shown for pair in pairs):
        widest = max(pairs, key=lambda pair: abs(pair.difference.mean))
        largest = f"{_differences(order, [widest])} ({p_told(widest.p_holm)})"
        which = "The largest" if len(pairs) > 1 else "Their"
        return (
            f"{head}, no order is shown: {chain}. {which} difference is {largest}"
            f"{_could(order)}; {sure}{order.sizes}"
        )
    besides = [pair for pair in pairs if pair.shown and pair not in neighbours]
    also = f"; besides, {_differences(order, besides)}" if besides else ""
    return f"{head}: {chain} ({_differences(order, neighbours)}{also}); {sure}{order.sizes}"


def _differences(order: Order, pairs: Sequence[Pair]) -> str:
    name = dict(zip(order.arms, order.names, strict=True))
    digits = decimals(order.one.reach)
    return ", ".join(
        f"{name[pair.first]} − {name[pair.second]} = {told(pair.difference, digits)}"
        for pair in pairs
    )


def _could(order: Order) -> str:
    """What difference of two arms would have been seen, before correction."""
    tables = [one - other for one, other in combinations(order.tables, 2)]
    seeds, groups = tables[0].shape
    if groups < 2 or (differ := spread(tables)).none:
        return ""
    least = number(detectable(differ, groups, seeds), decimals(order.one.reach))
    return f"; a true difference of {least} by itself would be seen four times out of five"


def _sheet(evaluation: str, both: Sequence[tuple[Order, Sequence[Pair]]]) -> Sheet:
    """A row for every arm of every order: its score, and what it has on the next."""
    better = both[0][0].one.metric.better
    groups: dict[str, list[list[Cell | str]]] = {}
    for order, pairs in both:
        digits = decimals(order.one.reach)
        after = {p.place: p for p in pairs if p.second_place == p.place + 1}
        for place, (name, score) in enumerate(zip(order.names, order.scores, strict=True), 1):
            pair = after.get(place)
            heading = f"by {order.told} (probability {number(order.probability)})"
            groups.setdefault(heading, []).append(
                [
                    f"{place} {name}",
                    cell(score, digits),
                    share(order.decided[place - 1]),
                    change(pair.difference, digits, pair.shown) if pair else "",
                    p_value(pair.p_holm) if pair else "",
                ]
            )
    table = Sheet(
        f"{caption(evaluation, better)}, best first; p is adjusted for "
        "all pairs of an order, the probability is that of the whole order",
        ["Arm", "Score", "Decided", "− next", "p, Holm"],
        groups,
    )
    return without_blanks(table)


def _figure(evaluation: str, both: Sequence[tuple[Order, Sequence[Pair]]]) -> str:
    bars: dict[str, list[Bar]] = {}
    for order, pairs in both:
        names = dict(zip(order.arms, order.names, strict=True))
        bars[f"by {order.told}"] = [
            Bar(f"{names[pair.first]} − {names[pair.second]}", pair.difference, pair.shown)
            for pair in pairs
            if pair.second_place == pair.place + 1
        ]
    reach = both[0][0].one.reach
    return forest(f"{evaluation}: order of arms", bars, decimals(reach), reach)
