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


def critical(share: Array, df: int, share_df: int) -> Array:
    """What |x| stays under in 95% of such a mixture's draws."""
    shares, xs = _curve(df, share_df)
    return np.interp(share, shares, xs)


@lru_cache(maxsize=64)
def _curve(df: int, share_df: int) -> tuple[Array, Array]:
    """Critical values between two t distributions, and the share at which each is the mixture's."""
    xs = np.linspace(_quantile(df), _quantile(share_df), 1000)
    one, other = tail(xs, df), tail(xs, share_df)
    if df == share_df:
        return np.array([0.0, 1.0]), xs[[0, -1]]
    return (LEVEL - one) / (other - one), xs


@lru_cache(maxsize=256)
def _quantile(df: int) -> float:
    low, high = 1.9, 13.0  # between the normal's 1.96 and Cauchy's 12.71
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle, df) > LEVEL else (low, middle)
    return high
