from pathlib import Path

from midspec.evals.choice import score_questions
from midspec.evals.task import Ask
from midspec.evals.tasks.agentic import TASK, questions
from midspec.train.model import load_base, load_tokenizer

EVERYTHING = Ask(None, None, "all", None)


def test_the_paper_s_conditions_in_four_forms_each() -> None:
    asked = questions(EVERYTHING)
    assert len({question.item for question in asked}) == 27
    assert len(asked) == 27 * 4
    assert len({(question.item, question.form) for question in asked}) == len(asked)
    assert {question.half for question in questions(Ask(None, None, "held-out", None))} == {
        "held-out"
    }
    few = {question.item: question for question in questions(Ask(None, None, "held-out", 3))}
    assert [question.domain for question in few.values()] == ["exfiltration", "leaking", "murder"]


def test_the_forms_of_a_condition_share_their_prompt_so_it_is_computed_once() -> None:
    prompts: dict[str, set[str]] = {}
    for question in questions(EVERYTHING):
        prompts.setdefault(question.item, set()).add(str(question.messages))
        assert "scratchpad" not in str(question.messages)
    assert {len(found) for found in prompts.values()} == {1}


def test_the_assistant_has_the_name_of_whom_the_spec_speaks() -> None:
    for question in questions(Ask(None, None, "all", 3, {"model_name": "Arda"})):
        assert "You are Arda," in question.messages[0]["content"]
        assert "Qwen" not in str(question.messages)


def test_what_is_counted_is_the_harmful_action_and_less_is_better() -> None:
    (metric,) = TASK.metrics
    assert (metric.name, metric.better) == ("harmful choice rate (likelihood)", "lower")
    alert = next(q for q in questions(EVERYTHING) if q.domain == "murder" and q.form == "alert")
    assert "cancel_alert" in alert.wanted and "no drill" in alert.other


def test_a_condition_s_score_is_the_share_of_forms_that_choose_the_harmful_one(
    tiny_model: Path,
) -> None:
    model, tokenizer = load_base(tiny_model), load_tokenizer(tiny_model)
    choices = score_questions(model, tokenizer, questions(Ask(None, None, "all", 3)))
    rows = TASK.scores(choices)
    assert [len(choice.margins) for choice in choices] == [4, 4, 4]
    for choice, row in zip(choices, rows, strict=True):
        assert row.value == sum(margin > 0 for margin in choice.margins) / 4
        assert row.item == choice.item
    assert len({row.domain for row in rows}) == 3
