"""Made-up experiments whose truth is known, and how often an interval holds it.

`python -m tests.simulations` prints the table of docs/statistics.md.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from midspec.stats.intervals import differences, rates

CHUNK = 2_000  # cases at once, for memory

Values = NDArray[np.float64]
Intervals = Callable[[Values], tuple[NDArray[np.float64], ...]]  # mean, low, high


@dataclass(frozen=True)
class Arms:
    """An arm's rate, or two arms' paired difference, over seeds and groups.

    Groups differ in difficulty (`difficulty` is its standard deviation in logits), and an arm's
    rate differs by seed with a standard deviation of about `apart`. Each group is answered
    `answers` times a seed: 1 is a choice, 2 one in two orders, 25 a condition with its repeats.
    """

    seeds: int
    groups: int
    rate: float
    against: float | None = None
    apart: float = 0.0
    answers: int = 2
    difficulty: float = 1.5
    once: bool = False  # the other arm isn't trained: one seed of it stands against all

    @property
    def truth(self) -> float:
        return self.rate - (self.against or 0.0)

    def draw(self, cases: int, draw: np.random.Generator) -> Values:
        shared = draw.normal(size=(cases, 1, self.groups))
        found = self._arm(self.rate, cases, self.seeds, self.apart, shared, draw)
        if self.against is None:
            return found
        seeds, apart = (1, 0.0) if self.once else (self.seeds, self.apart)
        return found - self._arm(self.against, cases, seeds, apart, shared, draw)

    def _arm(
        self,
        rate: float,
        cases: int,
        seeds: int,
        apart: float,
        shared: Values,
        draw: np.random.Generator,
    ) -> Values:
        by_seed = logit_sd(rate, apart, self.difficulty)
        own = draw.normal(size=(cases, 1, self.groups))
        difficulty = self.difficulty * (sqrt(0.7) * shared + sqrt(0.3) * own)
        luck = by_seed * draw.normal(size=(cases, seeds, 1))
        chance = logistic(centre(rate, self.difficulty, by_seed) + difficulty + luck)
        return draw.binomial(self.answers, chance) / self.answers


def logistic(x: Values) -> Values:
    return 1 / (1 + np.exp(-x))


@cache
def _normal() -> Values:
    return np.random.default_rng(0).normal(size=100_001)


@cache
def centre(rate: float, difficulty: float, by_seed: float) -> float:
    """Where logits must lie for their rate to be that, on average over groups and seeds."""
    low, high = -15.0, 15.0
    for _ in range(40):
        middle = (low + high) / 2
        mean = logistic(middle + sqrt(difficulty**2 + by_seed**2) * _normal()).mean()
        low, high = (middle, high) if mean < rate else (low, middle)
    return low


@cache
def logit_sd(rate: float, apart: float, difficulty: float) -> float:
    """How far seeds must differ in logits for their rates to differ by `apart`."""
    if not apart:
        return 0.0
    items, step = _normal()[:2_001], 0.01
    at = centre(rate, difficulty, 0.0) + difficulty * items
    slope = (logistic(at + step).mean() - logistic(at - step).mean()) / (2 * step)
    return float(apart / slope)


def coverage(arms: Arms, intervals: Intervals, cases: int = 8_000, seed: int = 1) -> float:
    """How often the interval holds the truth."""
    draw = np.random.default_rng(seed)
    held = 0
    for _ in range(cases // CHUNK):
        _, low, high, *_ = intervals(arms.draw(CHUNK, draw))
        held += int(((low <= arms.truth) & (arms.truth <= high)).sum())
    return held / cases


def bootstrap(values_BSG: Values) -> tuple[NDArray[np.float64], ...]:
    """The percentile bootstrap over seeds and groups, to compare with."""
    _, seeds, groups = values_BSG.shape
    draw = np.random.default_rng(0)
    groups_RG = draw.multinomial(groups, np.full(groups, 1 / groups), size=1_000) / groups
    seeds_RS = draw.multinomial(seeds, np.full(seeds, 1 / seeds), size=1_000) / seeds
    by_seed = np.einsum("bsg,rg->bsr", values_BSG, groups_RG, optimize=True)
    means_BR = np.einsum("bsr,rs->br", by_seed, seeds_RS, optimize=True)
    low, high = np.quantile(means_BR, [0.025, 0.975], axis=1)
    return values_BSG.mean((1, 2)), low, high


CASES = {
    "rate .50, 50 items": Arms(1, 50, 0.5),
    "rate .95, 500 items": Arms(1, 500, 0.95),
    "rate .05, 150 items": Arms(1, 150, 0.05),
    "rate .05, 50 items": Arms(1, 50, 0.05),
    "rate .50, 150 items, 3 seeds alike": Arms(3, 150, 0.5),
    "rate .50, 150 items, 3 seeds .04 apart": Arms(3, 150, 0.5, apart=0.04),
    "rate .50, 150 items, 3 seeds .10 apart": Arms(3, 150, 0.5, apart=0.1),
    "rate .80, 50 items, 3 seeds .10 apart": Arms(3, 50, 0.8, apart=0.1),
    "rate .20, 500 items, 5 seeds .10 apart": Arms(5, 500, 0.2, apart=0.1),
    "rate .95, 150 items, 3 seeds .03 apart": Arms(3, 150, 0.95, apart=0.03),
    "rate .30, 9 conditions × 25": Arms(1, 9, 0.3, answers=25, difficulty=1.0),
    "rate .30, 27 conditions × 25": Arms(1, 27, 0.3, answers=25),
    "rate .50, 27 conditions × 25, 3 seeds .04 apart": Arms(3, 27, 0.5, apart=0.04, answers=25),
    "rate .05, 27 conditions × 25": Arms(1, 27, 0.05, answers=25),
    "rate .05, 9 conditions × 25": Arms(1, 9, 0.05, answers=25),
    "difference .10, 50 items": Arms(1, 50, 0.6, 0.5),
    "difference .00 at rate .05, 50 items": Arms(1, 50, 0.05, 0.05),
    "difference .25, 500 items": Arms(1, 500, 0.75, 0.5),
    "difference .25, 150 items, 2 seeds alike": Arms(2, 150, 0.75, 0.5),
    "difference .25, 150 items, 2 seeds .04 apart": Arms(2, 150, 0.75, 0.5, 0.04),
    "difference .25, 150 items, 2 seeds .10 apart": Arms(2, 150, 0.75, 0.5, 0.1),
    "difference .25, 150 items, 3 seeds alike": Arms(3, 150, 0.75, 0.5),
    "difference .25, 150 items, 3 seeds .04 apart": Arms(3, 150, 0.75, 0.5, 0.04),
    "difference .25, 150 items, 3 seeds .10 apart": Arms(3, 150, 0.75, 0.5, 0.1),
    "difference .25 from an untrained arm, 3 seeds .10 apart": Arms(
        3, 150, 0.75, 0.5, 0.1, once=True
    ),
    "difference .25, 150 items, 4 seeds .04 apart": Arms(4, 150, 0.75, 0.5, 0.04),
    "difference .25, 150 items, 5 seeds .10 apart": Arms(5, 150, 0.75, 0.5, 0.1),
    "difference .30, 9 conditions × 25": Arms(1, 9, 0.6, 0.3, answers=25),
    "difference .30, 27 conditions × 25": Arms(1, 27, 0.6, 0.3, answers=25),
    "difference .30, 9 conditions × 25, 3 seeds .04 apart": Arms(3, 9, 0.6, 0.3, 0.04, answers=25),
}


def ours(arms: Arms) -> Intervals:
    """The interval that the report takes for it."""
    return rates if arms.against is None else differences


def table() -> Iterator[str]:
    """Coverage case by case, as rows of Markdown."""
    yield "| case | percentile bootstrap | midspec |\n|---|---|---|"
    for name, arms in CASES.items():
        found = (coverage(arms, intervals, 20_000) for intervals in (bootstrap, ours(arms)))
        yield f"| {name} | {' | '.join(f'{100 * share:.1f}' for share in found)} |"


if __name__ == "__main__":
    print(*table(), sep="\n")
