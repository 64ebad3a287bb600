"""Shares by reason, arm and condition, their intervals, and what arms differ by."""

import numpy as np
import pytest

from midspec.evals.reasons.classify import Classified
from midspec.evals.reasons.merge import Driver, merge_overlapping
from midspec.evals.reasons.shares import ALL, Share, differences, shares, with_kinds
from midspec.stats.claims import holm
from midspec.stats.intervals import difference, rate, wilson

from .fakes import REASONS, driven

DRIVERS = merge_overlapping(REASONS, [], 0.75)
CLING = DRIVERS[:1]


def of_group(group: str, cling: int, of: int, arm: str = "base") -> list[Classified]:
    names = [("cling",)] * cling + [()] * (of - cling)
    return [driven(n, *own, arm=arm, group=group) for n, own in enumerate(names)]


def by(found: list[Share]) -> dict[tuple[str, str], Share]:
    return {(share.arm, share.group): share for share in found}


def test_a_condition_has_its_share_with_wilson_s_interval() -> None:
    found = by(shares(CLING, [*of_group("a", 3, 10), *of_group("b", 9, 10)]))
    seen, one = wilson(3, 10), found["base", "a"]
    assert (one.driven, one.of) == (3, 10)
    assert (one.share, one.low, one.high) == (seen.mean, seen.low, seen.high)


def test_over_all_conditions_it_is_conditions_that_vary() -> None:
    verdicts = [*of_group("a", 0, 100), *of_group("b", 50, 100), *of_group("c", 100, 100)]
    whole = by(shares(CLING, verdicts))["base", ALL]
    seen = rate(np.array([[0, 0.5, 1]]))
    assert (whole.share, whole.driven, whole.of) == (0.5, 150, 300)
    assert (whole.low, whole.high) == pytest.approx((seen.low, seen.high))
    assert whole.high - whole.low > 5 * (wilson(150, 300).high - wilson(150, 300).low)


def test_every_condition_has_the_same_weight_however_many_transcripts_it_has() -> None:
    base = [*of_group("a", 0, 30), *of_group("b", 10, 10)]
    other = [*of_group("a", 0, 10, "msm"), *of_group("b", 30, 30, "msm")]
    whole = by(shares(CLING, [*base, *other]))
    assert whole["base", ALL].share == whole["msm", ALL].share == 0.5
    assert (whole["base", ALL].driven, whole["base", ALL].of) == (10, 40)
    assert differences(CLING, [*base, *other], "base")[0].difference == 0


def test_of_one_condition_the_transcripts_say_how_sure_it_is() -> None:
    whole = by(shares(CLING, of_group("a", 3, 20)))["base", ALL]
    seen = wilson(3, 20)
    assert (whole.share, whole.low, whole.high) == (seen.mean, seen.low, seen.high)


def test_a_reason_that_is_nowhere_seen_has_an_interval_all_the_same() -> None:
    verdicts = [one for group in "abcd" for one in of_group(group, 0, 10)]
    whole = by(shares(CLING, verdicts))["base", ALL]
    assert whole.share == whole.low == 0 and whole.high > 0.1


def test_a_transcript_without_a_verdict_is_in_no_share() -> None:
    verdicts = [*of_group("a", 1, 2), driven(9, group="a", problem="no verdict")]
    assert by(shares(CLING, verdicts))["base", "a"].of == 2


def test_an_arm_s_difference_is_by_condition_over_those_that_both_have() -> None:
    base = [*of_group("a", 6, 10), *of_group("b", 8, 10), *of_group("only", 10, 10)]
    other = [*of_group("b", 3, 5, "msm"), *of_group("a", 1, 5, "msm"), *of_group("c", 5, 5, "msm")]
    (one,) = differences(CLING, [*other, *base], "base")
    seen = difference(np.array([[-0.4, -0.2]]), reach=1.0)
    assert (one.reason, one.arm, one.against, one.groups) == ("cling", "msm", "base", 2)
    told = (one.difference, one.low, one.high, one.p)
    assert told == pytest.approx((-0.3, seen.low, seen.high, seen.p))


def test_p_is_adjusted_for_the_reasons_of_an_arm() -> None:
    groups = "abcdefgh"
    base = [driven(n, "cling", "duty", group=g) for g in groups for n in range(4)]
    names = {"a": ["cling"], "b": ["duty"]}
    other = [driven(n, *names.get(g, []), arm="msm", group=g) for g in groups for n in range(4)]
    found = differences(DRIVERS, [*base, *other], "base")
    assert [one.holm for one in found] == holm([one.p for one in found])
    assert found[0].holm > found[0].p > 0


def test_no_difference_is_told_of_one_condition_of_one_arm_or_of_an_arm_without_verdicts() -> None:
    base, other = of_group("a", 6, 10), of_group("a", 1, 10, "msm")
    assert differences(CLING, [*base, *other], "base") == []
    two = [*base, *of_group("b", 6, 10)]
    assert differences(CLING, two, "base") == []
    assert differences(CLING, two, "none") == []


def test_each_kind_is_told_as_a_whole_before_its_reasons() -> None:
    reported = with_kinds(DRIVERS)
    assert [driver.id for driver in reported] == ["any misaligned", "cling", "duty", "yield"]
    any_of = reported[0]
    assert isinstance(any_of, Driver) and any_of.parts == ("cling", "duty")
    assert [any_of.drives(driven(0, name)) for name in ("cling", "duty", "yield")] == [
        True, True, False,
    ]  # fmt: skip
