"""Rank agreement between two ways to attribute, against chance and with what it rests on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from math import nan

import numpy as np
from numpy.typing import NDArray

from midspec.stats.ranks import rank_correlation

Array = NDArray[np.float64]
DRAWS = 2_000
ALL_ORDERS = 7  # so many groups have 5,040 orders, which are all tried; of more, some are drawn
ORDERS = 10_000
FEWEST = 3  # groups; two have one of two orders

Measure = Callable[[Array, Array], float]


@dataclass(frozen=True)
class Agreement:
    """A rank correlation, its bootstrap interval over groups and seeds, the middle 95% of what
    orders by chance have, and how often one of these is at least as far from 0 (two-sided)."""

    value: float
    low: float
    high: float
    chance_low: float
    chance_high: float
    p: float


def spearman(x_K: Array, y_K: Array) -> float:
    """The correlation of ranks; nan where one side doesn't vary, or nothing is there."""
    return rank_correlation(list(x_K), list(y_K))


def kendall(x_K: Array, y_K: Array) -> float:
    """Kendall's τ-b: pairs in the same order less pairs in the other, ties left out of the scale;
    nan where one side doesn't vary."""
    a_KK, b_KK = np.sign(x_K[:, None] - x_K), np.sign(y_K[:, None] - y_K)
    scale = np.sqrt((a_KK**2).sum() * (b_KK**2).sum())
    return float((a_KK * b_KK).sum() / scale) if scale else nan


def agreement(measure: Measure, one_SK: Array, other_SK: Array, draws: int = DRAWS) -> Agreement:
    """How two tables of seeds × groups agree in the order of their means over seeds.

    Each draw of the bootstrap takes groups, and on each side seeds, with replacement. With few
    groups, or one seed, the interval is too narrow (see docs/attribution.md).
    """
    one_K, other_K = one_SK.mean(0), other_SK.mean(0)
    found = measure(one_K, other_K) if len(one_K) >= FEWEST else nan
    if np.isnan(found):
        return Agreement(nan, nan, nan, nan, nan, nan)
    deal = np.random.default_rng(0)

    def drawn() -> float:
        groups = deal.integers(len(one_K), size=len(one_K))
        if len(set(groups)) < FEWEST:
            return nan
        sides = [
            table_SK[deal.integers(len(table_SK), size=len(table_SK))].mean(0)[groups]
            for table_SK in (one_SK, other_SK)
        ]
        return measure(sides[0], sides[1])

    resampled = np.array([drawn() for _ in range(draws)])
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    by_chance = np.array([measure(one_K, other_K[order]) for order in _orders(len(one_K), deal)])
    below, above = np.quantile(by_chance, [0.025, 0.975])
    far = np.abs(by_chance) >= abs(found) - 1e-9
    extra = 0 if len(one_K) <= ALL_ORDERS else 1  # the order that was found is one of all
    p = (int(far.sum()) + extra) / (len(far) + extra)
    return Agreement(found, float(low), float(high), float(below), float(above), p)


def between(measure: Measure, table_SK: Array) -> float:
    """How well rows agree with each other: the mean over all pairs; nan for a single row. It bounds
    how well anything else can agree with one of them."""
    pairs = [measure(a, b) for a, b in combinations(table_SK, 2)]
    return float(np.mean(pairs)) if pairs else nan


def _orders(groups: int, deal: np.random.Generator) -> Sequence[NDArray[np.intp]]:
    if groups <= ALL_ORDERS:
        return [np.array(order) for order in permutations(range(groups))]
    return [deal.permutation(groups) for _ in range(ORDERS)]
