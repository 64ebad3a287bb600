"""Every interval and test against experiments whose truth is known: nominal 95% covers 94 to 96%.

8,000 cases each leave a coverage of 95% a standard error of 0.25%; two of them are allowed for.
"""

from collections.abc import Sequence
from math import comb

import numpy as np
import pytest

from midspec.stats.claims import gap_closed, holm
from midspec.stats.intervals import difference, differences, wilson
from midspec.stats.power import Spread, detectable, groups_needed, seeds_needed, spread

from .simulations import CASES, Arms, bootstrap, coverage, ours

ERROR = 0.0025

# What no method tried here brings to 94 to 96%, with what it is; docs/statistics.md says why.
HARD = {
    "rate .05, 50 items": (0.96, 0.98),  # two or three answers in all
    "rate .05, 27 conditions × 25": (0.91, 0.94),  # a few conditions hold all that happens
    "rate .05, 9 conditions × 25": (0.90, 0.94),
    "rate .50, 27 conditions × 25, 3 seeds .04 apart": (0.95, 0.97),
    "difference .30, 9 conditions × 25, 3 seeds .04 apart": (0.95, 0.97),
    "difference .25, 150 items, 2 seeds .04 apart": (0.92, 0.96),
    "difference .25, 150 items, 2 seeds .10 apart": (0.92, 0.96),
}


@pytest.mark.parametrize("name", CASES)
def test_an_interval_of_95_percent_holds_the_truth_in_95_percent_of_cases(name: str) -> None:
    low, high = HARD.get(name, (0.94, 0.96))
    assert low - 2 * ERROR <= coverage(CASES[name], ours(CASES[name])) <= high + 2 * ERROR


def test_a_percentile_bootstrap_would_not() -> None:
    assert coverage(CASES["difference .25, 150 items, 3 seeds .10 apart"], bootstrap, 2_000) < 0.84
    assert coverage(CASES["rate .30, 9 conditions × 25"], bootstrap, 2_000) < 0.91


def test_wilson_covers_on_average_over_rates_and_never_falls_far() -> None:
    """Computed, not drawn: every number of successes with its probability."""
    rates_at = np.linspace(0.05, 0.95, 181)
    for trials in (25, 100, 300):
        found = [wilson(n, trials) for n in range(trials + 1)]
        covered = [
            sum(
                comb(trials, n) * rate**n * (1 - rate) ** (trials - n)
                for n, estimate in enumerate(found)
                if estimate.low <= rate <= estimate.high
            )
            for rate in rates_at
        ]
        assert 0.945 <= np.mean(covered) <= 0.96
        assert min(covered) > 0.92


@pytest.mark.parametrize("arms", [Arms(1, 150, 0.5, 0.5), Arms(3, 150, 0.5, 0.5, 0.04)])
def test_a_true_null_has_p_below_a_level_as_often_as_the_level_says(arms: Arms) -> None:
    *_, p = differences(arms.draw(8_000, np.random.default_rng(3)))
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.01 + 2 * ERROR)
    assert np.mean(p < 0.2) == pytest.approx(0.2, abs=0.04)
    assert np.mean(p < 0.00625) <= 0.00625 * 1.3 + 2 * 0.0009  # Holm's first step of eight


def _eight_nulls(seeds: int, draw: np.random.Generator) -> Sequence[float]:
    """One arm against eight others that it doesn't differ from: comparisons that hang together."""
    arm, *others = np.moveaxis(
        draw.normal(size=(seeds, 60, 9)) * 0.3
        + draw.normal(size=(1, 60, 9)) * 0.3
        + draw.normal(size=(seeds, 1, 9)) * 0.04 * (seeds > 1),
        2,
        0,
    )
    return [difference(arm - other).p for other in others]


@pytest.mark.parametrize("seeds", [1, 3])
def test_holm_calls_any_of_eight_nulls_shown_in_at_most_5_percent_of_experiments(
    seeds: int,
) -> None:
    draw = np.random.default_rng(seeds)
    found = [_eight_nulls(seeds, draw) for _ in range(600)]
    unadjusted = np.mean([min(ps) < 0.05 for ps in found])
    adjusted = np.mean([min(holm(ps)) < 0.05 for ps in found])
    assert unadjusted > 0.12  # which is why it is needed
    assert adjusted <= 0.05 + 2 * 0.009


def _arms(cases: int, seeds: int, draw: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Base .40, trained .55, reference .65 on 150 items: three fifths of the gap."""
    hard = draw.normal(0, 0.25, (cases, 1, 150))
    base, reference = (rate + hard + draw.normal(0, 0.2, hard.shape) for rate in (0.4, 0.65))
    trained = 0.55 + hard + draw.normal(0, 0.2, hard.shape)
    trained = trained + draw.normal(0, 0.2, (cases, seeds, 150))
    return trained + draw.normal(0, 0.03, (cases, seeds, 1)) * (seeds > 1), base, reference


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_gap_closed_holds_its_truth_in_95_percent_of_experiments(seeds: int) -> None:
    """Its interval holds a share where the test of that share finds nothing."""
    draw = np.random.default_rng(seeds)
    for one in zip(*_arms(20, seeds, draw), strict=True):
        trained, base, reference = one
        found = gap_closed(*one)
        tested = difference(trained - base - 0.6 * (reference - base))
        assert (found.low <= 0.6 <= found.high) == (not tested.clear)
    trained, base, reference = _arms(8_000, seeds, draw)
    _, low, high, _ = differences(trained - base - 0.6 * (reference - base))
    held = np.mean((low <= 0) & (high >= 0))
    assert 0.94 - 2 * ERROR <= held <= 0.96 + 2 * ERROR


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_the_detectable_difference_is_seen_four_times_out_of_five(seeds: int) -> None:
    made = Spread(groups=0.12, seeds=0.04**2, rest=0.1)
    least = detectable(made, 150, seeds)
    draw = np.random.default_rng(seeds)
    values = least + draw.normal(0, made.groups**0.5, (4_000, 1, 150))
    values = values + draw.normal(0, made.seeds**0.5, (4_000, seeds, 1)) * (seeds > 1)
    values += draw.normal(0, made.rest**0.5, (4_000, seeds, 150))
    _, low, _, _ = differences(values)
    assert np.mean(low > 0) == pytest.approx(0.8, abs=0.02)


def test_what_is_needed_for_a_difference_is_enough_and_hardly_more() -> None:
    made = Spread(groups=0.12, seeds=0.01**2, rest=0.1)
    groups = groups_needed(made, 0.1, 3)
    assert groups
    assert detectable(made, groups, 3) <= 0.1 < detectable(made, groups * 9 // 10, 3)
    seeds = seeds_needed(made, 0.1, 150)
    assert seeds
    assert detectable(made, 150, seeds) <= 0.1 < detectable(made, 150, seeds - 1)


def test_no_number_of_items_makes_up_for_seeds_that_differ() -> None:
    made = Spread(groups=0.12, seeds=0.05**2, rest=0.1)
    assert groups_needed(made, 0.1, 3) is None
    assert seeds_needed(made, 0.001, 150) is None


def test_the_spread_of_what_was_seen_is_the_spread_it_was_drawn_with() -> None:
    draw = np.random.default_rng(0)
    tables = [
        draw.normal(0, 0.4, (1, 300)) + draw.normal(0, 0.05, (5, 1)) + draw.normal(0, 0.3, (5, 300))
        for _ in range(60)
    ]
    found = spread(tables)
    assert (found.groups, found.seeds, found.rest) == pytest.approx((0.16, 0.0025, 0.09), rel=0.25)
