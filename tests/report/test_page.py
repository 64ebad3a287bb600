"""How the report words what it found, and what its numbers look like."""

import pytest

from midspec.report.page import duration, headline, measure, number, pooled, signed
from midspec.report.tables import Difference, Result


def contrast(
    low: float, difference: float, high: float, *, tier: str = "all", against: str = "aft"
) -> Difference:
    return Difference(
        "preference/america", tier, "msm-america+aft", against, 126, 3,
        difference, low, high, 0.1, 0.05, 0.15,
    )  # fmt: skip


def result(seed: int | str, rate: float) -> Result:
    return Result("aft", "preference/america", "all", seed, 10, rate, 0.1, 0.2, 0.8, 0.9, 0.5)


def test_a_difference_above_zero_is_said_with_its_interval_items_and_seeds() -> None:
    assert headline([contrast(0.09, 0.18, 0.27)])[1] == (
        "On preference/america, msm-america+aft is above aft by 0.18 [0.09, 0.27] "
        "(126 items, 3 seeds)."
    )


def test_a_null_is_said_as_plainly_as_a_success() -> None:
    assert headline([contrast(-0.05, 0.03, 0.11)]) == [
        "The claim is not shown: On preference/america, no difference between msm-america+aft "
        "and aft is shown: 0.03 [−0.05, 0.11] (126 items, 3 seeds).",
        "On preference/america, no difference between msm-america+aft and aft is shown: "
        "0.03 [−0.05, 0.11] (126 items, 3 seeds).",
    ]


def test_a_difference_below_zero_is_not_called_a_null() -> None:
    assert (
        "msm-america+aft is below aft by 0.12 [0.04, 0.20]"
        in headline([contrast(-0.2, -0.12, -0.04)])[1]
    )


def test_what_could_not_be_measured_is_said_so() -> None:
    nan = float("nan")
    assert "msm-america+aft and aft could not be compared" in headline([contrast(nan, nan, nan)])[1]


def test_the_verdict_needs_every_difference() -> None:
    shown, null = (
        contrast(0.09, 0.18, 0.27),
        contrast(-0.05, 0.03, 0.11, against="msm-affordability"),
    )
    assert headline([shown, shown])[0] == (
        "The claim is shown: all 2 paired differences are above zero."
    )
    assert headline([shown, null])[0] == (
        "The claim is not shown: 1 of 2 paired differences is above zero."
    )
    assert headline([null, null])[0] == (
        "The claim is not shown: none of 2 paired differences is above zero."
    )
    assert headline([])[0].startswith("Nothing was compared")


def test_tiers_do_not_count_towards_the_verdict() -> None:
    rows = [contrast(0.09, 0.18, 0.27), contrast(-0.1, 0, 0.1, tier="revealed")]
    assert len(headline(rows)) == 2
    assert headline(rows)[0].startswith("The claim is shown")


def test_the_row_over_all_seeds_stands_for_an_arm_and_the_only_seed_where_there_is_one() -> None:
    assert [row.rate for row in pooled([result(0, 0.1), result(1, 0.3), result("all", 0.2)])] == [
        0.2
    ]
    assert [row.rate for row in pooled([result(0, 0.1)])] == [0.1]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (59.7, "1 min 00 s"), (860, "14 min 20 s"), (7_500, "2 h 05 min")],
)
def test_a_duration_is_told_as_a_person_would(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_numbers_carry_a_true_minus_and_nothing_is_neither_plus_nor_minus() -> None:
    assert [number(-0.05), number(-0.001), number(float("nan"))] == ["−0.05", "0.00", "–"]
    assert [signed(0.18), signed(-0.18), signed(0.001)] == ["+0.18", "−0.18", "0.00"]
    assert [measure(1204), measure(0.42131)] == ["1,204", "0.421"]
