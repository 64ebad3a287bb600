"""The differences between two runs: arms that both have, paired by item, as a report's contrasts
are paired within one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from midspec.compare.match import Pair, asked, told_apart, trains, unlike
from midspec.compare.run import Run
from midspec.pages.html import count
from midspec.records import Score
from midspec.report.power import powers
from midspec.report.scores import Measured
from midspec.report.tables import Difference, contrasts
from midspec.stats.intervals import Estimate, difference

Scores = Mapping[tuple[str, int], Sequence[Score]]
FREE = {
    "half": "the {} half",
    "max_items": "at most {} items",
    "repeats": "{} answers to each",
    "engine": "answered by {}",
}


@dataclass(frozen=True)
class Effect:
    """How much larger a comparison within a run came out in another run than in the first."""

    eval: str
    arm: str
    against: str
    found: Estimate


@dataclass(frozen=True)
class Between:
    """A run against the first one.

    pairs: the arms that both have. differences: the other's minus the first's. apart: why an eval's
    answers can't be paired. notes: what must be known of those that can. power: what could have
    been seen. effects: of the comparisons that both runs ask for, how they differ.
    """

    other: str
    pairs: Sequence[Pair]
    differences: Sequence[Difference]
    apart: Mapping[str, str]
    notes: Sequence[str]
    power: Sequence[str]
    effects: Sequence[Effect]


def between(first: Run, other: Run, pairs: Sequence[Pair]) -> Between:
    """What can be said of the difference of two runs, and why the rest can't."""
    evals = [name for name in first.evals if name in other.evals]
    apart = {name: why for name in evals if (why := _apart(first, other, name))}
    ours = {one.key: one for one in first.measured}
    theirs = {one.key: one for one in other.measured}
    joined: list[Measured] = []
    notes: list[str] = []
    for key in (key for key in ours if key in theirs and key[0] not in apart):
        both = _joined(first, other, ours[key], theirs[key], pairs)
        if isinstance(both, str):
            apart[key[0]] = both
            continue
        joined.append(both)
        if not key[1]:
            notes += _notes(first, other, ours[key], theirs[key], both)
    wanted = [
        (one.eval, _of(other, pair.other), _of(first, pair.first))
        for one in joined
        if not one.metric.measure
        for pair in pairs
        if not pair.same and {_of(other, pair.other), _of(first, pair.first)} <= set(one.arms)
    ]
    blind = {
        (_of(run, arm), evaluation): why
        for run in (first, other)
        for (arm, evaluation), why in run.blind.items()
    }
    # A score with one direction of being good is no claim here: neither run is the better one.
    plain = [_undirected(one) for one in joined]
    return Between(
        other.label,
        pairs,
        contrasts(plain, wanted, blind),
        apart,
        notes,
        [one.said for one in powers(plain, wanted, blind)],
        list(_effects(first, other, joined, pairs)),
    )


def _apart(first: Run, other: Run, evaluation: str) -> str:
    """Why the answers of two runs to an eval can't be paired at all; nothing where they may be."""
    for run in (first, other):
        if not run.evaluations:
            return f"of {run.label} only results are here, not the answers to each item"
    if why := unlike(asked(first, evaluation), asked(other, evaluation)):
        return why
    ours, theirs = (run.metrics[evaluation, ""] for run in (first, other))
    if ours != theirs:
        return f"they measure different things: {ours.name} and {theirs.name}"
    return ""


def _joined(
    first: Run, other: Run, ours: Measured, theirs: Measured, pairs: Sequence[Pair]
) -> Measured | str:
    """Both runs' scores of the items that both were asked, each arm under its own name and its
    run's; or why there are none."""
    shared = _items(ours.scores) & _items(theirs.scores)
    if not shared:
        told = [
            f"{run.label} asked {_said(run, one.eval, ['half', 'max_items'])}"
            for run, one in ((first, ours), (other, theirs))
        ]
        return f"they have no item in common ({'; '.join(told)})"
    scores: dict[tuple[str, int], Sequence[Score]] = {}
    for pair in pairs:
        for number, seeds in enumerate(_seeds(first, other, ours, theirs, pair)):
            for run, one, arm, seed in zip(
                (first, other), (ours, theirs), (pair.first, pair.other), seeds, strict=True
            ):
                kept = [score for score in one.scores[arm, seed] if score.item in shared]
                scores[_of(run, arm), number] = kept
    return replace(ours, scores={key: rows for key, rows in scores.items() if rows})


