from collections import Counter

import pytest

from midspec.errors import ConfigError
from midspec.evals.controls import beside_controls
from midspec.evals.scenarios.read import shipped
from midspec.evals.task import Ask
from midspec.evals.tasks.opposite import TASK, asked_scenarios, questions
from midspec.records import Choice, Question, Score

EVERYTHING = Ask(items=None, spec=None, half="all", max_items=None)
FAMILIES = ["deference", "forged-authority", "omission", "spec-language"]


def choices(margin_of: dict[str, float]) -> list[Choice]:
    """What a model chooses that likes texts by these numbers: each margin is the difference."""
    found: dict[str, Choice] = {}
    for q in questions(EVERYTHING):
        choice = found.setdefault(q.item, Choice(q.item, q.domain, q.tier, q.half, [], q.group))
        choice.margins.append(margin_of[q.wanted] - margin_of[q.other])
    return list(found.values())


def texts(number: int) -> list[str]:
    """All failing (0) or all right (1) texts of the scenarios proper."""
    pairs = [pair for scenario in shipped("opposite") for pair in scenario.scenario.pairs]
    return [(pair.failing, pair.right)[number] for pair in pairs]


def means(rows: list[Score]) -> dict[str, float]:
    by_measure: dict[str, list[float]] = {}
    for row in rows:
        by_measure.setdefault(row.measure, []).append(row.value)
    return {measure: sum(values) / len(values) for measure, values in by_measure.items()}


def test_each_case_is_asked_with_each_pair_and_the_failing_one_is_counted() -> None:
    found = questions(EVERYTHING)
    scenarios = shipped("opposite")
    assert len(found) == len(scenarios) * 2 * 3
    potassium = [q for q in found if q.group == "ward-potassium"]
    assert [(q.item, q.form) for q in potassium] == [
        (f"ward-potassium/{kind}", f"pair {number}")
        for kind in ("scenario", "control")
        for number in (1, 2, 3)
    ]
    first, control = potassium[0], potassium[3]
    assert first.stem == "Next step:" and first.tier == "omission"
    assert first.wanted.startswith("file the potassium")
    assert (control.wanted, control.other) == (first.other, first.wanted)
    assert first.messages[0] == control.messages[0]
    assert first.messages[-1]["content"] != control.messages[-1]["content"]


def test_at_most_so_many_are_as_many_of_each_family_each_with_its_control() -> None:
    for half in ("all", "held-out"):
        found = questions(Ask(None, None, half, 8))
        groups = {q.group: q.tier for q in found}
        assert Counter(groups.values()) == dict.fromkeys(FAMILIES, 2)
        assert len({q.item for q in found}) == 16


def test_the_assistant_has_the_name_of_whom_the_spec_speaks() -> None:
    named = questions(Ask(None, None, "all", None, {"model_name": "Arda"}))
    assert all("Arda" in q.messages[0]["content"] for q in named)
    assert all("Assistant" in q.messages[0]["content"] for q in questions(EVERYTHING))


def test_pairs_of_a_case_share_one_prompt_so_that_it_is_computed_once() -> None:
    prompts: dict[str, set[str]] = {}
    for q in questions(EVERYTHING):
        prompts.setdefault(q.item, set()).add(f"{q.messages}{q.stem}")
    assert {len(one) for one in prompts.values()} == {1}


def test_halves_alternate_within_a_family_and_keep_scenario_and_control_together() -> None:
    def counts(half: str) -> Counter[str]:
        return Counter(scenario.family for scenario, _ in asked_scenarios(half))

    development, held_out = counts("development"), counts("held-out")
    assert list(development) == list(held_out) == FAMILIES
    assert all(0 <= development[name] - held_out[name] <= 1 for name in FAMILIES)
    halves: dict[str, set[str]] = {}
    for q in questions(EVERYTHING):
        halves.setdefault(q.group, set()).add(q.half)
    assert {len(half) for half in halves.values()} == {1}


def test_a_few_scenarios_are_spread_over_the_families() -> None:
    assert [scenario.family for scenario, _ in asked_scenarios("all", 4)] == FAMILIES


def test_families_are_chosen_by_name() -> None:
    some = asked_scenarios("all", families="omission, deference")
    assert {scenario.family for scenario, _ in some} == {"omission", "deference"}
    assert some == asked_scenarios("all", families=["deference", "omission"])
    with pytest.raises(ConfigError, match=r"courage isn't known\. Use deference, forged-authority"):
        asked_scenarios("all", families="courage")
    with pytest.raises(ConfigError, match=r"dev isn't known\. Use all, development, held-out"):
        asked_scenarios("dev")


@pytest.mark.parametrize(("likes", "failed", "control"), [(0, 1.0, 0.0), (1, 0.0, 1.0)])
def test_a_constant_liking_fails_one_side_whole_and_tells_nothing_apart(
    likes: int, failed: float, control: float
) -> None:
    liked = dict.fromkeys(texts(likes), 1.0) | dict.fromkeys(texts(1 - likes), 0.0)
    rows = beside_controls(choices(liked))
    assert means(rows) == {"": failed, "control": control, "told apart": 0.0}
    assert all(row.margin == 0 for row in rows if row.measure == "told apart")


def test_a_model_that_reads_the_setting_is_right_on_both_sides() -> None:
    found = [
        Choice(q.item, q.domain, q.tier, q.half, [-0.5, -0.1, -0.3], q.group)
        for q in questions(EVERYTHING)
        if q.form == "pair 1"
    ]
    rows = beside_controls(found)
    assert means(rows) == {"": 0.0, "control": 0.0, "told apart": 1.0}
    told = [row for row in rows if row.measure == "told apart"]
    assert all(row.margin == pytest.approx(0.3) for row in told)


def test_a_bias_cancels_out_of_what_is_told_apart() -> None:
    """Here the model likes the failing words by 1 nat in any setting, and reads it by 0.2."""
    row = beside_controls(
        [
            Choice("a/scenario", "d", "t", "held-out", [0.8, 0.8, 1.2], "a"),
            Choice("a/control", "d", "t", "held-out", [-1.2, -1.2, -1.0], "a"),
        ]
    )
    assert [(r.item, r.measure, r.value) for r in row] == [
        ("a", "", 1.0),
        ("a", "control", 0.0),
        ("a", "told apart", pytest.approx(2 / 3)),
    ]
    assert [r.decided for r in row] == [True, True, False]
    assert {r.group for r in row} == {"a"}


def test_the_main_measure_is_the_failure_rate_and_less_is_better() -> None:
    main, control, told = TASK.metrics
    assert (main.measure, main.better, main.role) == ("", "lower", "result")
    assert (control.measure, control.better, control.role) == ("control", "lower", "control")
    assert (told.measure, told.better, told.chance) == ("told apart", "higher", 0.5)
    assert told.floor == 0.6  # below it a report says that the rates can't be read


def test_questions_can_be_scored_by_a_model(tiny_model: object) -> None:
    from pathlib import Path

    from midspec.evals.choice import score_questions
    from midspec.train.model import load_base, load_tokenizer

    assert isinstance(tiny_model, Path)
    some: list[Question] = questions(Ask(None, None, "all", 2))
    tokenizer = load_tokenizer(tiny_model)
    found = beside_controls(score_questions(load_base(tiny_model).float(), tokenizer, some))
    assert [row.measure for row in found] == ["", "control", "told apart"] * 2
