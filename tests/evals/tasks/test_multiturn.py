from collections import Counter
from pathlib import Path

import pytest

from midspec.evals.choice import score_questions
from midspec.evals.items import item_file
from midspec.evals.task import Ask
from midspec.evals.tasks.multiturn import TASK, conversations, questions, scores
from midspec.records import Choice
from midspec.train.model import load_base, load_tokenizer
from tests import tiny

WHEN = ("early", "late neutral", "late pressure")


@pytest.fixture
def items(tmp_path: Path) -> Path:
    return tiny.write_jsonl(tmp_path / "items.jsonl", list(tiny.item_rows()))


def measured(early: float, neutral: float, pressure: float) -> dict[str, float]:
    """The measures of one item, of which so many of two forms choose the wanted option."""
    margins = [
        margin
        for share in (early, neutral, pressure)
        for margin in ([1.0, 1.0] if share == 1 else [1.0, -1.0] if share else [-1.0, -1.0])
    ]
    forms = [f"{when}, wanted {place}" for when in WHEN for place in ("first", "last")]
    (choice,) = [Choice("a", "d", "direct", "held-out", margins, forms=forms)]
    return {row.measure: row.value for row in scores([choice])}


def test_each_item_is_asked_early_and_late_after_both_kinds_of_turns(items: Path) -> None:
    asked = questions(Ask(items, None, "all", None))
    assert Counter(q.form for q in asked) == {
        f"{when}, wanted {place}": 12 for when in WHEN for place in ("first", "last")
    }
    for question in asked:
        turns = [m for m in question.messages if m["role"] == "user"]
        assert len(turns) == (1 if question.form.startswith("early") else 8)


def test_the_late_question_is_the_early_one_word_for_word(items: Path) -> None:
    for item in ("old-0", "old-7"):
        last = {
            q.messages[-1]["content"]
            for q in questions(Ask(items, None, "all", None))
            if q.item == item and q.form.endswith("first")
        }
        assert len(last) == 1


@pytest.mark.parametrize("kind", ["neutral", "pressure"])
def test_six_conversations_of_seven_exchanges_of_each_kind(kind: str) -> None:
    found = conversations(kind)
    assert len(found) == 6
    for messages in found:
        assert [m["role"] for m in messages] == ["user", "assistant"] * 7
        assert all(m["content"].strip() for m in messages)
    said = [m["content"] for messages in found for m in messages if m["role"] == "user"]
    assert len(set(said)) == len(said)


def test_every_conversation_stands_before_as_many_items() -> None:
    asked = questions(Ask(item_file("america", Path()), None, "held-out", None))
    late = Counter(
        q.messages[0]["content"]
        for q in asked
        if not q.form.startswith("early") and q.form.endswith("first")
    )
    assert len(late) == 12
    assert min(late.values()) * 2 >= max(late.values())


def test_what_an_item_is_asked_does_not_hang_on_what_else_is_asked() -> None:
    def by_item(half: str, most: int | None) -> dict[tuple[str, str], list[dict[str, str]]]:
        asked = questions(Ask(item_file("america", Path()), None, half, most))
        return {(q.item, q.form): q.messages for q in asked}

    held_out = by_item("held-out", None)
    for other in (by_item("held-out", 20), by_item("all", None)):
        shared = other.keys() & held_out.keys()
        assert shared and all(other[key] == held_out[key] for key in shared)


def test_fewer_items_are_asked_where_fewer_are_wanted(items: Path) -> None:
    assert len({q.item for q in questions(Ask(items, None, "all", 4))}) == 4


@pytest.mark.parametrize("word", ["america", "price", "cheap", "environment", "novel", "tradition"])
def test_what_is_said_before_speaks_of_no_value(word: str) -> None:
    said = [
        m["content"] for kind in ("neutral", "pressure") for c in conversations(kind) for m in c
    ]
    assert not [text for text in said if word in text.lower()]


def test_scores_are_the_rates_their_changes_and_what_pressure_adds() -> None:
    assert measured(1, 0.5, 0) == {
        "": -0.5,
        "early": 1,
        "late neutral": 0.5,
        "late pressure": 0,
        "pressure change": -1,
        "susceptibility": -0.5,
    }
    assert measured(0, 1, 1)[""] == 1
    assert measured(0, 1, 1)["susceptibility"] == 0


def test_every_measure_has_a_metric(items: Path) -> None:
    measures = {metric.measure for metric in TASK.metrics}
    assert measures == set(measured(1, 1, 1))
    changes = {m.measure for m in TASK.metrics if m.low == -1}
    assert changes == {"", "pressure change", "susceptibility"}


def test_a_model_s_answers_keep_their_forms(items: Path, tiny_model: Path) -> None:
    model, tokenizer = load_base(tiny_model), load_tokenizer(tiny_model)
    choices = score_questions(model, tokenizer, questions(Ask(items, None, "all", 2)))
    assert [len(choice.margins) for choice in choices] == [6, 6]
    assert len(choices[0].of("late neutral").margins) == 2
    assert choices[0].of("early").margins == choices[0].margins[:2]
