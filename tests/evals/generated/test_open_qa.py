import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midspec.evals.generated.open_qa import TASK, scores
from midspec.evals.logs import failures
from midspec.evals.task import Ask
from midspec.files import write_rows
from midspec.spec.read import clauses
from tests.corpus.fakes import PROSE
from tests.evals.judges import answered, on_a_bad_day, one_after_the_other, part, scored_log
from tests.tiny import write_jsonl

QUESTIONS = [
    {"id": f"q{n}", "topic": f"topic {n % 2}", "question": f"What of {n}?", "clauses": ["s1.p1"]}
    for n in range(6)
]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Six questions on two topics of a spec."""
    spec = tmp_path / "spec"
    spec.mkdir()
    (spec / "spec.md").write_text(PROSE, encoding="utf-8")
    write_rows(spec / "clauses.jsonl", clauses(PROSE))
    questions = write_jsonl(tmp_path / "questions.jsonl", QUESTIONS)
    return Ask(questions, spec, "held-out", None)


@pytest.fixture
def log(ask: Ask, tmp_path: Path) -> tuple[Any, Any]:
    """The task, and what a model answers."""
    task = TASK.task(ask)
    return task, answered(task, lambda asked: f"<think>Hm.</think>Of {asked}", tmp_path)


def mark(asked: str) -> str:
    """A mark that is the question's number plus two."""
    number = int(part(asked, "question").removeprefix("What of ").removesuffix("?"))
    return json.dumps({"reason": f"It is {number}.", "score": number + 2})


def test_a_row_for_each_mark_with_the_question_s_topic(log: tuple[Any, Any]) -> None:
    task, answers = log
    scored = scored_log(task, answers, mark)
    rows = scores(scored)
    assert [(row.item, row.domain, row.value) for row in rows] == [
        (f"q{n}", f"topic {n % 2}", n + 2.0) for n in range(6)
    ]
    (first, *_) = scored.samples
    assert first.scores["marked"].explanation == "It is 0."


def test_the_judge_has_the_spec_the_question_and_the_answer_without_its_thoughts(
    log: tuple[Any, Any],
) -> None:
    seen: list[str] = []

    def judge(asked: str) -> str:
        seen.append(asked)
        return mark(asked)

    scored_log(log[0], log[1], judge)
    assert len(seen) == 6
    for asked in seen:
        assert "weighs matter 2 of kind 2 with care" in part(asked, "spec")
        assert part(asked, "answer").startswith("Of What of ")
        assert "Hm." not in asked
        for anchor in ("- 10:", "- 7:", "- 5:", "- 3:", "- 1:"):
            assert anchor in asked


@pytest.mark.parametrize("bad", ["About 7, I'd say.", '{"score": 11}', '{"score": "8/10"}', "{}"])
def test_a_mark_that_cannot_be_read_is_counted_and_not_guessed(
    log: tuple[Any, Any], bad: str
) -> None:
    def judge(asked: str) -> str:
        return bad if "What of 4?" in asked else mark(asked)

    scored = scored_log(log[0], log[1], judge)
    assert [row.item for row in scores(scored)] == ["q0", "q1", "q2", "q3", "q5"]
    (failed,) = failures(scored)
    assert (failed["item"], failed["step"]) == ("q4", "marked")


def test_a_judge_that_refuses_stalls_or_writes_nonsense_on_a_fifth_costs_that_fifth_only(
    ask: Ask, tmp_path: Path, impatient: None
) -> None:
    many = [QUESTIONS[0] | {"id": f"q{n}", "question": f"What of {n}?"} for n in range(30)]
    task = TASK.task(replace(ask, items=write_jsonl(tmp_path / "many.jsonl", many)))
    faults = {f"What of {n}?": n // 5 for n in range(4, 30, 5)}

    def always(asked: str) -> str:
        return json.dumps({"reason": "So.", "score": 7})

    log = answered(task, lambda asked: f"Of {asked}", tmp_path)
    judge = on_a_bad_day(always, lambda asked: faults.get(part(asked, "question")))
    scored = scored_log(task, log, judge)
    rows, lost = scores(scored), failures(scored)
    assert (len(rows), {row.value for row in rows}) == (24, {7.0})
    assert [row["item"] for row in lost] == [f"q{n}" for n in range(4, 30, 5)]
    reasons = [str(row["reason"]).partition(":")[0] for row in lost]
    unread, stalled = "no verdict could be read", "the grader did not answer"
    assert reasons == [unread, stalled, unread] * 2


def test_a_judge_is_asked_once_more_and_told_what_was_wrong(log: tuple[Any, Any]) -> None:
    said = one_after_the_other("Seven.", '{"reason": "Fine.", "score": 7}')
    seen: list[str] = []

    def judge(asked: str) -> str:
        if "What of 4?" not in asked:
            return mark(asked)
        seen.append(asked)
        return said(asked)

    rows = scores(scored_log(log[0], log[1], judge))
    assert [row.value for row in rows if row.item == "q4"] == [7.0]
    assert "could not be read (no JSON object)" in seen[1]


def test_without_an_answer_there_is_nothing_to_judge(ask: Ask, tmp_path: Path) -> None:
    task = TASK.task(ask)
    answers = answered(task, lambda asked: "<think>Not done yet", tmp_path)
    scored = scored_log(task, answers, lambda asked: pytest.fail("asked"))
    assert scores(scored) == []
    assert {row["reason"] for row in failures(scored)} == {"no answer"}


def test_at_most_so_many_are_spread_over_the_topics(ask: Ask) -> None:
    few = TASK.task(Ask(ask.items, ask.spec, ask.half, 3))
    assert [sample.id for sample in few.dataset] == ["q0", "q2", "q4"]
