import math

import numpy as np
import pytest

from midspec.stats.claims import gap_closed, holm
from midspec.stats.intervals import Estimate, difference, group_table, rate, wilson
from midspec.stats.order import kept
from midspec.stats.student import critical, tail


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


@pytest.mark.parametrize(
    ("df", "x"),  # the tables' 97.5% points
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (8, 2.3060), (26, 2.0555), (100, 1.9840)],
)
def test_t_agrees_with_published_tables(df: int, x: float) -> None:
    assert tail(x, df) == pytest.approx(0.05, abs=2e-5)
    assert critical(np.array([0.0]), df, 1)[0] == pytest.approx(x, abs=2e-4)


def test_a_mixture_lies_between_its_two_distributions() -> None:
    half = critical(np.array([0.5]), 149, 2)[0]
    assert 1.976 < half < 4.303
    assert (tail(half, 149) + tail(half, 2)) / 2 == pytest.approx(0.05, abs=1e-5)


def test_pairing_by_item_narrows_the_interval() -> None:
    draw = np.random.default_rng(0)
    hard_I = draw.normal(0, 1, 100)
    ours, theirs = hard_I + 0.2 + draw.normal(0, 0.1, 100), hard_I + draw.normal(0, 0.1, 100)
    paired = difference((ours - theirs)[None])
    one, other = difference(ours[None]), difference(theirs[None])
    assert paired.above_zero
    assert paired.high - paired.low < 0.2 * (one.high - one.low)
    assert one.low < other.high  # apart, nothing is shown


def test_the_same_answers_in_every_seed_are_no_more_evidence_than_in_one() -> None:
    values_1I = np.random.default_rng(1).normal(0, 1, (1, 60))
    one, three = difference(values_1I), difference(np.repeat(values_1I, 3, axis=0))
    assert (three.mean, three.low, three.high) == pytest.approx((one.mean, one.low, one.high))


def test_seeds_that_disagree_widen_the_interval_by_more_than_their_spread() -> None:
    values_1I = np.random.default_rng(1).normal(0, 1, (1, 60))
    apart_SI = values_1I + np.array([[-1.0], [0.0], [1.0]])
    alike, apart = difference(np.repeat(values_1I, 3, axis=0)), difference(apart_SI)
    assert apart.high - apart.low > 4 * (alike.high - alike.low)


def test_p_is_below_a_level_where_the_interval_leaves_zero_out() -> None:
    draw = np.random.default_rng(2)
    for seeds in (1, 2, 3, 5):
        for _ in range(50):
            found = difference(draw.normal(0.1, 0.4, (seeds, 40)) + draw.normal(0, 0.1, (seeds, 1)))
            assert (found.p < 0.05) == found.clear


def test_a_rate_of_one_seed_is_nearly_wilson_s() -> None:
    values = np.zeros((1, 200))
    values[0, :30] = 1
    found, expected = rate(values), wilson(30, 200)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.002)


def test_repeats_of_few_conditions_say_less_than_as_many_items() -> None:
    conditions = np.repeat([[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]], 25, axis=0).ravel()
    names = [f"c{i % 6}" for i in range(150)]
    items = [str(i) for i in range(150)]
    clustered = rate(group_table([(conditions.tolist(), names)], sorted(set(names))))
    alone = rate(group_table([(conditions.tolist(), items)], items))
    assert clustered.mean == alone.mean == 0.5
    assert clustered.high - clustered.low > 4 * (alone.high - alone.low)


def test_a_rate_stays_in_its_bounds_where_all_answers_are_the_same() -> None:
    none, marks = rate(np.zeros((3, 100))), rate(np.full((1, 100), 10.0), 1.0, 10.0)
    assert none.low == 0 < none.high < 0.05
    assert marks.high == 10 > marks.low > 9.5


def test_differences_that_are_all_the_same_are_as_uncertain_as_their_bounds_allow() -> None:
    same = difference(np.zeros((1, 100)), reach=1.0)
    assert (same.mean, same.p) == (0.0, 1.0)
    assert same.high == -same.low == pytest.approx(0.038, abs=0.001)
    assert difference(np.ones((1, 100)), reach=1.0).high == 1.0
    assert difference(np.ones((1, 100)), reach=1.0).above_zero


def test_one_group_has_a_mean_and_no_interval() -> None:
    found = rate(np.array([[1.0], [0.0]]))
    assert found.mean == 0.5
    assert math.isnan(found.low) and math.isnan(found.high)
    assert not difference(np.ones((3, 1))).clear


def test_an_interval_that_touches_zero_is_not_above_it() -> None:
    assert Estimate(0.1, 0.01, 0.2).above_zero
    assert not Estimate(0.1, 0.0, 0.2).above_zero
    assert Estimate(-0.1, -0.2, -0.01).clear
    assert not Estimate(0.1, 0.0, 0.2).clear


def test_the_mean_over_unequal_groups_is_that_over_their_values() -> None:
    values, names = [1.0, 1.0, 1.0, 0.0], ["a", "a", "a", "b"]
    table_1G = group_table([(values, names)], ["a", "b", "c"])
    assert table_1G.mean() == 0.75
    assert table_1G[0, 2] == 0.75  # a group without values is as the mean: it adds nothing
    assert group_table([([1, 0, 1, 1], ["a", "a", "b", "b"])], ["a", "b"]).tolist() == [[0.5, 1.0]]


def test_holm_agrees_with_its_definition() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_was_not_tested_does_not_count_for_holm() -> None:
    found = holm([0.02, math.nan, 0.03])
    assert found[0] == 0.04 and math.isnan(found[1]) and found[2] == 0.04


def anchors(base: float, reference: float) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    hard_1I = draw.normal(0, 0.2, (1, 150))
    return base + hard_1I, reference + hard_1I + draw.normal(0, 0.2, (1, 150))


def test_the_gap_closed_is_the_share_of_the_way_to_the_reference() -> None:
    base, reference = anchors(0.4, 0.8)
    found = gap_closed(base + 0.5 * (reference - base), base, reference)
    assert found.mean == pytest.approx(0.5)
    assert found.low == pytest.approx(0.5, abs=1e-6) and found.high == pytest.approx(0.5, abs=1e-6)
    beyond = gap_closed(reference + 0.1, base, reference)
    assert beyond.low > 1


def test_a_gap_to_a_reference_below_the_base_closes_downwards() -> None:
    base, reference = anchors(0.8, 0.4)
    found = gap_closed(base - 0.1, base, reference)
    assert found.mean == pytest.approx(0.1 / (base - reference).mean())
    assert found.low < found.mean < found.high


def test_where_all_answers_are_alike_a_gap_is_as_sure_as_so_many_trials() -> None:
    base, reference = np.zeros((1, 50)), np.ones((1, 50))
    found = gap_closed(reference, base, reference, 1.0)
    assert found.mean == 1 and 0.8 < found.low < 0.99 and 1.01 < found.high < 1.3


def test_a_gap_that_is_not_clearly_there_is_undefined() -> None:
    base, reference = anchors(0.5, 0.51)
    assert math.isnan(gap_closed(base + 0.2, base, reference).mean)


def test_arms_that_answer_alike_stand_in_either_order_as_often() -> None:
    draw = np.random.default_rng(0)
    hard_I = draw.normal(0, 0.2, (1, 100))
    best, other = 0.9 + hard_I, 0.1 + hard_I
    assert kept(np.array([best, other])) == 1
    assert kept(np.array([best, other, other])) == pytest.approx(0.5)
