"""Open questions that an LLM writes from a spec: evenly over topics, none of them twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from midspec.errors import DataError, TeacherError
from midspec.evals.prompts import prompt
from midspec.evals.questions import (
    OpenQuestion,
    QuestionsConfig,
    _questions,
    questions_stage,
    read_questions,
)
from midspec.files import read_json
from midspec.llm.settings import Limits, Teacher
from midspec.run.build import build, open_store
from midspec.spec.read import clauses
from midspec.spec.stage import spec_stage
from midspec.write.lists import Lister
from midspec.write.sheet import make_sheet
from tests.corpus.fakes import IDENTITY, PROSE, FakeAsker
from tests.tiny import write_jsonl


def lister(asker: FakeAsker) -> Lister:
    sheet = make_sheet(PROSE, clauses(PROSE))
    return Lister(asker, sheet, IDENTITY, 0, prompt, 1)  # type: ignore[arg-type]


def written(n: int, asker: FakeAsker | None = None) -> list[OpenQuestion]:
    """The questions that the pretend teacher writes."""
    return asyncio.run(_questions(lister(asker or FakeAsker()), n))


def items(*texts: str) -> str:
    """A list as a teacher writes it."""
    return "\n".join(f"{n}. Item {text}: {text} [s1.p1]" for n, text in enumerate(texts, 1))


def test_as_many_as_asked_for_evenly_over_the_topics() -> None:
    questions = written(50)
    topics = Counter(question.topic for question in questions)
    assert len(questions) == len({q.id for q in questions}) == len({q.question for q in questions})
    assert len(questions) == 50
    assert len(topics) == 5 and set(topics.values()) == {10}
    ids = {clause.id for clause in clauses(PROSE)}
    assert all(question.clauses and set(question.clauses) <= ids for question in questions)


def test_the_teacher_has_the_spec_and_is_told_the_topic() -> None:
    asker = FakeAsker()
    written(12, asker)
    (topics,) = asker.of("topics")
    assert "[s1.p1] Tiny weighs matter 0 of kind 0" in topics.system
    assert all("Topic: " in call.user and "Tiny" in call.user for call in asker.of("questions"))


def test_a_question_that_repeats_another_is_replaced() -> None:
    turns = iter(
        [
            items("what do you hold about haste in a kitchen at night"),
            items("what do you hold about haste in a kitchen at night"),
            items("how would you weigh a slow answer against none at all"),
        ]
    )
    asker = FakeAsker(
        {
            "topics": lambda call: items("haste", "care"),
            "questions": lambda call: next(turns),
        }
    )
    questions = written(2, asker)
    assert [q.question[:8] for q in questions] == ["what do ", "how woul"]
    assert [q.topic for q in questions] == ["Item haste", "Item care"]


def test_a_teacher_that_has_no_more_is_taken_at_its_word() -> None:
    asker = FakeAsker(
        {
            "topics": lambda call: items("haste", "care"),
            "questions": lambda call: items("what of one", "what of two things here"),
        }
    )
    questions = written(40, asker)
    assert 1 <= len(questions) <= 4
    assert len(asker.of("questions")) < 30


def test_a_teacher_that_writes_no_list_is_one_sentence() -> None:
    bad = {step: lambda call: "I'd rather talk." for step in ("topics", "topics (repair)")}
    with pytest.raises(TeacherError, match="found no topics in the spec"):
        written(5, FakeAsker(bad))


def test_the_stage_writes_them_and_what_they_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = FakeAsker()

    @asynccontextmanager
    async def asking(teacher: Any, limits: Limits, ledger: Path, spent: Any) -> AsyncIterator[Any]:
        asker.spent = spent
        yield asker

    monkeypatch.setattr("midspec.llm.asker.asking", asking)
    path = tmp_path / "spec.md"
    path.write_text(PROSE, encoding="utf-8")
    config = QuestionsConfig("old", 12, Teacher("openai-api/fake/writer"), 0, **IDENTITY)
    root = open_store(tmp_path / "store")
    spec = spec_stage("old", path, IDENTITY)
    build(spec, root)
    folder = build(questions_stage(config, spec), root)
    assert len(read_questions(folder / "questions.jsonl")) == 12
    summary = read_json(folder / "manifest.json")["summary"]
    assert (summary["questions"], summary["topics"]) == (12, 2)
    assert summary["calls"] == len(asker.calls) and summary["cost"] > 0


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "holds no questions"),
        ([{"id": "a", "topic": "t", "question": "?"}] * 2, "has one id twice"),
        ([{"id": "a", "question": "?", "answer": "!"}], "row 1: has answer, id, question; a quest"),
    ],
)
def test_a_file_that_holds_no_questions_says_so(
    rows: list[dict[str, Any]], words: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=words):
        read_questions(write_jsonl(tmp_path / "q.jsonl", rows))
