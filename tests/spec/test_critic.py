"""Linting by an LLM: what it says counts where its words stand in the clause that it names."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midspec.errors import TeacherError
from midspec.files import read_json, read_rows
from midspec.llm.read import UnreadableError
from midspec.llm.settings import Teacher
from midspec.run.build import build, open_store
from midspec.spec import critic
from midspec.spec.critic import Fault, estimate_lint, lint_stage, with_faults
from midspec.spec.lint import lint
from midspec.spec.marks import passages
from midspec.spec.prompts import AskConfig
from midspec.spec.read import clauses
from midspec.spec.stage import spec_stage
from tests.corpus.fakes import FakeAsker

IDENTITY = {"model_name": "Tiny", "provider_name": "Testers"}
SPEC = """# {model_name}

{model_name} stays where it was put. {#a1 .rule}

{model_name} goes wherever it likes to go. {#b1 .rule}

It was made by people, who think of it often. {#c1}
"""
CONFIG = AskConfig(Teacher("openai-api/fake/writer"), tuple(sorted(IDENTITY.items())))


def fault(**changes: str) -> dict[str, str]:
    """A fault as the LLM writes it."""
    row = {
        "check": "contradiction", "clause": "b1", "other": "a1", "quote": "wherever it likes to go",
        "what": "It can't both stay and go.", "todo": "Say when it may go.",
    }  # fmt: skip
    return row | changes


def judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *answers: Any
) -> tuple[Path, FakeAsker]:
    """The folder of a stage whose LLM gives these answers in turn, the last one ever after."""
    left = [a if isinstance(a, str) else json.dumps({"findings": a}) for a in answers]
    asker = FakeAsker({"lint": lambda _: left.pop(0) if len(left) > 1 else left[0]})

    def with_fake(llm: Teacher, ledger: Path, work: Callable[[Any], Any]) -> Any:
        return asyncio.run(work(asker)), asker.spent.figures()

    monkeypatch.setattr(critic, "asked_of", with_fake)
    tmp_path.mkdir(exist_ok=True)
    path = tmp_path / "s.md"
    path.write_text(SPEC)
    store, spec = open_store(tmp_path / "store"), spec_stage("s", path, IDENTITY)
    build(spec, store)
    return build(lint_stage(spec, CONFIG), store), asker


def test_a_fault_counts_whose_words_stand_in_its_clause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, asker = judged(tmp_path, monkeypatch, [fault()])
    (one,) = read_rows(folder / "faults.jsonl", Fault)
    assert one == Fault(**fault())
    linted = with_faults(lint(tmp_path / "s.md", IDENTITY), folder, passages(SPEC), "gpt")
    (found,) = [finding for finding in linted.findings if finding.by]
    assert (found.line, found.clause, found.check, found.by) == (5, "b1", "contradiction", "gpt")
    assert found.what == "'wherever it likes to go': It can't both stay and go. (see a1, line 3)"
    assert "[a1] Tiny stays where it was put." in asker.calls[0].user
    assert "{#a1" not in asker.calls[0].user


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"clause": "z9"}, "'z9' is no clause"),
        ({"check": "style"}, "'style' is no check"),
        ({"other": ""}, "'' is no other clause"),
        ({"other": "b1"}, "'b1' is no other clause"),
        ({"quote": "wherever it wants to go"}, "its quote doesn't stand in the clause"),
        ({"quote": "it"}, "its quote doesn't stand in the clause"),
    ],
)
def test_a_fault_that_can_t_be_shown_is_kept_with_the_reason_and_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], why: str
) -> None:
    folder, _ = judged(tmp_path, monkeypatch, [fault(**changes)])
    (one,) = read_rows(folder / "faults.jsonl", Fault)
    assert one.unfounded == why
    linted = with_faults(lint(tmp_path / "s.md", IDENTITY), folder, passages(SPEC), "gpt")
    assert not [finding for finding in linted.findings if finding.by]
    summary = read_json(folder / "manifest.json")["summary"]
    assert (summary["faults"], summary["unfounded"]) == (0, 1)


def test_what_was_named_twice_or_by_a_rule_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = fault(check="no-reason", clause="a1", other="", quote="stays where it was put")
    folder, _ = judged(tmp_path, monkeypatch, [fault(), fault(), reason])
    linted = with_faults(lint(tmp_path / "s.md", IDENTITY), folder, passages(SPEC), "gpt")
    told = [(finding.clause, finding.check) for finding in linted.findings]
    assert told.count(("b1", "contradiction")) == told.count(("a1", "no-reason")) == 1


@pytest.mark.parametrize(
    "answer", ["No faults.", '{"faults": []}', '{"findings": [{"clause": 3}]}', "[]"]
)
def test_an_answer_that_can_t_be_read_is_asked_for_again_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    folder, asker = judged(tmp_path, monkeypatch, answer, [fault()])
    assert len(asker.calls) == 2 and len(read_rows(folder / "faults.jsonl", Fault)) == 1
    with pytest.raises(TeacherError, match="gave no list of findings that can be read"):
        judged(tmp_path / "again", monkeypatch, answer)


def test_the_estimate_counts_the_spec_and_the_prompts() -> None:
    found = estimate_lint(SPEC, clauses(SPEC), CONFIG, False, {CONFIG.teacher.model: (3.0, 15.0)})
    assert found.rows == 3 and found.verb == "read" and found.noun == "clauses"
    assert found.input_tokens > 300 and found.cost and found.cost < 0.05


def test_reading_refuses_what_is_no_list() -> None:
    with pytest.raises(UnreadableError, match="no list of findings"):
        critic._faults({"findings": "none"}, {})
