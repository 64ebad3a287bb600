"""What evaluated folders hold, by eval and measure: every arm's scores, seed by seed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from midspec.errors import DataError
from midspec.files import read_rows
from midspec.records import Metric, Score
from midspec.stats.intervals import Estimate, Table, difference, group_table, rate

ALL = "all"  # the tier, or the seed, of a pooled row; as a half, all items
MOST_DECIMALS = 4  # of any number that is told
NATS = 12.0  # how far two losses can be apart, by the worst that an eval of loss counts

Evaluations = Mapping[tuple[str, str, int], Path]  # by arm, eval, seed
Field = Callable[[Score], float]


def value(score: Score) -> float:
    """What the metric counts."""
    return score.value


def margin(score: Score) -> float:
    """The margin in nats a token; nan where there is none."""
    return nan if score.margin is None else score.margin


def decimals(reach: float) -> int:
    """How many decimals a score is told with, by how far two can be apart: two of a rate and of a
    loss, one of a mark, none of a length."""
    if reach <= 2 or reach == NATS:
        return 2
    return 1 if reach <= 20 else 0


def decimals_apart(value: float, other: float, digits: int) -> int:
    """So many decimals, and more where a value would look like another that it isn't."""
    while digits < MOST_DECIMALS and f"{value:z.{digits}f}" == f"{other:z.{digits}f}":
        digits += 1
    return digits


def decimals_clear(low: float, high: float, digits: int, nothing: float = 0.0) -> int:
    """So many decimals, and more where an interval that lies beside `nothing` would seem to touch
    it."""
    clear = low > nothing or high < nothing
    return decimals_apart(low if low > nothing else high, nothing, digits) if clear else digits


@dataclass(frozen=True)
class Measured:
    """One measure of an eval: what it means, and its scores by arm and seed.

    other_half: whether no score is of the half that was asked for, so that all are taken.
    """

    eval: str
    metric: Metric
    scores: Mapping[tuple[str, int], Sequence[Score]]
    other_half: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """The eval's name and the measure's."""
        return self.eval, self.metric.measure

    @cached_property
    def arms(self) -> list[str]:
        """The arms that have scores, in the experiment's order."""
        return list(dict.fromkeys(arm for arm, _ in self.scores))

    @cached_property
    def tiers(self) -> list[str]:
        """All tiers together, then each where there are several."""
        found = dict.fromkeys(s.tier for scores in self.scores.values() for s in scores if s.tier)
        return [ALL, *found] if len(found) > 1 else [ALL]

    @cached_property
    def halves(self) -> set[str]:
        """The halves that its items belong to; "" is neither."""
        return {score.half for scores in self.scores.values() for score in scores}

    @cached_property
    def by_likelihood(self) -> bool:
        """Whether its scores are choices by log-probability."""
        return any(s.margin is not None for scores in self.scores.values() for s in scores)

    @cached_property
    def decides(self) -> bool:
        """Whether deciding is a question: of choices in several forms, or unreadable answers; a
        change is decided by nothing."""
        if self.metric.low < 0:
            return False
        undecided = any(not s.decided for scores in self.scores.values() for s in scores)
        return undecided or self.by_likelihood

    @cached_property
    def grouped(self) -> bool:
        """Whether items hang together, such as the repeats of a condition."""
        return any(s.group not in ("", s.item) for scores in self.scores.values() for s in scores)

    @property
    def reach(self) -> float:
        """The largest difference that two scores can have."""
        return self.metric.high - self.metric.low

    def seeds(self, arm: str) -> list[int]:
        """The seeds that an arm has scores of."""
        return [seed for one, seed in self.scores if one == arm]

    def of(self, arm: str, seed: int, tier: str = ALL) -> list[Score]:
        """An arm's scores in one seed."""
        return [score for score in self.scores[arm, seed] if tier in (ALL, score.tier)]

    def estimate(self, arm: str, seeds: Sequence[int], tier: str = ALL) -> Estimate:
        """An arm's mean score with its interval."""
        by_seed = [scores for seed in seeds if (scores := self.of(arm, seed, tier))]
        if not by_seed:
            return Estimate(nan, nan, nan)
        table = _table(by_seed, _groups(*by_seed), value)
        low, high = self.metric.low, self.metric.high
        if isfinite(low) and isfinite(high):
            return rate(table, low, high)
        return difference(table)

    def groups(self, *arms: str) -> list[str]:
        """What hangs together in the answers of these arms."""
        return _groups(*(self.scores[arm, seed] for arm in arms for seed in self.seeds(arm)))

    def paired(
        self,
        arm: str,
        against: str,
        tier: str = ALL,
        field: Field = value,
        groups: Sequence[str] = (),
    ) -> Table:
        """Both arms' differences, seeds × groups (those that either has, or the given ones);
        empty where nothing can be paired.

        An arm that isn't trained was asked once: it stands against every seed of the other.
        """
        seeds = self._shared_seeds([arm, against])
        found = [(self._in(arm, s, tier), self._in(against, s, tier)) for s in seeds]
        found = [(one, other) for one, other in found if one and other]
        if not found:
            return np.empty((0, 0))
        one, other = (_groups(*scores) for scores in zip(*found, strict=True))
        if 2 * len(set(one) & set(other)) < len({*one, *other}):
            raise DataError(
                f"{arm} and {against} were asked different items of {self.eval}, so they can't be "
                "paired. Run both with the same half and max_items."
            )
        groups = groups or list(dict.fromkeys([*one, *other]))
        return _table([a for a, _ in found], groups, field) - _table(
            [b for _, b in found], groups, field
        )

    def together(self, arms: Sequence[str]) -> NDArray[np.float64]:
        """Several arms' values, arms × seeds × groups, over the seeds that all have.

        An arm that was asked once stands in each; empty where there is no such seed.
        """
        seeds = self._shared_seeds(arms)
        answers = [[self._in(arm, seed) for seed in seeds] for arm in arms]
        groups = _groups(*(scores for by_seed in answers for scores in by_seed))
        return np.array([_table(by_seed, groups, value) for by_seed in answers])

    def _shared_seeds(self, arms: Sequence[str]) -> list[int]:
        """The seeds that all of these arms have, but for those that were asked once."""
        own = [self.seeds(arm) for arm in arms]
        several = [set(seeds) for seeds in own if len(seeds) > 1]
        if several and all(own):
            return sorted(set.intersection(*several))
        return own[0][:1] if all(own) else []

    def _in(self, arm: str, seed: int, tier: str = ALL) -> list[Score]:
        """An arm's scores in one seed; the only ones of an arm that was asked once."""
        seeds = self.seeds(arm)
        return self.of(arm, seed if seed in seeds else seeds[0], tier)


