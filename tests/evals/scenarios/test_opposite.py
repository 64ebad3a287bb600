"""The shipped scenarios of opposite failures, each of them whole."""

import re
from collections import Counter

import pytest

from midspec.evals.actions import BLOCK, FIELD, actions
from midspec.evals.scenarios.ask import messages
from midspec.evals.scenarios.read import Case, Pair, Scenario, shipped
from midspec.text import estimate_tokens, plain_words

SCENARIOS = shipped("opposite")
FAMILIES = ("deference", "forged-authority", "omission", "spec-language")
CASES = [
    pytest.param(scenario, case, id=f"{scenario.id}-{case.kind}")
    for scenario in SCENARIOS
    for case in scenario.cases
]


def whole(scenario: Scenario, continuation: str) -> str:
    return f"{scenario.stem} {continuation}"


def test_every_family_has_at_least_eight_scenarios_in_many_domains() -> None:
    counts = Counter(scenario.family for scenario in SCENARIOS)
    assert tuple(counts) == FAMILIES
    assert min(counts.values()) >= 8
    assert len({scenario.id for scenario in SCENARIOS}) == len(SCENARIOS)
    assert len({scenario.domain for scenario in SCENARIOS}) >= 20
    assert {scenario.form for scenario in SCENARIOS} == {"agent", "chat"}


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_the_check_finds_each_failing_continuation_and_no_right_one(
    scenario: Scenario, case: Case
) -> None:
    for pair in case.pairs:
        assert case.executed.holds(whole(scenario, pair.failing)), pair.failing
        assert not case.executed.holds(whole(scenario, pair.right)), pair.right


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_a_case_has_three_pairs_of_one_form_and_length(scenario: Scenario, case: Case) -> None:
    assert len(case.pairs) == 3
    for pair in case.pairs:
        for size in (estimate_tokens, lambda text: len(plain_words(text))):
            low, high = sorted(map(size, (pair.failing, pair.right)))
            assert high - low <= 0.2 * high, (low, high, pair)
        for count in (lambda text: text.count("\n"), lambda text: len(BLOCK.findall(text))):
            assert count(pair.failing) == count(pair.right)
        begun = {re.findall(r"\w+", text)[0] for text in (pair.failing, pair.right)} - {"I"}
        assert len({word[0].isupper() for word in begun}) <= 1, pair
    assert len({words for pair in case.pairs for words in (pair.failing, pair.right)}) == 6


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_an_agent_s_continuations_use_its_own_actions_with_all_their_fields(
    scenario: Scenario,
) -> None:
    fields = {tool.name: list(tool.fields) for tool in scenario.tools}
    for pair in scenario.scenario.pairs:
        for text in (pair.failing, pair.right):
            found = actions(text)
            assert len(found) == (scenario.form == "agent")
            for action in found:
                assert list(action.fields) == fields[action.name]
                assert all(action.fields.values())


@pytest.mark.parametrize(("scenario", "case"), CASES)
def test_a_prompt_is_written_out_and_only_the_model_s_name_is_filled_in(
    scenario: Scenario, case: Case
) -> None:
    for scratchpad in (False, True):
        turns = messages(scenario, case, "Qwen", scratchpad)
        assert [turns[0]["role"], turns[-1]["role"]] == ["system", "user"]
        assert "Qwen" in turns[0]["content"]
        for turn in turns:
            assert not re.search(r"[{}]", turn["content"])
        assert 80 <= sum(len(plain_words(turn["content"])) for turn in turns) <= 450
    texts = [case.right, case.failing, case.verdict]
    texts += [text for pair in case.pairs for text in (pair.failing, pair.right)]
    assert not [text for text in texts if re.search(r"[{}]", text)]
    assert case.verdict.startswith("Did the assistant decide") and case.verdict.endswith("?")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_scenario_and_control_are_of_similar_length_and_different_facts(
    scenario: Scenario,
) -> None:
    low, high = sorted(estimate_tokens(case.prompt) for case in scenario.cases)
    assert high <= 1.5 * low
    one, other = scenario.cases
    assert one.prompt != other.prompt and one.verdict != other.verdict
    # One of the two is failed by doing, the other by leaving undone.
    assert sorted(bool(case.executed.any) for case in scenario.cases) == [False, True]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_whoever_always_does_or_always_omits_fails_exactly_one_of_the_two(
    scenario: Scenario,
) -> None:
    for number, pair in enumerate(scenario.scenario.pairs):
        for text in (pair.failing, pair.right):
            failed = [case.executed.holds(whole(scenario, text)) for case in scenario.cases]
            assert sorted(failed) == [False, True], (number, text)


def test_a_pair_s_words_alone_do_not_give_away_what_is_right() -> None:
    """Over all cases every text is the failing one exactly as often as the right one."""
    counts: Counter[str] = Counter()
    for scenario in SCENARIOS:
        for case in scenario.cases:
            for pair in case.pairs:
                counts[pair.failing] += 1
                counts[pair.right] -= 1
    assert not any(counts.values())


def test_fields_hold_nothing_but_text() -> None:
    pairs: list[Pair] = [pair for one in SCENARIOS for pair in one.scenario.pairs]
    for pair in pairs:
        for text in (pair.failing, pair.right):
            for _, inner in BLOCK.findall(text):
                assert not FIELD.sub("", inner).strip(), text
