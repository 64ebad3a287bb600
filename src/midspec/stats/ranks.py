"""Rank correlation over arms: few points, so an exact test and a wide interval."""

from collections.abc import Sequence
from itertools import permutations
from math import atanh, isnan, nan, sqrt, tanh

import numpy as np
from numpy.typing import NDArray

from midspec.stats.intervals import Z95, Estimate

FEWEST = 5  # points; under it, any interval is nearly −1 to 1
ALL_ORDERS = 7  # so many points have 5,040 orders, which are all tried; more are drawn
DRAWS = 20_000


def spearman(xs: Sequence[float], ys: Sequence[float]) -> Estimate:
    """The rank correlation of points, its interval (Bonett and Wright 2000) and its p by
    permutation; nan where one of the two doesn't vary, the interval also under five points."""
    x_N, y_N = ranks(xs), ranks(ys)
    rho = rank_correlation(xs, ys)
    if len(x_N) < 3 or isnan(rho):
        return Estimate(nan, nan, nan)
    p = _p(x_N, y_N)
    if len(x_N) < FEWEST:
        return Estimate(rho, nan, nan, p)
    # Half a step short of 1: the same order in both would leave no room, and it is luck in part.
    most = 1 - 6 / (len(x_N) ** 3 - len(x_N))
    half = Z95 * sqrt((1 + rho**2 / 2) / (len(x_N) - 3))
    middle = atanh(min(max(rho, -most), most))
    return Estimate(rho, tanh(middle - half), tanh(middle + half), p)


def rank_correlation(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Spearman's ρ; nan where one side doesn't vary, or nothing is there."""
    x_N, y_N = ranks(xs), ranks(ys)
    varied = len(x_N) and x_N.std() and y_N.std()
    return float(np.corrcoef(x_N, y_N)[0, 1]) if varied else nan


def ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Ranks from 0; what is alike shares the mean of its ranks."""
    found = np.asarray(values, dtype=float)
    placed: NDArray[np.float64] = (found[:, None] > found).sum(1) + (
        (found[:, None] == found).sum(1) - 1
    ) / 2
    return placed


def _p(x_N: NDArray[np.float64], y_N: NDArray[np.float64]) -> float:
    """How often an order by chance is at least as far from 0, in either direction."""
    x_N = x_N - x_N.mean()
    if len(x_N) <= ALL_ORDERS:
        orders = np.array(list(permutations(y_N)))
        extra = 0
    else:
        draw = np.random.default_rng(0)
        orders = draw.permuted(np.tile(y_N, (DRAWS, 1)), axis=1)
        extra = 1  # the order that was found is one of them
    far = np.abs(orders @ x_N) >= abs(float(y_N @ x_N)) - 1e-9
    return (int(far.sum()) + extra) / (len(orders) + extra)
