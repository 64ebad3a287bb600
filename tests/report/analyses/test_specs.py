"""Spec by spec: transfer between values, MSM × AFT, and knowledge against behaviour."""

from dataclasses import replace

import pytest

from midspec.records import Metric
from midspec.report.analyses.all import analyse, as_csv, for_programs
from midspec.report.analyses.knowing import knowing
from midspec.report.analyses.pairings import pairings
from midspec.report.analyses.study import Study
from midspec.report.analyses.transfer import transfer

from ..grids import BASE, arm, by, measured, study
from ..rows import MARK, VERDICT

VALUES = ("america", "novelty", "tradition")
ALONE = {"base": BASE, "aft": arm(aft="cheese"), **{f"msm-{v}": arm(v) for v in VALUES}}
KNOWS = Metric("knowledge of the spec", chance=0.25)


def valued(own: float, sibling: float = 0.0) -> Study:
    """Three values' evals; an arm moves its own, and the tradition arm moves america too."""
    evals = [
        measured(
            by(ALONE, lambda p, v=v: 0.4 + own * (v in p.msm)  # type: ignore[misc]
               + sibling * (v == "america" and "tradition" in p.msm)),
            f"preference/{v}", draw=n,
        )
        for n, v in enumerate(VALUES)
    ]  # fmt: skip
    return study(ALONE, *evals)


def test_own_values_and_siblings_are_told_apart_and_adjusted_apart() -> None:
    found = transfer(valued(0.3, sibling=-0.2))
    assert found is not None
    rows = {(row.arm, row.value): row for row in found.rows if hasattr(row, "own")}
    assert {key for key, row in rows.items() if row.own} == {(f"msm-{v}", v) for v in VALUES}
    moved = rows["msm-tradition", "america"]
    assert moved.change.mean == pytest.approx(-0.2, abs=0.06)
    assert moved.shown
    assert any("msm-tradition moved preference/america by −0." in line for line in found.said)


def test_an_arm_ahead_on_its_own_value_is_said_to_be() -> None:
    found = transfer(valued(0.3))
    assert found is not None
    assert any("on its own value an arm is ahead of arms for other" in line for line in found.said)
    assert any("of a sibling is shown after Holm" in line for line in found.said)


def test_no_transfer_is_said_as_a_null() -> None:
    found = transfer(valued(0.0))
    assert found is not None
    assert any("no advantage of an arm on its own value" in line for line in found.said)
    assert any(line.startswith("None of 9 changes of a sibling") for line in found.said)


def test_rates_and_marks_make_no_common_advantage() -> None:
    rates = valued(0.3)
    marks = [
        replace(one, eval=f"open-qa/{v}", metric=MARK)
        for one, v in zip(rates.measured, VALUES, strict=True)
    ]
    found = transfer(study(ALONE, *rates.measured, *marks))
    assert found is not None
    specific = [row for row in found.rows if not hasattr(row, "own")]
    assert [(row.reach, len(row.evals)) for row in specific] == [(1.0, 3), (9.0, 3)]


def test_one_value_has_no_siblings() -> None:
    one = measured(dict.fromkeys(ALONE, 0.5), "preference/america")
    assert transfer(study(ALONE, one)) is None


RULES = ("rules", "values")
GRID = {
    "base": BASE,
    **{f"msm-{m}": arm(m) for m in RULES},
    **{f"aft-{a}": arm(aft=a) for a in RULES},
    **{f"{m}+{a}": arm(m, a) for m in RULES for a in RULES},
}


def paired(match: float) -> Study:
    rates = by(GRID, lambda p: 0.6 - 0.1 * bool(p.msm) - match * (bool(p.msm) and p.msm == p.aft))
    return study(GRID, measured(rates, "agentic", VERDICT))


def test_every_pairing_has_a_cell_and_each_stage_alone_stands_beside() -> None:
    found = pairings(paired(0.0))
    assert found is not None
    cells = {(row.msm, row.aft): row.arm for row in found.rows if hasattr(row, "arm")}
    assert cells["rules", "values"] == "rules+values"
    assert cells["rules", "none"] == "msm-rules" and cells["none", "values"] == "aft-values"
    assert cells["none", "none"] == "base"
    assert len(cells) == 9
    assert "the best of many looks better than it is" in found.said[0]


def test_whether_specs_should_match_is_told_with_an_interval() -> None:
    better, null = pairings(paired(0.2)), pairings(paired(0.0))
    assert better is not None and null is not None
    assert "pairings of one spec score −0.2" in better.said[1]
    assert "no difference between pairings of one spec and of two is shown" in null.said[1]


def test_sets_of_unlike_sizes_pair_when_taken_whole() -> None:
    points = {f"{m}+{a}": arm(m, a, chats=n) for m in RULES for a, n in (("rules", 80), ("b", 240))}
    found = pairings(study(points, measured(dict.fromkeys(points, 0.5), "agentic", VERDICT)))
    assert found is not None
    assert len(found.rows) == 4


def known(arms: int) -> Study:
    """Arms of which each knows more, and does more, than the one before."""
    points = {f"m{n}": arm(f"m{n}") for n in range(arms)}
    rates = {name: 0.2 + 0.6 * n / arms for n, name in enumerate(points)}
    return study(
        points, measured(rates, "knowledge/m0", KNOWS), measured(rates, "agentic", VERDICT, draw=1)
    )


def test_knowing_and_doing_correlate_over_arms() -> None:
    found = knowing(known(12))
    assert found is not None
    assert found.rows[0].correlation.mean > 0.8
    assert "over 12 arms: rank correlation 1.00 [0.9" in found.said[0]
    assert "(p < 0.001 after Holm’s correction)" in found.said[0]
    assert "On agentic lower is better" in found.said[0]


def test_few_arms_are_said_to_be_few() -> None:
    four, seven = knowing(known(4)), knowing(known(7))
    assert four is not None and seven is not None
    assert "With 4 arms there is no interval" in four.said[0]
    assert "7 arms are few" in seven.said[0]
    assert knowing(known(2)) is None


def test_knowledge_goes_with_the_value_that_it_is_about() -> None:
    rates = dict.fromkeys(ALONE, 0.5)
    evals = [measured(rates, f"preference/{v}") for v in VALUES]
    found = knowing(study(ALONE, measured(rates, "knowledge/america", KNOWS), *evals))
    assert found is not None
    assert {row.eval for row in found.rows} == {"preference/america"}


def test_programs_get_every_row_as_json_and_as_csv() -> None:
    sections = analyse(paired(0.2))
    told = for_programs(sections)
    assert list(told) == ["order", "stages", "stacking", "pairings"]
    row = told["stacking"][0]
    assert {"row", "eval", "arm", "gain", "gain_low", "gain_high", "gain_p", "p_holm"} <= set(row)
    files = as_csv(sections)
    assert list(files) == ["order", "stages", "stacking", "pairings", "pairings-match"]
    header, first, *_ = files["stacking"].splitlines()
    assert header.startswith("eval,arm,msm_alone,aft_alone,best,score,score_low,score_high")
    assert len(first.split(",")) == len(header.split(","))


def test_an_experiment_without_arms_to_compare_has_no_analysis() -> None:
    points = {"base": BASE}
    assert analyse(study(points, measured({"base": 0.5}, "agentic"))) == []
