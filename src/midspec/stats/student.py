"""Student's t, and a mixture of two: what the mean of a few seeds and many items follows."""

from functools import lru_cache
from math import pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.05
MOST = 1000  # degrees of freedom; more change nothing that is printed

Array = NDArray[np.float64]


def tail(x: ArrayLike, df: int) -> Array:
    """The probability that |t| is above `x`, by its finite sum for whole degrees of freedom
    (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    df = min(df, MOST)
    angle = np.arctan(np.asarray(x, dtype=float) / sqrt(df))
    cos2, odd = np.cos(angle) ** 2, df % 2
    term = np.cos(angle) if odd else np.ones_like(angle)
    total = np.zeros_like(angle)
    for k in range(odd, df - 1, 2):
        total += term
        term = term * cos2 * (k + 1) / (k + 2)
    inside = np.sin(angle) * total
    outside: Array = 1 - ((angle + inside) * 2 / pi if odd else inside)
    return outside.clip(0.0, 1.0)


def mixed_tail(x: Array, share: Array, df: int, share_df: int) -> Array:
    """The tail of a mixture: `share` of it follows t with `share_df`, the rest t with `df`."""
    return (1 - share) * tail(x, df) + share * tail(x, share_df)


def critical(share: Array, df: int, share_df: int, level: float = LEVEL) -> Array:
    """What |x| stays under in all but `level` of such a mixture's draws."""
    shares, xs = _curve(df, share_df, level)
    return np.interp(share, shares, xs)


@lru_cache(maxsize=64)
def _curve(df: int, share_df: int, level: float) -> tuple[Array, Array]:
    """Critical values between two t distributions, and the share at which each is the mixture's."""
    xs = np.linspace(_quantile(df, level), _quantile(share_df, level), 1000)
    one, other = tail(xs, df), tail(xs, share_df)
    if df == share_df:
        return np.array([0.0, 1.0]), xs[[0, -1]]
    return (level - one) / (other - one), xs


@lru_cache(maxsize=256)
def _quantile(df: int, level: float) -> float:
    low, high = 0.0, 13.0  # Cauchy's at 5% is 12.71
    while tail(high, df) > level:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle, df) > level else (low, middle)
    return high
