"""Dose curves, and the chats that MSM saves."""

from math import isinf, isnan, log2

import pytest

from midspec.report.analyses.doses import dosing
from midspec.report.analyses.efficiency import efficiency
from midspec.report.analyses.study import Study, resolved

from ..grids import BASE, arm, by, measured, study
from ..rows import RATE

DOSES = (125, 250, 500, 1000, 2000)
POINTS = {
    "base": BASE,
    "msm": arm("america"),
    **{f"aft@{n}": arm(aft="cheese", chats=n) for n in DOSES},
    **{f"msm+aft@{n}": arm("america", "cheese", chats=n) for n in DOSES},
}


def asked(alone: float, after: float, head: float = 0.0) -> Study:
    """Rates that rise so much for every doubling, and what MSM has by itself."""

    def rate(point: object) -> float:
        chats, told = getattr(point, "aft_chats", None), bool(getattr(point, "msm", ()))
        rise = after if told else alone
        return 0.3 + head * told + (rise * log2(chats / 62.5) if chats else 0)

    return study(POINTS, measured(by(POINTS, rate), "agentic", RATE))


def test_a_curve_has_a_slope_by_doubling_and_says_whether_it_rises() -> None:
    found = dosing(asked(0.0, 0.08))
    assert found is not None
    slopes = {row.within: row.slope.mean for row in found.rows}
    assert slopes["MSM america, AFT cheese"] == pytest.approx(0.08, abs=0.02)
    flat, rising = found.said
    assert "no MSM, AFT cheese: no change with the dose is shown" in flat
    assert "MSM america, AFT cheese: the score rises with the dose: +0.0" in rising
    assert "(5 doses from 125 to 2,000 chats, 200 items, 3 seeds)" in rising


def test_an_arm_with_none_of_it_stands_at_0() -> None:
    found = dosing(asked(0.05, 0.05))
    assert found is not None
    at_none = {row.within: row.arm for row in found.rows if row.dose == 0}
    assert at_none == {"no MSM, AFT cheese": "base", "MSM america, AFT cheese": "msm"}


def test_documents_are_a_dose_as_well() -> None:
    points = {"base": BASE, **{f"m@{n}": arm("a", tokens=n) for n in (9_000, 18_000)}}
    found = dosing(study(points, measured({"base": 0.3, "m@9000": 0.4, "m@18000": 0.5}, "agentic")))
    assert found is not None
    assert [(row.unit, row.dose) for row in found.rows] == [
        ("tokens", 0), ("tokens", 9_000), ("tokens", 18_000),
    ]  # fmt: skip


def test_one_dose_is_no_curve() -> None:
    points = {"base": BASE, "aft": arm(aft="cheese")}
    assert dosing(study(points, measured({"base": 0.3, "aft": 0.4}, "agentic"))) is None


def test_a_dose_that_the_file_leaves_open_is_what_was_made() -> None:
    points = {"msm": arm("a", "b")}
    points["msm"] = points["msm"].__class__(("a",), None, ("b/reasoning",), None, "", "m", None)
    found = resolved(points, {"a": 70_123}, {"b": 61})["msm"]
    assert (found.msm_tokens, found.aft_chats) == (70_123, 61)
    assert resolved(points, {}, {})["msm"].msm_tokens is None


def test_the_chats_that_msm_saves_are_told_with_an_interval() -> None:
    """After MSM 125 chats score .46, what AFT alone takes 500 chats for."""
    found = efficiency(asked(0.05, 0.05, head=0.1))
    assert found is not None
    rows = {row.chats: row for row in found.rows}
    assert rows[2000].needed == pytest.approx(500, rel=0.35)
    assert rows[2000].needed_low < rows[2000].needed < rows[2000].needed_high
    assert rows[2000].fewer == pytest.approx(2000 / rows[2000].needed)
    assert "On agentic, aft@2000 scores" in found.said[0]
    assert "times as many [" in found.said[0]


def test_a_level_that_is_not_reached_is_said_so() -> None:
    found = efficiency(asked(0.1, 0.0))
    assert found is not None
    row = next(row for row in found.rows if row.chats == 2000)
    assert isnan(row.needed) and isinf(row.needed_high)
    assert "that isn’t reached with up to 2,000 chats" in found.said[0]
    assert row.words.text == "not reached" and row.times.text == "–"


def test_less_than_was_trained_may_be_enough() -> None:
    found = efficiency(asked(0.0, 0.0, head=0.3))
    assert found is not None
    row = next(row for row in found.rows if row.chats == 2000)
    assert (row.needed, row.needed_low) == (125, 0)
    assert row.words.text == "≤ 125"
    assert "(the fewest that were trained)" in found.said[0]
    assert row.times.text.startswith("≥ ") and "AFT alone takes at least " in found.said[0]
    assert "AFT alone doesn’t clearly get better with its dose" in found.said[0]


def test_without_a_curve_of_aft_alone_nothing_is_saved() -> None:
    one = asked(0.05, 0.05)
    points = {name: point for name, point in POINTS.items() if not name.startswith("aft")}
    assert efficiency(study(points, *one.measured)) is None
