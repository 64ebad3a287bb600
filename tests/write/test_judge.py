"""How a judge is asked: twice before it counts as silent, with the same call under new samples."""

import asyncio
import json
from typing import Any

import pytest

from midspec.llm.asker import NotAnsweredError
from midspec.llm.ledger import Call
from midspec.llm.read import UnreadableError
from midspec.write.judge import ask_judge
from tests.corpus.fakes import FakeAsker, Say

CALL = Call("judge", 1, "m", "system", "user", 100, sample="7")
SCHEMA = '{"type": "object"}'


def good(found: dict[str, Any]) -> bool:
    if not isinstance(found.get("good"), bool):
        raise UnreadableError("no good")
    return bool(found["good"])


def ask(*said: str | Exception, structured: bool = False) -> tuple[bool | str, list[Call]]:
    """What comes of a judge that says these one after the other, and what it was asked."""
    left = list(said)

    def say(call: Call) -> str | Exception:
        return left.pop(0)

    steps: dict[str, Say] = {"judge": say}
    asker = FakeAsker(steps, structured=structured)
    try:
        found: bool | str = asyncio.run(ask_judge(asker, CALL, SCHEMA, good))  # type: ignore[arg-type]
    except UnreadableError as error:
        found = str(error)
    return found, asker.calls


def test_a_verdict_that_can_be_read_is_asked_for_once() -> None:
    found, calls = ask(json.dumps({"good": False}))
    assert found is False
    assert [call.sample for call in calls] == ["7.0"]


@pytest.mark.parametrize(
    ("first", "problem"),
    [
        ("Good.", "not JSON"),
        ('{"good": 1}', "no good"),
        ("I'm sorry, I can't.", "refused"),
    ],
)
def test_it_is_asked_once_more_and_then_there_is_none(first: str, problem: str) -> None:
    found, calls = ask(first, '{"good": true}')
    assert found is True
    assert [call.sample for call in calls] == ["7.0", "7.1"]
    found, calls = ask("Hm.", first)
    assert isinstance(found, str) and found.startswith(f"no verdict: {problem}")
    assert len(calls) == 2


def test_no_answer_is_no_verdict_and_no_reason_for_another() -> None:
    found, calls = ask(NotAnsweredError("timed out"), '{"good": true}')
    assert found == "no verdict: timed out"
    assert len(calls) == 1


def test_a_judge_that_takes_a_schema_is_given_it() -> None:
    for structured in (True, False):
        _, calls = ask('{"good": true}', structured=structured)
        assert calls[0].schema == (SCHEMA if structured else "")
