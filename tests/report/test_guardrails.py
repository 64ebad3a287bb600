"""What stands beside every arm: guardrails against the base arm, and values that moved too."""

from math import exp, isnan

import pytest

from midspec.records import Metric
from midspec.report.guardrails import Beside, beside
from midspec.report.scores import Measured

from .rows import AMERICA, measured

RIGHT = Metric("right answers", "guardrail")
LOSS = Metric("loss on ordinary text", "guardrail", high=12, chance=None, better="lower")
BROKEN = Metric("broken", "guardrail", chance=None, better="lower", measure="broken")
GOOD, POOR = [1.0] * 36 + [0.0] * 4, [1.0] * 20 + [0.0] * 20


def cells(
    *found: Measured,
    values_of: dict[str, list[str]] | None = None,
    carriers: dict[str, list[str]] | None = None,
    base: str = "base",
    blind: dict[tuple[str, str], str] | None = None,
) -> dict[tuple[str, str], Beside]:
    arms = dict.fromkeys(arm for one in found for arm in one.arms)
    bases = dict.fromkeys(arms, base)
    told = beside(found, list(arms), bases, values_of or {}, carriers or {}, blind or {})
    return {(cell.arm, cell.name): cell for cell in told}


def test_an_arm_that_is_clearly_worse_than_the_base_arm_is_marked() -> None:
    found = cells(measured({"base": [GOOD], "aft": [POOR], "msm": [GOOD]}, "capability", RIGHT))
    assert {arm: cell.worse for (arm, _), cell in found.items()} == {
        "base": False, "aft": True, "msm": False,
    }  # fmt: skip
    assert found["aft", "right answers"].value == 0.5


def test_better_than_base_is_no_mark_and_neither_is_a_measure_without_a_good_side() -> None:
    found = cells(measured({"base": [POOR], "aft": [GOOD]}, "capability", RIGHT))
    assert not found["aft", "right answers"].worse
    length = Metric("length", "guardrail", high=96, chance=None, better="", measure="length")
    found = cells(measured({"base": [[60.0] * 40], "aft": [[5.0] * 40]}, "manners", length))
    assert not found["aft", "length"].worse and found["aft", "length"].digits == 0


def test_perplexity_is_told_as_a_multiple_of_the_base_arm_s() -> None:
    base = [3.0 + n / 40 for n in range(40)]
    one = measured({"base": [base], "aft": [[x + 0.3 for x in base]]}, "perplexity", LOSS)
    found = {arm: cell for (arm, _), cell in cells(one).items()}
    assert found["aft"].kind == "ratio" and found["aft"].value == pytest.approx(exp(0.3))
    assert found["aft"].worse and found["base"].value == 1
    assert found["aft"].name == "ratio to the base arm"
    assert {cell.kind for cell in cells(one, base="").values()} == {"score"}
    more = [x + 0.001 + n % 3 / 1000 for n, x in enumerate(base)]
    little = measured({"base": [base], "aft": [more]}, "perplexity", LOSS)
    slight = cells(little)["aft", "ratio to the base arm"]
    assert slight.worse and slight.told == "perplexity 1.002×"


def test_an_arm_is_broken_where_most_of_its_seeds_are() -> None:
    found = cells(measured({"base": [[0.0]], "aft": [[1.0], [1.0], [0.0]]}, "manners", BROKEN))
    assert not found["base", "broken"].worse
    assert found["aft", "broken"].worse and found["aft", "broken"].kind == "broken"


def test_results_and_controls_without_a_floor_are_not_guardrails() -> None:
    plain = Metric("judged", "control", measure="judged")
    floor = Metric("trivial pairs answered", "control", floor=0.65)
    found = cells(
        measured({"base": [GOOD]}),
        measured({"base": [GOOD]}, "agentic", plain),
        measured({"base": [GOOD]}, "competence", floor),
    )
    assert set(found) == {("base", "trivial pairs answered")}


def test_sibling_drift_is_the_value_that_moved_most_of_those_not_trained_for() -> None:
    down = [0.0] * 40
    evals = [
        measured({"base": [POOR], "msm": [GOOD]}, AMERICA),
        measured({"base": [POOR], "msm": [down]}, "preference/novelty"),
        measured({"base": [POOR], "msm": [POOR]}, "preference/tradition"),
    ]
    drift = cells(*evals, values_of={"msm": ["america"]})["msm", "sibling drift"]
    assert (drift.note, drift.value, drift.worse) == ("novelty", -0.5, True)
    assert drift.kind == "change"
    own = cells(*evals, values_of={"msm": []}, carriers={"preference/novelty": ["msm"]})
    assert own["msm", "sibling drift"].note == "america"


@pytest.mark.parametrize("unread", ["msm", "base"])
def test_no_drift_is_told_where_an_arm_or_the_base_cannot_be_read(unread: str) -> None:
    evals = [
        measured({"base": [POOR], "msm": [GOOD]}, "preference/novelty"),
        measured({"base": [POOR], "msm": [POOR]}, "preference/tradition"),
    ]
    blind = {(unread, "preference/novelty"): "pairs 0.50, under 0.65"}
    told = cells(*evals, values_of={"msm": ["america"]}, blind=blind)
    assert told["msm", "sibling drift"].note == "tradition"
    both = blind | {(unread, "preference/tradition"): "pairs 0.50, under 0.65"}
    assert cells(*evals, values_of={"msm": ["america"]}, blind=both) == {}


@pytest.mark.parametrize("evaluation", ["preference/tea", "preference/tea.choices.jsonl"])
def test_a_variant_s_own_value_is_no_sibling_by_whatever_file_it_is_asked(evaluation: str) -> None:
    one = measured({"base": [POOR], "msm": [GOOD]}, evaluation)
    assert cells(one, values_of={"msm": ["tea-rules"]}) == {}
    assert cells(one, values_of={"msm": ["rain"]})["msm", "sibling drift"].note == "tea"


def test_there_is_no_drift_of_an_arm_that_nothing_trained_or_that_was_trained_for_all() -> None:
    one = measured({"base": [POOR], "msm": [GOOD]})
    assert cells(one) == {}
    assert cells(one, values_of={"msm": ["america"]}) == {}
    assert cells(one, values_of={"msm": []}, base="") == {}


def test_without_a_base_arm_nothing_is_worse() -> None:
    found = cells(measured({"aft": [POOR]}, "capability", RIGHT), base="")
    assert not found["aft", "right answers"].worse
    assert not isnan(found["aft", "right answers"].low)
