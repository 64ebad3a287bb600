"""What follows from several differences: p-values of many comparisons, the gap closed, and what an
arm has over the better of two others."""

from collections.abc import Callable, Sequence
from math import inf, isnan, nan

from midspec.stats.intervals import Estimate, Table, difference

STEPS = 25  # halvings of a bracket; leaves no error that is printed


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number (Holm 1979): rejecting those under .05 rejects any
    true null at all in at most 5% of experiments, however the comparisons hang together.

    One that is nan was not tested: it stays nan and doesn't count.
    """
    adjusted = list(ps)
    tested = sorted((place for place, p in enumerate(ps) if not isnan(p)), key=ps.__getitem__)
    highest = 0.0
    for rank, place in enumerate(tested):
        highest = max(highest, min(1.0, ps[place] * (len(tested) - rank)))
        adjusted[place] = highest
    return adjusted


def gap_closed(
    trained_SG: Table, base_SG: Table, reference_SG: Table, reach: float = inf
) -> Estimate:
    """(trained − base) / (reference − base), and which shares of the gap fit the answers.

    A share fits if (trained − base) − share × (reference − base) isn't clearly off 0, the same test
    as for a difference (Fieller's interval); p is that of no gap closed. It is undefined (nan)
    where the interval of reference − base holds 0: exactly there any share would fit, so a fixed
    smallest gap isn't needed. A small but certain gap gives a wide interval that says so itself.
    reach: how far two scores can be apart, which bounds what is said where all answers are alike.
    """
    whole_SG = reference_SG - base_SG
    anchors = difference(whole_SG, reach)
    if not anchors.clear:
        return Estimate(nan, nan, nan)
    gained_SG = trained_SG - base_SG
    share = float(gained_SG.mean() / whole_SG.mean())

    def fits(share: float) -> bool:
        return not difference(gained_SG - share * whole_SG, (1 + abs(share)) * reach).clear

    p = difference(gained_SG, reach).p
    return Estimate(share, _end(fits, share, -1), _end(fits, share, 1), p)


def smaller(one: Estimate, other: Estimate) -> Estimate:
    """The smaller of two differences: what an arm has over the better of two others.

    Its interval goes from the lower low end to the lower high end. Where the two others are alike,
    either may be the better one: then the truth is missed below less often than at 2.5% and above
    more often, by the same share; in total at most 5%, however the two differences hang together. p
    fits: of a gain it is the larger, since both must be shown; of a loss the smaller one below 0.
    """
    if isnan(one.mean) or isnan(other.mean):
        return Estimate(nan, nan, nan)
    losses = [found.p for found in (one, other) if found.mean < 0]
    return Estimate(
        min(one.mean, other.mean),
        min(one.low, other.low),
        min(one.high, other.high),
        min(losses) if losses else max(one.p, other.p),
    )


def _end(fits: Callable[[float], bool], inside: float, direction: int) -> float:
    """How far from `inside` in that direction a value still fits."""
    reach = 0.01
    while fits(inside + direction * reach) and reach < 1e6:
        inside, reach = inside + direction * reach, reach * 2
    outside = inside + direction * reach
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if fits(middle) else (inside, middle)
    return inside
