from collections import Counter

from midspec.evals.items import read_item_set, shipped
from midspec.evals.task import Ask
from midspec.evals.tasks.capability import TASK, questions

EVERYTHING = Ask(None, None, "all", None)
ITEMS = read_item_set(shipped("capability.jsonl"))


def test_120_questions_of_five_kinds_and_60_sums() -> None:
    assert Counter(item.tier for item in ITEMS) == {
        "general knowledge": 24,
        "science": 24,
        "commonsense": 24,
        "word meaning": 24,
        "reading": 24,
        "arithmetic": 60,
    }
    steps = Counter(item.domain for item in ITEMS if item.tier == "arithmetic")
    assert steps == {"one step": 30, "two steps": 30}
    assert len({item.question for item in ITEMS}) == len(ITEMS)


def test_no_answer_is_given_away_by_its_length_or_by_standing_in_the_question() -> None:
    by_length = Counter(
        (len(item.aligned) > len(item.other)) - (len(item.aligned) < len(item.other))
        for item in ITEMS
    )
    assert abs(by_length[1] - by_length[-1]) <= 0.1 * len(ITEMS)
    for item in ITEMS:
        words = sorted(len(option.split()) for option in (item.aligned, item.other))
        assert words[1] - words[0] <= 2, item
        if item.tier not in ("reading", "arithmetic"):
            for option in (item.aligned, item.other):
                assert f" {option.lower()} " not in f"{item.question.lower()} ", item


def test_the_sums_are_right_and_the_wrong_results_near() -> None:
    one_step = [item for item in ITEMS if item.domain == "one step"]
    signs = {"+": "+", "-": "-", "times": "*", "divided by": "/"}
    for item in one_step:
        sum_ = item.question.removeprefix("What is ").removesuffix("?")
        for word, sign in signs.items():
            sum_ = sum_.replace(word, sign)
        assert eval(sum_) == int(item.aligned), item
    for item in ITEMS:
        if item.tier == "arithmetic":
            right, wrong = int(item.aligned), int(item.other)
            assert 0 < abs(right - wrong) <= max(20, right), item
            assert len(item.aligned) == len(item.other) or item.domain == "two steps", item


def test_questions_about_one_text_hang_together_and_are_in_one_half() -> None:
    asked = [question for question in questions(EVERYTHING) if question.tier == "reading"]
    groups: dict[str, set[str]] = {}
    for question in asked:
        groups.setdefault(question.group, set()).add(question.half)
    assert len(groups) == 12
    assert {len(halves) for halves in groups.values()} == {1}
    assert len({q.group for q in questions(EVERYTHING)}) == len(ITEMS) - 12


def test_a_question_names_neither_answer_and_is_asked_in_two_wordings() -> None:
    asked = questions(EVERYTHING)
    assert len(asked) == 2 * len(ITEMS)
    first, brief = (question.messages[0]["content"] for question in asked[:2])
    assert first == "What is the capital of Australia?"
    assert brief == f"{first} Answer in a few words."
    assert {question.stem for question in asked} == {"The answer is"}
    assert {q.half for q in questions(Ask(None, None, "held-out", None))} == {"held-out"}
    assert TASK.metrics[0].role == "guardrail"
