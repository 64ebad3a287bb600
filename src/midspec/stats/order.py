"""How sure an order of several arms is: how often it would come out again."""

import numpy as np
from numpy.typing import NDArray

from midspec.stats.intervals import mean_squares

DRAWS = 10_000
ALIKE = 1e-12  # of two means; less is rounding


def kept(values_ASG: NDArray[np.float64], draws: int = DRAWS) -> float:
    """The probability that arms A have their true means in the order given, highest first.

    Means are drawn around those that were found, all arms together: with what groups contribute
    to each arm, and what seeds do with Student's t of so few seeds. That is the probability before
    anything is known of the means; it isn't corrected for the order being the one that came out.
    Arms that answer alike stand in either order as often.
    """
    arms, seeds, groups = values_ASG.shape
    if groups < 2:
        return float("nan")
    draw = np.random.default_rng(0)
    means_A = values_ASG.mean((1, 2))
    by_group_GA = values_ASG.mean(1).T - means_A
    shares = draw.normal(size=(draws, groups)) / np.sqrt(groups * (groups - 1))
    drawn_NA = means_A + shares @ by_group_GA * np.sqrt(_lasting(values_ASG))
    if seeds > 1:
        by_seed_SA = values_ASG.mean(2).T - means_A
        shares = draw.normal(size=(draws, seeds)) / np.sqrt(seeds * (seeds - 1))
        spread = np.sqrt(draw.chisquare(seeds - 1, (draws, 1)) / (seeds - 1))
        drawn_NA = drawn_NA + shares / spread @ by_seed_SA
    falls_NA = -np.diff(drawn_NA, axis=1)
    chances_NA = np.where(np.abs(falls_NA) < ALIKE, 0.5, falls_NA > 0)
    return float(chances_NA.prod(1).mean()) if arms > 1 else 1.0


def _lasting(values_ASG: NDArray[np.float64]) -> float:
    """The part of the variance between groups that lasts over seeds: the rest is counted there."""
    if values_ASG.shape[1] == 1 or len(values_ASG) == 1:
        return 1.0
    between, _, rest = mean_squares(-np.diff(values_ASG, axis=0))
    if not between.sum():
        return 1.0
    return float(np.maximum(between - rest, 0).sum() / between.sum())
