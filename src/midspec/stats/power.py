"""Power: which differences so many items and seeds can show, and how many a difference takes."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from midspec.stats.intervals import EXPONENT, EXPONENTS, Table, mean_squares
from midspec.stats.student import LEVEL, critical

POWER = 0.8
DRAWS = 20_000
MOST_GROUPS = 20_000
MOST_SEEDS = 30


@dataclass(frozen=True)
class Spread:
    """Variances of a paired difference: of one group's over all seeds, of one seed's over all
    groups, and of what one group's answers in one seed have besides."""

    groups: float
    seeds: float
    rest: float

    @property
    def none(self) -> bool:
        """Whether nothing differed at all, which tells nothing of what could be seen."""
        return not self.groups + self.seeds + self.rest

    def of_mean(self, groups: int, seeds: int) -> float:
        """The variance of the mean over so many groups and seeds."""
        return self.groups / groups + self.seeds / seeds + self.rest / (groups * seeds)


def spread(tables: Sequence[Table]) -> Spread:
    """The spread of differences that were seen, averaged over comparisons; one seed tells nothing
    of how seeds vary, so theirs counts as 0."""
    found = []
    for values_SG in tables:
        seeds, groups = values_SG.shape
        between, apart, rest = (float(ms[0]) for ms in mean_squares(values_SG[None]))
        found.append(
            (
                max(between - rest, 0) / seeds,
                max(apart - rest, 0) / groups if seeds > 1 else 0,
                rest,
            )
        )
    return Spread(*(float(np.mean(part)) for part in zip(*found, strict=True)))


def detectable(spread: Spread, groups: int, seeds: int, comparisons: int = 1) -> float:
    """The smallest true difference whose interval lies off 0 four times out of five; with one seed,
    of those very models. comparisons: of so many, the first that Holm's method has to show.

    Drawn, not looked up: with few seeds an interval's own width varies too much for a formula.
    """
    draw = np.random.default_rng(0)
    spread = spread if seeds > 1 else replace(spread, seeds=0.0)

    def mean_square(expected: float, df: int) -> np.ndarray:
        return expected * draw.chisquare(df, DRAWS) / df if df else np.zeros(DRAWS)

    rest = mean_square(spread.rest, (seeds - 1) * (groups - 1))
    between = mean_square(seeds * spread.groups + spread.rest, groups - 1)
    apart = mean_square(groups * spread.seeds + spread.rest, seeds - 1)
    by_groups = np.maximum(between - rest, 0)
    total = by_groups + apart
    share = np.divide(apart, total, out=np.zeros(DRAWS), where=total > 0)
    weight, level = share ** EXPONENTS.get(seeds, EXPONENT), LEVEL / comparisons
    limit = critical(weight, groups - 1, max(seeds - 1, 1), level)
    half = limit * np.sqrt(total / (groups * seeds))
    luck = np.sqrt(spread.of_mean(groups, seeds)) * draw.standard_normal(DRAWS)
    return float(np.quantile(half + luck, POWER))


def groups_needed(spread: Spread, difference: float, seeds: int) -> int | None:
    """How many groups (items, or conditions) with so many seeds show a difference of that size;
    None where no number of them does, since seeds vary too much."""
    if detectable(spread, MOST_GROUPS, seeds) > difference:
        return None
    low, high = 1, MOST_GROUPS
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (
            (low, middle) if detectable(spread, middle, seeds) <= difference else (middle, high)
        )
    return high


def seeds_needed(spread: Spread, difference: float, groups: int) -> int | None:
    """How many seeds with so many groups show a difference of that size; None where no number of
    them does, since there are too few groups."""
    several = range(2, MOST_SEEDS + 1)
    found = bisect_left(several, True, key=lambda n: detectable(spread, groups, n) <= difference)
    return several[found] if found < len(several) else None
