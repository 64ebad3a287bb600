"""How the report words what it found, and what its numbers look like."""

import pytest

from midspec.report.wording import (
    duration,
    headline,
    interval,
    measure,
    number,
    p_value,
    score,
    signed,
    size,
)

from .rows import CHANGE, MARK, RATE, contrast

NAN = float("nan")


def test_a_difference_above_zero_is_said_with_its_interval_items_and_seeds() -> None:
    assert headline([contrast(0.09, 0.18, 0.27)])[1] == (
        "On preference/america, msm-america+aft is above aft by 0.18 [0.09, 0.27] "
        "(126 items, 3 seeds)."
    )


def test_a_null_is_said_as_plainly_as_a_success() -> None:
    assert headline([contrast(-0.05, 0.03, 0.11)]) == [
        "The claim is not shown: On preference/america, no difference between msm-america+aft "
        "and aft is shown: +0.03 [−0.05, 0.11] (126 items, 3 seeds).",
        "On preference/america, no difference between msm-america+aft and aft is shown: "
        "+0.03 [−0.05, 0.11] (126 items, 3 seeds).",
    ]


def test_a_difference_below_zero_is_not_called_a_null() -> None:
    assert (
        "msm-america+aft is below aft by 0.12 [0.04, 0.20]"
        in headline([contrast(-0.2, -0.12, -0.04)])[1]
    )


def test_what_could_not_be_measured_is_said_so() -> None:
    assert "msm-america+aft and aft could not be compared" in headline([contrast(NAN, NAN, NAN)])[1]


def test_the_verdict_needs_every_difference() -> None:
    shown, null = (
        contrast(0.09, 0.18, 0.27),
        contrast(-0.05, 0.03, 0.11, against="msm-affordability"),
    )
    assert headline([shown, shown])[0] == (
        "The claim is shown: both paired differences are above zero."
    )
    assert headline([shown, null])[0] == (
        "The claim is not shown: 1 of 2 paired differences is above zero."
    )
    assert headline([null, null])[0] == (
        "The claim is not shown: none of 2 paired differences is above zero."
    )
    assert headline([])[0].startswith("Nothing was compared")


def test_where_lower_is_better_the_claim_is_that_the_arm_is_below() -> None:
    less = contrast(-0.3, -0.2, -0.1, better="lower")
    more = contrast(0.1, 0.2, 0.3, better="lower")
    assert (
        headline([less, less])[0] == "The claim is shown: both paired differences are below zero."
    )
    assert "1 of 2 paired differences is below zero" in headline([less, more])[0]
    assert (
        "both paired differences are on the claimed side of zero"
        in (headline([less, contrast(0.1, 0.2, 0.3)])[0])
    )


def test_what_is_too_little_among_many_comparisons_is_said_so() -> None:
    rows = [contrast(0.01, 0.06, 0.11, p=0.03, p_holm=0.06)] * 2
    assert headline(rows)[0].startswith("The claim is shown")  # it needs all, so none is corrected
    assert headline(rows)[1].endswith(
        "Among 2 comparisons that isn’t enough by itself (p = 0.060 after Holm’s correction)."
    )


def test_an_arm_that_is_not_readable_leaves_the_claim_open_and_hides_nothing_of_the_rest() -> None:
    shown, null = contrast(0.1, 0.2, 0.3), contrast(-0.1, 0, 0.1)
    blind = contrast(0.1, 0.2, 0.3, readable=False)
    assert headline([shown, blind])[0] == (
        "The claim can’t be judged as a whole: 1 of 2 paired differences is above zero, and 1 "
        "can’t be read."
    )
    assert headline([blind, blind])[0] == (
        "The claim can’t be judged: no paired difference rests on readable answers."
    )
    assert "can’t be compared: not readable" in headline([shown, blind])[2]
    assert headline([shown, null, blind])[0] == (
        "The claim is not shown: 1 of 3 paired differences is above zero, and 1 can’t be read."
    )


def test_what_could_not_be_compared_leaves_the_claim_open_too() -> None:
    shown = contrast(0.1, 0.2, 0.3)
    missing = contrast(NAN, NAN, NAN, n=0, groups=0, seeds=0)
    unread = contrast(0.1, 0.2, 0.3, readable=False)
    assert headline([shown, missing])[0] == (
        "The claim can’t be judged as a whole: 1 of 2 paired differences is above zero, and 1 "
        "can’t be compared."
    )
    assert headline([shown, missing, unread])[0].endswith(", and 2 can’t be compared.")
    assert headline([missing])[0].startswith("The claim can’t be judged:")
    assert headline([missing])[1].endswith("could not be compared (0 items, 0 seeds).")


def test_what_is_clear_is_told_with_as_many_decimals_as_show_it() -> None:
    small = contrast(0.0008, 0.0021, 0.0034, n=10_000, groups=10_000)
    assert "by 0.002 [0.001, 0.003]" in headline([small])[1]
    assert "by 0.0022 [0.0004, 0.0031]" in headline([contrast(-0.0031, -0.0022, -0.0004)])[1]
    assert "+0.00 [0.00, 0.00]" not in headline([contrast(-0.001, 0.0, 0.001)])[1]


def test_items_without_an_answer_are_counted_as_missing() -> None:
    assert size(99, 100) == "99 of 100 items"
    assert size(100, 100) == "100 items"
    assert size(270, 27) == "270 answers to 27 conditions"


def test_tiers_and_other_measures_do_not_count_towards_the_verdict() -> None:
    rows = [
        contrast(0.09, 0.18, 0.27),
        contrast(-0.1, 0, 0.1, tier="revealed"),
        contrast(-0.1, 0, 0.1, measure="executed"),
    ]
    assert len(headline(rows)) == 2
    assert headline(rows)[0].startswith("The claim is shown")


def test_marks_are_told_with_one_decimal_and_repeats_as_answers_to_conditions() -> None:
    told = headline([contrast(0.52, 1.234, 2.01, reach=9.0, n=8100, groups=27)])[1]
    assert "by 1.2 [0.5, 2.0] (8,100 answers to 27 conditions, 3 seeds)" in told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (59.7, "1 min 00 s"), (860, "14 min 20 s"), (7_500, "2 h 05 min")],
)
def test_a_duration_is_told_as_a_person_would(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_numbers_carry_a_true_minus_and_nothing_is_neither_plus_nor_minus() -> None:
    assert [number(-0.05), number(-0.001), number(NAN)] == ["−0.05", "0.00", "–"]
    assert [signed(0.18), signed(-0.18), signed(0.001)] == ["+0.18", "−0.18", "0.00"]
    assert [measure(1204), measure(0.42131)] == ["1,204", "0.421"]


def test_a_score_is_told_by_its_scale() -> None:
    assert [score(0.123, RATE), score(7.28, MARK), score(0.1, CHANGE), score(-0.1, CHANGE)] == [
        "0.12",
        "7.3",
        "+0.10",
        "−0.10",
    ]


def test_what_has_no_interval_has_no_brackets() -> None:
    assert [interval(0.1, 0.2), interval(NAN, NAN)] == ["[0.10, 0.20]", ""]


def test_a_p_value_is_no_more_precise_than_it_is_worth() -> None:
    assert [p_value(0.0312), p_value(1e-9), p_value(NAN)] == ["0.031", "< 0.001", "–"]


def test_what_a_result_rests_on() -> None:
    assert [size(1, 1), size(126, 126), size(225, 9)] == [
        "1 item",
        "126 items",
        "225 answers to 9 conditions",
    ]
