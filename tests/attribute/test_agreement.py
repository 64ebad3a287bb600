"""Rank agreement: known values, chance, and intervals that know of few groups."""

from itertools import permutations

import numpy as np
import pytest

from midspec.attribute.agreement import agreement, between, kendall, spearman


def test_known_values() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    y = np.array([1.0, 2.0, 3.0, 5.0, 4.0])
    assert kendall(x, y) == pytest.approx(0.8)  # one of ten pairs is the other way round
    assert spearman(x, y) == pytest.approx(0.9)
    assert [kendall(x, -x), spearman(x, -x)] == pytest.approx([-1, -1])


def test_ties_are_left_out_of_kendalls_scale() -> None:
    # Of three pairs one is tied on the right; τ-b is 2 / √(3 · 2).
    assert kendall(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0])) == pytest.approx(
        2 / 6**0.5
    )


def test_the_same_order_is_certain_only_as_far_as_chance_allows() -> None:
    one = np.arange(5.0)[None]
    found = agreement(kendall, one, one, draws=200)
    assert found.value == 1
    # Of 120 orders one is the same and one the reverse.
    assert found.p == pytest.approx(2 / 120)
    assert -1 < found.chance_low < -0.5 < 0.5 < found.chance_high < 1


def test_orders_by_chance_are_as_far_off_as_their_p_says() -> None:
    deal = np.random.default_rng(1)
    ps = [
        agreement(spearman, deal.normal(size=(1, 6)), deal.normal(size=(1, 6)), draws=1).p
        for _ in range(100)
    ]
    assert np.mean(np.array(ps) < 0.05) < 0.12
    assert np.mean(ps) > 0.4


def test_seeds_that_disagree_widen_the_interval() -> None:
    deal = np.random.default_rng(0)
    truth = np.arange(8.0)
    sure = truth + 0.01 * deal.normal(size=(3, 8))
    unsure = truth + 4 * deal.normal(size=(3, 8))
    narrow = agreement(spearman, truth[None], sure, draws=300)
    wide = agreement(spearman, truth[None], unsure, draws=300)
    assert wide.high - wide.low > narrow.high - narrow.low
    assert between(spearman, sure) > between(spearman, unsure)


def test_two_groups_and_values_that_never_vary_have_no_agreement() -> None:
    two = np.array([[1.0, 2.0]])
    flat = np.zeros((1, 5))
    assert np.isnan(agreement(kendall, two, two).value)
    assert np.isnan(agreement(spearman, np.arange(5.0)[None], flat).value)
    assert np.isnan(between(spearman, two))
    assert np.isnan(between(spearman, np.zeros((2, 0))))


def test_all_orders_of_few_groups_are_tried() -> None:
    x = np.array([3.0, 1.0, 2.0, 4.0])
    y = np.array([2.0, 1.0, 4.0, 3.0])
    found = agreement(kendall, x[None], y[None], draws=10)
    far = [
        abs(kendall(x, y[list(order)])) >= abs(kendall(x, y)) - 1e-9
        for order in permutations(range(4))
    ]
    assert found.p == pytest.approx(np.mean(far))