def _groups(*by_seed: Sequence[Score]) -> list[str]:
    """What hangs together in intervals: groups, or single items."""
    return list(dict.fromkeys(score.group or score.item for scores in by_seed for score in scores))


def _table(by_seed: Sequence[Sequence[Score]], groups: Sequence[str], field: Field) -> Table:
    return group_table(
        [([field(s) for s in scores], [s.group or s.item for s in scores]) for scores in by_seed],
        groups,
    )


def _read_scores(path: Path, words: dict[str, str]) -> list[Score]:
    """The rows of a file, each of their words kept once: a million scores take 180 MB in place of
    390."""
    once = words.setdefault
    return [
        Score(
            once(s.item, s.item), once(s.domain, s.domain), once(s.tier, s.tier),
            once(s.half, s.half), s.value, s.decided, s.margin, once(s.group, s.group),
            once(s.measure, s.measure),
        )
        for s in read_rows(path, Score)
    ]  # fmt: skip


def read_measured(evaluations: Evaluations, half: str) -> list[Measured]:
    """All measures of all evals, an eval's main measure first.

    Scores are those of the `half` that was asked for, and of items that belong to neither; an eval
    that has no other half (a small grid of one half only) counts whole. A score of a measure that
    no metric explains, or two metrics of one measure, is a DataError.
    """
    words: dict[str, str] = {}
    metrics: dict[tuple[str, str], Metric] = {}
    scores: dict[tuple[str, str], dict[tuple[str, int], list[Score]]] = {}
    for (arm, evaluation, seed), folder in evaluations.items():
        for metric in read_rows(folder / "metrics.jsonl", Metric):
            known = metrics.setdefault((evaluation, metric.measure), metric)
            if known != metric:
                raise DataError(
                    f"{folder} and another folder of {evaluation} mean different things by "
                    f"{metric.name!r}. Run the eval again for all arms."
                )
        for score in _read_scores(folder / "scores.jsonl", words):
            key = evaluation, score.measure
            if key not in metrics:
                raise DataError(
                    f"{folder}/scores.jsonl has scores of {score.measure!r}, which metrics.jsonl "
                    "doesn't explain."
                )
            scores.setdefault(key, {}).setdefault((arm, seed), []).append(score)
    found = []
    for (evaluation, measure), metric in metrics.items():
        mine = scores.get((evaluation, measure), {})
        chosen = {
            key: [score for score in rows if half == ALL or score.half in (half, "", ALL)]
            for key, rows in mine.items()
        }
        other_half = not any(chosen.values()) and any(mine.values())
        kept = {key: rows for key, rows in (mine if other_half else chosen).items() if rows}
        if kept:
            found.append(Measured(evaluation, metric, kept, other_half))
    evals = list(dict.fromkeys(evaluation for _, evaluation, _ in evaluations))
    return sorted(found, key=lambda one: evals.index(one.eval))
