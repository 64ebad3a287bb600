"""Dose curves: how a score rises with the amount trained on, and which dose reaches a level.

Between two doses a curve is a line over the dose's logarithm. So the curve at any dose is a
weighted mean of two arms, item by item, and so is its slope; both are tested as differences are.
Axes besides those of `midspec.stats`: D doses, in rising order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan

import numpy as np
from numpy.typing import NDArray

from midspec.stats.intervals import Estimate, Table, difference, differences

STEPS = 48  # places between two doses where the curve is tested: 1.5% apart where a dose doubles


@dataclass(frozen=True)
class Reached:
    """The dose at which a curve reaches a level, and those that fit the answers.

    dose: nan where the curve doesn't reach it; the smallest dose that was trained where that is
    enough. low: 0 where even less may be enough. high: infinite where the largest may not be.
    """

    dose: float
    low: float
    high: float


def slope(values_DSG: NDArray[np.float64], doses: Sequence[float]) -> Estimate:
    """How much the mean rises for every doubling of the dose: the slope of a line through all
    doses, by least squares over their logarithms."""
    from_middle_D = np.log2(doses) - np.log2(doses).mean()
    weights_D = from_middle_D / (from_middle_D**2).sum()
    return difference(np.tensordot(weights_D, values_DSG, 1))


def reached(values_DSG: NDArray[np.float64], level_SG: Table, doses: Sequence[float]) -> Reached:
    """The first dose at which the curve reaches the level, which is an arm's own table, paired.

    A dose fits unless the curve is clearly under the level there and at all smaller ones, or
    clearly above it there and at all larger ones: the difference's own test, so nothing has to be
    resampled. Resampling three seeds would hold the truth in fewer cases (docs/analyses.md).
    """
    at_X, curve_XSG = _curve(values_DSG, np.log2(doses))
    means_X, low_X, high_X, _ = differences(curve_XSG - level_SG)
    if np.isnan(low_X).any():
        return Reached(nan, nan, nan)
    if means_X[0] >= 0:
        dose = float(doses[0])
    else:
        dose = _first_crossing(at_X, means_X) if (means_X >= 0).any() else nan
    maybe_enough, maybe_short = np.flatnonzero(high_X >= 0), np.flatnonzero(low_X <= 0)
    low = 2.0 ** at_X[maybe_enough[0]] if len(maybe_enough) else float(doses[-1])
    high = 2.0 ** at_X[maybe_short[-1]] if len(maybe_short) else float(doses[0])
    return Reached(
        dose,
        0.0 if len(maybe_enough) and maybe_enough[0] == 0 else float(low),
        inf if len(maybe_short) and maybe_short[-1] == len(at_X) - 1 else float(high),
    )


def _curve(
    values_DSG: NDArray[np.float64], log_D: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms of doses, close together, and the interpolated table at each."""
    place_X = np.linspace(0, len(log_D) - 1, STEPS * (len(log_D) - 1) + 1)
    below_X = np.minimum(place_X.astype(int), len(log_D) - 2)
    share_X11 = (place_X - below_X)[:, None, None]
    curve_XSG = (1 - share_X11) * values_DSG[below_X] + share_X11 * values_DSG[below_X + 1]
    return np.interp(place_X, np.arange(len(log_D)), log_D), curve_XSG


def _first_crossing(at_X: NDArray[np.float64], means_X: NDArray[np.float64]) -> float:
    first = int(np.argmax(means_X >= 0))
    short, over = -means_X[first - 1], means_X[first]
    at = at_X[first - 1] + (at_X[first] - at_X[first - 1]) * short / (short + over)
    return float(2.0**at)
