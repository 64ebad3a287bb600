"""Rates, intervals and paired differences; each interval is at the 95% level."""

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
Z95 = 1.959964
Z80 = 0.841621

Table = NDArray[np.float64]  # seeds × items


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95% interval."""

    mean: float
    low: float
    high: float

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0


def wilson(successes: int, trials: int) -> Estimate:
    """A proportion with Wilson's interval, which holds near 0 and 1 too."""
    if trials == 0:
        return Estimate(float("nan"), 0.0, 1.0)
    rate, z2 = successes / trials, Z95**2
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 * sqrt(rate * (1 - rate) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return Estimate(rate, max(0.0, centre - half), min(1.0, centre + half))


def bootstrap(values_SI: Table, seed: int = 0) -> Estimate:
    """The mean over seeds and items with a percentile interval that resamples both.

    Items are resampled together over all seeds, since one item's answers hang together; seeds are
    resampled too when there are several. Pass differences of two arms for a paired interval.
    """
    if values_SI.size == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    seeds_RS, items_RI = _weights(*values_SI.shape, RESAMPLES, seed)
    means_R = np.einsum("rs,rs->r", seeds_RS, items_RI @ values_SI.T)
    low, high = np.quantile(means_R, [0.025, 0.975])
    return Estimate(float(values_SI.mean()), float(low), float(high))


@lru_cache(maxsize=16)
def _weights(seeds: int, items: int, resamples: int, seed: int) -> tuple[Table, Table]:
    """How often each seed and item is drawn in each resample; kept, for drawing is slow."""
    draw = np.random.default_rng(seed)
    items_RI = draw.multinomial(items, np.full(items, 1 / items), size=resamples) / items
    seeds_RS = draw.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
    return seeds_RS, items_RI


def detectable_difference(seen: Estimate) -> float:
    """The smallest true difference shown with 80% power, given the interval of one that was seen.

    An effect of (1.96 + 0.84) standard errors has its interval above 0 four times out of five.
    """
    standard_error = (seen.high - seen.low) / (2 * Z95)
    return (Z95 + Z80) * standard_error
