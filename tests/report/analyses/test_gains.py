"""What each stage did, and what both have over the better of the two alone."""

from dataclasses import replace

import pytest

from midspec.records import Metric
from midspec.report.analyses.stacking import _sentence, stacking
from midspec.report.analyses.stages import stages
from midspec.report.scores import Measured

from ..grids import BASE, arm, measured, study
from ..rows import AMERICA, VERDICT

POINTS = {
    "base": BASE,
    "mix": arm(mix=("chat",)),
    "aft": arm(aft="cheese", mix=("chat",)),
    "msm": arm("america"),
    "both": arm("america", "cheese", mix=("chat",)),
}
GAINS = {"base": 0.3, "mix": 0.32, "aft": 0.4, "msm": 0.45, "both": 0.7}
LOSSES = {name: 1 - rate for name, rate in GAINS.items()}


def asked(rates: dict[str, float] = GAINS, **how: object) -> Measured:
    return measured(rates, **how)


def test_a_gain_is_over_the_better_of_the_two_alone() -> None:
    one = asked()
    found = stacking(study(POINTS, one))
    assert found is not None
    (row,) = found.rows
    assert (row.arm, row.msm_alone, row.aft_alone, row.best) == ("both", "msm", "aft", "msm")
    assert row.gain.mean == pytest.approx(min(row.over_msm.mean, row.over_aft.mean))
    assert row.gain.low == pytest.approx(min(row.over_msm.low, row.over_aft.low))
    assert row.shown
    assert found.said[0].startswith(f"On {AMERICA}, both gains +0.2")
    assert 0 < row.decided < 1


def test_where_lower_is_better_a_gain_is_below_zero() -> None:
    found = stacking(study(POINTS, asked(LOSSES, metric=VERDICT, evaluation="agentic")))
    assert found is not None
    (row,) = found.rows
    assert row.best == "msm"
    assert row.gain.high < 0
    assert row.gain.mean == max(row.over_msm.mean, row.over_aft.mean)
    assert row.shown


def test_no_gain_and_a_loss_are_said_as_such() -> None:
    null = stacking(study(POINTS, asked({**GAINS, "both": 0.45})))
    loss = stacking(study(POINTS, asked({**GAINS, "both": 0.1})))
    assert null is not None and loss is not None
    assert "no stacking gain is shown over msm, the better alone" in null.said[0]
    assert "both is worse than msm alone by −0.3" in loss.said[0]


def test_a_loss_that_does_not_last_correction_is_no_gain() -> None:
    found = stacking(study(POINTS, asked({**GAINS, "both": 0.1})))
    assert found is not None
    (row,) = found.rows
    assert row.gain.clear and row.lost and not row.shown
    said = _sentence(replace(row, p_holm=0.06), 2)
    assert "both is worse than msm alone by −0.3" in said
    assert "Among 2 gains that isn’t enough by itself (p = 0.060" in said


def test_without_one_of_the_two_alone_there_is_no_gain() -> None:
    points = {name: point for name, point in POINTS.items() if name != "aft"}
    assert stacking(study(points, asked())) is None


def test_arms_for_another_value_stack_nothing() -> None:
    assert stacking(study(POINTS, asked(evaluation="preference/america"))) is not None
    points = {**POINTS, "other": arm("novelty")}
    assert stacking(study(points, asked(evaluation="preference/novelty"))) is None


def test_an_arm_that_cannot_be_read_is_no_control() -> None:
    blind = {("msm", AMERICA): "why"}
    assert stacking(study(POINTS, asked(), blind=blind)) is None


def test_each_stage_is_told_against_the_arm_that_lacks_it_alone() -> None:
    found = stages(study(POINTS, asked()))
    assert found is not None
    assert {(row.stage, row.arm, row.against) for row in found.rows} == {
        ("MSM", "both", "aft"),
        ("AFT", "both", "msm"),
        ("MSM", "msm", "base"),
        ("AFT", "aft", "mix"),
    }
    also = {(row.stage, row.arm): row.also for row in found.rows}
    assert also["AFT", "both"] == "chat"  # which msm hasn't seen either
    assert also["MSM", "both"] == also["AFT", "aft"] == also["MSM", "msm"] == ""
    row = next(row for row in found.rows if row.arm == "both" and row.stage == "MSM")
    assert row.difference.mean == pytest.approx(0.3, abs=0.06)
    assert row.p_holm >= row.difference.p


def test_stages_that_did_nothing_are_said_so() -> None:
    found = stages(study(POINTS, asked(dict.fromkeys(GAINS, 0.5))))
    assert found is not None
    assert found.said[0].startswith("None of 4 differences is shown after Holm’s correction")


def test_a_change_is_no_level_that_could_stack() -> None:
    change = Metric("change under pressure", low=-1, chance=0, better="")
    one = asked(evaluation="multiturn/america", metric=change)
    assert stacking(study(POINTS, one)) is None
    assert stages(study(POINTS, one)) is not None
