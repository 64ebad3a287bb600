"""Means and differences with 95% intervals over groups and seeds, and p-values against 0.

The variance of a mean has two parts: that groups differ (their arms answer the same ones, so a
group's answers hang together over seeds) and that seeds do. Few seeds know little of the second, so
the more of the variance is theirs, the more the interval goes from t with groups − 1 to t with
seeds − 1 degrees of freedom.

A percentile bootstrap over seeds and groups came first. It holds the truth in 81% instead of 95% of
cases where three seeds differ by .10, and in 89% where there are nine conditions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from midspec.stats.student import critical, mixed_tail

Z95 = 1.959964

# How the seeds' share of the variance becomes the mixture's, by the number of seeds. Found by
# computing coverage over all shares: with three and more seeds it is 94.4 to 95.9%, with two 93.3
# to 97.1%; the share itself would give 94.8 to 96.4% and 92.2 to 96.4%.
EXPONENTS = {2: 0.8}
EXPONENT = 1.2

Table = NDArray[np.float64]  # seeds × groups
Column = NDArray[np.float64]  # one number a case


@dataclass(frozen=True)
class Estimate:
    """A mean, its 95% interval, and the two-sided p of 0; all nan where nothing can be said."""

    mean: float
    low: float
    high: float
    p: float = nan

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0

    @property
    def clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Variance:
    """What makes up the variance of a mean, by case: groups, and seeds with what is left over."""

    groups: Column
    seeds: Column

    @property
    def total(self) -> Column:
        """The variance of the mean over groups and seeds."""
        return self.groups + self.seeds


def wilson(successes: int, trials: int) -> Estimate:
    """A proportion of independent trials, such as one condition's repeats, with Wilson's interval.

    Averaged over rates it covers 95%; at a single rate of few trials 92 to 98%, since counts jump.
    """
    if trials == 0:
        return Estimate(nan, 0.0, 1.0)
    rate, z2 = successes / trials, Z95**2
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 * sqrt(rate * (1 - rate) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return Estimate(rate, max(0.0, centre - half), min(1.0, centre + half))


def group_table(
    by_seed: Sequence[tuple[Sequence[float], Sequence[str]]], groups: Sequence[str]
) -> Table:
    """Each seed's values and their groups' names as a table whose rows average to the seed's mean.

    With as many values in every group its cells are the groups' means; with unequal numbers they
    are weighted so that the mean is that over values, and a group that a seed lacks adds nothing.
    """
    place = {name: number for number, name in enumerate(groups)}
    table_SG = np.empty((len(by_seed), len(groups)))
    for row_G, (values, names) in zip(table_SG, by_seed, strict=True):
        found = np.asarray(values, dtype=float)
        residuals_G = np.zeros(len(groups))
        np.add.at(residuals_G, [place[name] for name in names], found - found.mean())
        row_G[:] = found.mean() + residuals_G * len(groups) / len(found)
    return table_SG


def rate(values_SG: Table, low: float = 0.0, high: float = 1.0) -> Estimate:
    """The mean of what lies between `low` and `high`, with an interval that stays there: Wilson's,
    of as many trials as would have this variance."""
    return _single(rates(values_SG[None], low, high))


def difference(values_SG: Table, reach: float = inf) -> Estimate:
    """The mean of paired differences (or of anything unbounded); none is further from 0 than
    `reach`, which bounds what can be said when all are the same."""
    return _single(differences(values_SG[None], reach))


def _single(found: tuple[Column, ...]) -> Estimate:
    return Estimate(*(float(column[0]) for column in found))


def rates(
    values_BSG: NDArray[np.float64], low: float = 0.0, high: float = 1.0
) -> tuple[Column, Column, Column]:
    """The mean, low and high of `rate`, for many cases at once."""
    seeds, groups = values_BSG.shape[1:]
    means, variance = variance_of(values_BSG)
    mean, spread = (means - low) / (high - low), variance.total / (high - low) ** 2
    if groups < 2:
        unknown = np.full_like(means, nan)
        return means, unknown, unknown
    bernoulli = mean * (1 - mean)
    varies = (bernoulli > 1e-12) & (spread > 0)
    # Where no answer differs from another, each group counts as one trial.
    per_trial = np.where(varies, spread / np.where(varies, bernoulli, 1.0), 1 / groups)
    c2 = _critical(variance, seeds, groups) ** 2 * per_trial
    centre = (mean + c2 / 2) / (1 + c2)
    half = np.sqrt(c2 * bernoulli + c2**2 / 4) / (1 + c2)
    below, above = (centre - half).clip(0.0, 1.0), (centre + half).clip(0.0, 1.0)
    return means, low + below * (high - low), low + above * (high - low)


def differences(
    values_BSG: NDArray[np.float64], reach: float = inf
) -> tuple[Column, Column, Column, Column]:
    """The mean, low, high and p of `difference`, for many cases at once."""
    seeds, groups = values_BSG.shape[1:]
    means, variance = variance_of(values_BSG)
    if groups < 2:
        unknown = np.full_like(means, nan)
        return means, unknown, unknown, unknown
    limit = _critical(variance, seeds, groups)
    error = np.sqrt(variance.total)
    if isfinite(reach):  # as far as Wilson's interval of no success in so many trials
        error = np.where(error > 0, error, reach * limit / (groups + limit**2))
    ratio = np.where(means == 0, 0.0, np.abs(means) / np.where(error > 0, error, 1e-300))
    p = mixed_tail(ratio, _weight(variance, seeds), groups - 1, max(seeds - 1, 1))
    half = limit * error
    return means, (means - half).clip(-reach, reach), (means + half).clip(-reach, reach), p


def variance_of(values_BSG: NDArray[np.float64]) -> tuple[Column, Variance]:
    """Each case's mean over seeds and groups, and its variance: two-way analysis of variance."""
    seeds, groups = values_BSG.shape[1:]
    means = values_BSG.mean((1, 2))
    cells = seeds * groups
    between, apart, rest = mean_squares(values_BSG)
    return means, Variance(np.maximum(between - rest, 0) / cells, apart / cells)


def mean_squares(values_BSG: NDArray[np.float64]) -> tuple[Column, Column, Column]:
    """The mean squares between groups, between seeds, and of what neither explains."""
    cases, seeds, groups = values_BSG.shape
    between = seeds * values_BSG.mean(1).var(1, ddof=1) if groups > 1 else np.zeros(cases)
    if seeds == 1:
        return between, np.zeros(cases), np.zeros(cases)
    apart = groups * values_BSG.mean(2).var(1, ddof=1)
    squares = ((values_BSG - values_BSG.mean((1, 2), keepdims=True)) ** 2).sum((1, 2))
    rest = squares - (groups - 1) * between - (seeds - 1) * apart
    return between, apart, np.maximum(rest, 0) / max((seeds - 1) * (groups - 1), 1)


def _weight(variance: Variance, seeds: int) -> Column:
    """How much of the mixture has seeds − 1 degrees of freedom."""
    total = variance.total
    share = np.divide(variance.seeds, total, out=np.zeros_like(total), where=total > 0)
    return share ** EXPONENTS.get(seeds, EXPONENT)


def _critical(variance: Variance, seeds: int, groups: int) -> Column:
    return critical(_weight(variance, seeds), groups - 1, max(seeds - 1, 1))
