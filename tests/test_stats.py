import math

import numpy as np
import pytest

from midspec.stats import Estimate, bootstrap, detectable_difference, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),  # Newcombe (1998), table I, method 3
        (15, 148, 0.0624, 0.1605),
    ],
)
def test_wilson_agrees_with_published_intervals(
    successes: int, trials: int, low: float, high: float
) -> None:
    found = wilson(successes, trials)
    assert found.mean == successes / trials
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_wilson_without_trials_knows_nothing() -> None:
    found = wilson(0, 0)
    assert math.isnan(found.mean)
    assert (found.low, found.high) == (0.0, 1.0)


@pytest.mark.parametrize(("seeds", "seed_sd"), [(1, 0.0), (3, 0.04), (5, 0.04)])
def test_a_nominal_95_percent_interval_covers_the_truth_in_93_to_97_percent(
    seeds: int, seed_sd: float
) -> None:
    """Paired differences of 100 items: an item, a seed and chance each have an effect.

    Seeds differ by 0.04, as training runs do here. No resampling of three seeds can know how seeds
    vary that differ by 0.2: there, 80% of the intervals cover.
    """
    draw = np.random.default_rng(1)
    truth, covered = 0.1, 0
    for _ in range(400):
        values_SI = draw.normal(truth, 0.3, size=(seeds, 100))
        values_SI += draw.choice([-0.6, 0.0, 0.6], size=100, p=[0.3, 0.4, 0.3])
        values_SI += draw.normal(0, seed_sd, size=(seeds, 1))
        found = bootstrap(values_SI)
        covered += found.low <= truth <= found.high
    assert 0.93 <= covered / 400 <= 0.97


def test_pairing_by_item_narrows_the_interval() -> None:
    draw = np.random.default_rng(0)
    hard_I = draw.normal(0, 1, 100)
    ours, theirs = hard_I + 0.2 + draw.normal(0, 0.1, 100), hard_I + draw.normal(0, 0.1, 100)
    paired = bootstrap((ours - theirs)[None, :])
    one, other = bootstrap(ours[None, :]), bootstrap(theirs[None, :])
    assert paired.above_zero
    assert paired.high - paired.low < 0.2 * (one.high - one.low)
    assert one.low < other.high  # apart, nothing is shown


def test_the_same_answers_in_every_seed_are_no_more_evidence_than_in_one() -> None:
    values_1I = np.random.default_rng(1).normal(0, 1, (1, 60))
    one, three = bootstrap(values_1I), bootstrap(np.repeat(values_1I, 3, axis=0))
    assert three.mean == pytest.approx(one.mean)
    assert three.high - three.low == pytest.approx(one.high - one.low, rel=0.05)


def test_seeds_that_disagree_widen_the_interval() -> None:
    values_1I = np.random.default_rng(1).normal(0, 1, (1, 60))
    apart_SI = values_1I + np.array([[-1.0], [0.0], [1.0]])
    alike, apart = bootstrap(np.repeat(values_1I, 3, axis=0)), bootstrap(apart_SI)
    assert apart.high - apart.low > 1.5 * (alike.high - alike.low)


def test_the_interval_is_a_function_of_values_and_seed() -> None:
    values_SI = np.random.default_rng(2).normal(size=(2, 30))
    assert bootstrap(values_SI, 1) == bootstrap(values_SI, 1)
    assert bootstrap(values_SI, 1) != bootstrap(values_SI, 2)


def test_no_values_give_no_estimate() -> None:
    assert math.isnan(bootstrap(np.empty((1, 0))).mean)


def test_an_interval_that_touches_zero_is_not_above_it() -> None:
    assert Estimate(0.1, 0.01, 0.2).above_zero
    assert not Estimate(0.1, 0.0, 0.2).above_zero


def test_the_detectable_difference_has_80_percent_power() -> None:
    """Of true differences of that size, four in five are seen with an interval above 0."""
    least = detectable_difference(Estimate(0.3, 0.3 - 1.96 * 0.05, 0.3 + 1.96 * 0.05))
    seen = np.random.default_rng(0).normal(least, 0.05, size=20_000)
    assert np.mean(seen - 1.96 * 0.05 > 0) == pytest.approx(0.8, abs=0.01)
