"""Whether an experiment can answer its question, told before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf, sqrt
from pathlib import Path

from midspec.evals.estimate import Extent, extent
from midspec.evals.registry import find_task
from midspec.experiment import Plan
from midspec.pages.html import count
from midspec.records import Metric
from midspec.report.power import Power, sentence
from midspec.report.scores import decimals, read_measured
from midspec.report.wording import number
from midspec.run.stage import Stage
from midspec.stats.intervals import Table
from midspec.stats.power import Spread, detectable, groups_needed, seeds_needed, spread

# How far two arms differ from item to item and from seed to seed, measured on the demo
# (experiments/cheese.yaml, 126 items): .143 and .161 over all pairs of its twelve trained arms on
# the two preference evals; by seed, own MSM+AFT was .80 .78 .80 and .73 .77 .74, whose variance,
# .00028, counts twice in a difference. With one seed what is left over is in the items' part.
DEMO = Spread(groups=0.16, seeds=0.0006, rest=0.0)
ENOUGH = 100  # pairs of arms from which a spread is measured


@dataclass(frozen=True)
class Sight:
    """What an experiment can show on an eval: the smallest difference of two arms that it sees four
    times out of five, read by itself and as the first of all its comparisons.

    pairs: of how many pairs of finished arms the spread was measured; 0 where it is the demo's.
    seeds_measured: whether that holds for how far seeds differ. reach: how large a difference can
    be.
    """

    eval: str
    extent: Extent
    spread: Spread
    seeds: int
    least: float
    least_of_all: float
    pairs: int = 0
    seeds_measured: bool = False
    reach: float = inf

    @property
    def told_of_all(self) -> str:
        """The difference that is shown as the first of all comparisons, if any can be."""
        return number(self.least_of_all) if self.least_of_all < self.reach else "none that can be"


def foresee(planned: Plan, store: Path) -> tuple[list[Sight], list[str]]:
    """What can be seen on each eval that has results, and the evals of which that isn't known:
    scores of another scale, or items of a spec that isn't read, before arms are done."""
    experiment = planned.experiment
    comparisons = max(1, _comparisons(planned))
    seeds = len(experiment.seeds)
    found, unknown = [], []
    for name in experiment.evals:
        metric = find_task(name)[0].metrics[0]
        if metric.role != "result":
            continue
        stages = {(arm, seed): one for (arm, of, seed), one in planned.evals.items() if of == name}
        size = extent(next(iter(stages.values())), store)
        tables = _tables(planned, name, stages, store)
        known = _spread(tables, metric)
        if size is None or known is None or size.groups < 2:
            unknown.append(name)
            continue
        least, of_all = (detectable(known, size.groups, seeds, n) for n in (1, comparisons))
        several = bool(tables) and min(len(table) for table in tables) > 1
        reach = metric.high - metric.low
        sight = Sight(name, size, known, seeds, least, of_all, len(tables), several, reach)
        found.append(sight)
    return found, unknown


def power_words(planned: Plan, store: Path) -> str:
    """What the experiment can show, what that rests on, and whether it is what is expected."""
    sights, unknown = foresee(planned, store)
    expect = planned.experiment.expect
    lines = [sentence(_power(one, expect)) for one in sights]
    if sights:
        lines.append(" ".join(_rests_on(sights)))
    comparisons = _comparisons(planned)
    if sights and comparisons > 1:
        each = ", ".join(f"{one.told_of_all} on {one.eval}" for one in sights)
        lines.append(
            f"Corrected for {comparisons} comparisons, the first that is shown takes a true "
            f"difference of {each}."
        )
    if unknown:
        lines.append(
            f"What {', '.join(unknown)} can show isn't known before two trained arms are done."
        )
    if expect is not None and sights:
        lines.append(_verdict(sights, expect))
    return "\n".join(lines)


def _comparisons(planned: Plan) -> int:
    return sum(len(contrast.against) for contrast in planned.experiment.contrasts)


def _tables(
    planned: Plan, name: str, stages: Mapping[tuple[str, int], Stage], store: Path
) -> list[Table]:
    """The paired differences of finished arms: of those that are to be compared, else of
    neighbours."""
    trained = {key: one for key, one in stages.items() if planned.arms[key] and one.done(store)}
    if len({arm for arm, _ in trained}) < 2:
        return []
    folders = {(arm, name, seed): one.path(store) for (arm, seed), one in trained.items()}
    measured = [m for m in read_measured(folders, planned.experiment.half) if not m.metric.measure]
    if not measured:
        return []
    arms = measured[0].arms
    wanted = [
        (contrast.arm, other)
        for contrast in planned.experiment.contrasts
        for other in contrast.against
        if contrast.eval == name and {contrast.arm, other} <= set(arms)
    ]
    pairs = (wanted or list(pairwise(arms)))[:ENOUGH]
    tables = [measured[0].paired(arm, other) for arm, other in pairs]
    return [table for table in tables if table.size and table.shape[1] > 1]


def _spread(tables: Sequence[Table], metric: Metric) -> Spread | None:
    """As measured; of seeds as in the demo where there is one seed. None of an unknown scale."""
    rate = (metric.low, metric.high) == (0.0, 1.0)
    if not tables:
        return DEMO if rate else None
    found = spread(tables)
    if min(len(table) for table in tables) > 1:
        return found
    return replace(found, seeds=DEMO.seeds) if rate else None


def _power(sight: Sight, expect: float | None) -> Power:
    target = expect if expect is not None and expect < sight.least else None
    size, seeds = sight.extent, sight.seeds
    return Power(
        sight.eval, size.groups, seeds, sight.least, target,
        groups_needed(sight.spread, target, seeds) if target else None,
        seeds_needed(sight.spread, target, size.groups) if target and seeds > 1 else None,
        size.conditions, decimals(sight.reach), sight.reach,
    )  # fmt: skip


def _rests_on(sights: Sequence[Sight]) -> list[str]:
    """On what the figures rest, and what they leave out."""
    assumed = [one.eval for one in sights if not one.pairs]
    said = [
        f"On {one.eval}, that is measured on {count(one.pairs, 'pair')} of finished arms"
        f"{'' if one.seeds_measured else ', but for seeds'}."
        for one in sights
        if one.pairs
    ]
    seeds = f"from seed to seed by {number(sqrt(DEMO.seeds), 3)}"
    if assumed:
        which = f" of {', '.join(assumed)}" if said else ""
        said.append(
            f"Assumed{which}: two arms differ from item to item by {number(sqrt(DEMO.groups))} "
            f"and {seeds} (standard deviations), as in the demo."
        )
    elif not all(one.seeds_measured for one in sights):
        said.append(f"Assumed: two arms differ {seeds} (a standard deviation), as in the demo.")
    if sights[0].seeds == 1:
        said.append("With one seed it is about these very models: how runs differ isn't seen.")
    return said


def _verdict(sights: Sequence[Sight], expect: float) -> str:
    """Whether a difference that is expected would be seen."""
    able = [one.eval for one in sights if one.least <= expect]
    unable = [one.eval for one in sights if one.least > expect]
    if not unable:
        return f"A difference of {number(expect)}, which is expected, it can see on every eval."
    if not able:
        return (
            f"A difference of {number(expect)}, which is expected, it can't see: a null would say "
            "nothing. Add items or seeds as above, or ask for less."
        )
    return (
        f"A difference of {number(expect)}, which is expected, it can see on {', '.join(able)}, "
        f"but not on {', '.join(unable)}."
    )
