"""What a reader is told to hold against the numbers."""

from dataclasses import replace
from typing import Any

from midspec.report.guardrails import Beside
from midspec.report.material import Training
from midspec.report.notes import notes
from midspec.report.scores import ALL, Measured

from .rows import RATE, VERDICT, contrast, measured, result


def told(half: str = "held-out", **parts: Any) -> str:
    names = ("measured", "rows", "differences", "beside", "blind", "corpora", "training")
    return "\n".join(
        notes(half, *(parts.get(name, {} if name == "blind" else []) for name in names))
    )


def test_the_half_is_said_first() -> None:
    assert told().startswith("Rates are over the held-out half of the items")
    assert told("development").startswith("Rates are over the development half")
    assert told(ALL).startswith("Rates are over all items")


def test_an_eval_without_the_half_is_named() -> None:
    one = measured({"aft": [[1.0, 0.0]]}, "small")
    whole = Measured(one.eval, RATE, one.scores, other_half=True)
    assert "small has no held-out half; it is reported whole." in told(measured=[whole])
    tuned = {
        key: [replace(row, half="development") for row in rows] for key, rows in one.scores.items()
    }
    only = Measured(one.eval, RATE, tuned, other_half=True)
    said = told(measured=[only])
    assert "small has no held-out half: what is reported is its development half" in said
    assert "whole" not in said


def test_an_eval_that_has_no_halves_is_named() -> None:
    one = measured({"aft": [[1.0]]}, "open-qa/calm")
    whole = {key: [replace(row, half="") for row in rows] for key, rows in one.scores.items()}
    said = told(measured=[Measured(one.eval, RATE, whole), measured({"aft": [[1.0]]}, "other")])
    assert "open-qa/calm has no halves: its rates are over all items." in said
    assert "no halves" not in told("all", measured=[Measured(one.eval, RATE, whole)])


def test_seeds_are_told_by_what_they_can_say() -> None:
    assert "There is one seed" in told(rows=[result(0.5)])
    two = [result(0.5), result(0.5, seed=1), result(0.5, seed=ALL)]
    assert "With two seeds an interval of 95% covers 92 to 98%" in told(rows=two)
    three = told(rows=[*two, result(0.5, seed=2)])
    assert "how 3 seeds do" in three and "two seeds" not in three


def test_what_cannot_be_read_is_told_once_for_evals_alike() -> None:
    weak, weaker = "pairs 0.50, under 0.65", "pairs 0.40, under 0.65"
    blind = {
        ("aft", "preference/a"): weak,
        ("msm", "preference/a"): weaker,
        ("aft", "preference/b"): weak,
        ("msm", "preference/b"): weaker,
        ("aft", "preference/c"): weak,
    }
    found = told(blind=blind)
    assert f"Not readable on preference/a, preference/b: aft ({weak}); msm ({weaker}). A" in found
    assert f"Not readable on preference/c: aft ({weak}). A" in found
    assert found.count("Not readable") == 2
    twins = {("aft", "dilemmas"): "told from twins 0.50, under 0.60"}
    assert "chooses by the form" in found and "chooses by the form" not in told(blind=twins)


def test_a_broken_arm_is_told() -> None:
    cells = [
        Beside("aft", "manners", "broken", "broken", 1.0, 0, 1, worse=True),
        Beside("msm", "manners", "broken", "broken", 0.0, 0, 1),
    ]
    assert "aft is broken" in told(beside=cells)
    assert "msm is broken" not in told(beside=cells)


def test_arms_that_decide_little_are_told_by_eval() -> None:
    rows = [
        result(0.5, decided=0.3),
        result(0.5, arm="msm", decided=0.4),
        result(0.5, arm="base", decided=0.9),
        result(0.5, arm="blind", decided=0.1, readable=False),
        result(0.5, arm="aft", eval="generated/x", decided=0.1, margin=float("nan")),
    ]
    assert (
        "On preference/america less than half of the items are decided by aft (0.30), msm (0.40):"
        in told(rows=rows)
    )
    assert "goes with the order of the options" in told(rows=rows)
    assert "generated/x" not in told(rows=rows)
    worded = told(rows=[result(0.5, eval="agentic", decided=0.3)])
    assert "goes with the wording" in worded and "order of the options" not in worded


def test_rates_near_an_end_over_few_conditions_have_intervals_that_are_too_short() -> None:
    one = measured({"aft": [[0.0] * 4]}, "am", VERDICT, group="c")
    assert "covers 91 to 94%" in told(measured=[one], rows=[result(0.05, eval="am")])
    assert "covers 91 to 94%" not in told(measured=[one], rows=[result(0.5, eval="am")])
    assert "covers 91 to 94%" not in told(rows=[result(0.05)])


def test_tiers_that_do_not_carry_the_claim_are_named() -> None:
    rows = [contrast(0.1, 0.2, 0.3), contrast(-0.1, 0.0, 0.1, tier="revealed")]
    assert (
        "On the revealed items alone (preference/america), 1 of 1 paired difference shown over all "
        "tiers is not shown"
    ) in told(differences=rows)
    shown = [contrast(0.1, 0.2, 0.3), contrast(0.1, 0.2, 0.3, tier="direct")]
    assert "items alone" not in told(differences=shown)


def test_a_tier_is_held_only_against_what_is_shown_over_all_and_can_be_read() -> None:
    null = [contrast(-0.1, 0.1, 0.3), contrast(-0.1, 0.0, 0.1, tier="near")]
    assert "items alone" not in told(differences=null)
    blind = [contrast(0.1, 0.2, 0.3, readable=False), contrast(-1, 0, 1, tier="far")]
    assert "items alone" not in told(differences=blind)
    nan = float("nan")
    single = [contrast(0.1, 0.2, 0.3), contrast(nan, 0.2, nan, tier="none")]
    assert "items alone" not in told(differences=single)


def test_a_held_out_loss_that_rises_again_is_told() -> None:
    def stage(*held_out: float) -> Training:
        return Training("midtrain old", 40, 6400, 3.0, 0.9, 64.0, held_out=held_out)  # type: ignore[arg-type]

    assert "held out rose from 2.00 to 2.50 in the end" in told(training=[stage(3.0, 2.0, 2.5)])
    assert "held out" not in told(training=[stage(3.0, 2.0, 2.03)])  # the noise of last steps
    assert "held out" not in told(training=[stage(3.0, 2.0, 2.0)])