def _seeds(
    first: Run, other: Run, ours: Measured, theirs: Measured, pair: Pair
) -> list[tuple[int, int]]:
    """Which seed of one run stands against which of the other: those that both have, else in turn;
    an arm that isn't trained was asked once, and stands against each."""
    one, two = ours.seeds(pair.first), theirs.seeds(pair.other)
    if not one or not two:
        return []
    if not trains(first, pair.first) or not trains(other, pair.other):
        longer = max(len(one), len(two))
        return [(one[min(n, len(one) - 1)], two[min(n, len(two) - 1)]) for n in range(longer)]
    if both := [seed for seed in one if seed in two]:
        return [(seed, seed) for seed in both]
    return list(zip(one, two, strict=False))


def _notes(
    first: Run, other: Run, ours: Measured, theirs: Measured, both: Measured
) -> Iterator[str]:
    """What differences on an eval rest on, where that isn't all that was asked."""
    shared, one, two = (_items(of.scores) for of in (both, ours, theirs))
    if shared != one or shared != two:
        told = ", ".join(f"{run.label} {len(items)}" for run, items in ((first, one), (other, two)))
        yield (
            f"{ours.eval}: differences are over the {count(len(shared), 'item')} that both were "
            f"asked ({told}); the values are over each run's own."
        )
    apart = [
        key
        for key in told_apart(asked(first, ours.eval), asked(other, ours.eval))
        if key in ("repeats", "engine")
    ]
    if apart:
        yield (
            f"{ours.eval}: {first.label} has {_said(first, ours.eval, apart)}, {other.label} "
            f"{_said(other, ours.eval, apart)}."
        )


def _effects(
    first: Run, other: Run, joined: Sequence[Measured], pairs: Sequence[Pair]
) -> Iterator[Effect]:
    """The comparisons that both runs ask for: the other's difference minus the first's, paired by
    item."""
    there = {pair.first: pair.other for pair in pairs}
    same = {pair.first for pair in pairs if pair.same}
    ours, theirs = (
        [(row.eval, row.arm, row.against) for row in run.contrasts] for run in (first, other)
    )
    for one in joined:
        for evaluation, arm, against in ours if not one.metric.measure else ():
            also = (evaluation, there.get(arm, ""), there.get(against, ""))
            if evaluation != one.eval or also not in theirs:
                continue
            names = [_of(first, arm), _of(first, against), _of(other, also[1]), _of(other, also[2])]
            if not set(names) <= set(one.arms) or _unreadable(first, other, one.eval, names):
                continue
            if {arm, against} <= same:
                continue  # the very models: they don't differ
            groups = one.groups(*names)
            before = one.paired(names[0], names[1], groups=groups)
            after = one.paired(names[2], names[3], groups=groups)
            seeds = min(len(before), len(after))
            found = difference(after[:seeds] - before[:seeds], 2 * one.reach)
            yield Effect(evaluation, arm, against, found)


def _unreadable(first: Run, other: Run, evaluation: str, names: Sequence[str]) -> bool:
    """Whether one of these arms can't be read on an eval."""
    return any(
        _of(run, arm) in names and evaluation == name
        for run in (first, other)
        for arm, name in run.blind
    )


def _undirected(measured: Measured) -> Measured:
    return replace(measured, metric=replace(measured.metric, better=""))


def _of(run: Run, arm: str) -> str:
    return f"{arm} in {run.label}"


def _items(scores: Scores) -> set[str]:
    return {score.item for rows in scores.values() for score in rows}


def _said(run: Run, evaluation: str, keys: Sequence[str]) -> str:
    """How a run asks an eval, of what may differ."""
    free = asked(run, evaluation).free
    return ", ".join(FREE[key].format(free[key]) for key in keys if free[key] is not None)
