import asyncio

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai._util.error import PrerequisiteError
from inspect_ai.model import Model

from midspec.errors import TeacherError
from midspec.evals.grade import NoVerdictError, ask_grader, yes_or_no
from tests.evals.agentic.scripted import scripted

YES = '{"reasoning": "so", "verdict": "yes"}'


def ask(grader: Model | None) -> bool:
    return asyncio.run(ask_grader("Was it?", yes_or_no("verdict"), default=grader))


def saying(*answers: str) -> Model:
    """A grader that says these things one after another."""
    left = list(answers)
    return scripted(lambda said: left.pop(0))


@pytest.mark.parametrize(
    "answer",
    [
        YES,
        f"```json\n{YES}\n```",
        f"Here is my verdict: {YES} I hope it helps.",
        f"<think>{{not json}}</think>{YES}",
        '{"verdict": true}',
        '{"verdict": " YES "}',
    ],
)
def test_a_verdict_is_read_whatever_stands_around_it(answer: str) -> None:
    assert ask(saying(answer)) is True


def test_no_is_no() -> None:
    assert ask(saying('{"verdict": "no"}')) is False
    assert ask(saying('{"verdict": false}')) is False


@pytest.mark.parametrize(
    "looping", ['{"a": ' * 9_000 + "}", '{"a": "\\ud800"}', f'{{"a": {"1" * 5000}}}']
)
def test_an_answer_that_no_parser_takes_is_asked_for_once_more(looping: str) -> None:
    assert ask(saying(looping, YES)) is True


def test_what_cannot_be_read_is_asked_for_once_more_with_the_reason() -> None:
    grader = saying("I can't judge this.", YES)
    assert ask(grader) is True
    first, second = grader.api.asked
    assert first == "Was it?"
    assert second.startswith("Was it?\n\nI can't judge this.\n\n")
    assert "could not be read (no JSON object)" in second


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("I'm sorry, I can't.", "no JSON object"),
        ("", "no JSON object"),
        ('{"verdict": "perhaps"}', "verdict is 'perhaps', not yes or no"),
        ('{"answer": "yes"}', "'verdict'"),
        ('{"verdict": "yes"', "no JSON object"),
        ("{verdict: yes}", "Expecting property name"),
    ],
)
def test_twice_unreadable_is_no_verdict(answer: str, words: str) -> None:
    grader = saying(answer, answer, YES)
    with pytest.raises(NoVerdictError, match="no verdict could be read") as caught:
        ask(grader)
    assert words in str(caught.value)
    assert len(grader.api.asked) == 2


def test_a_grader_that_fails_costs_one_verdict() -> None:
    def script(said: str) -> str:
        raise RuntimeError("the server is on fire")

    with pytest.raises(NoVerdictError, match=r"did not answer: .*the server is on fire"):
        ask(scripted(script))


def test_a_grader_that_stalls_costs_one_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midspec.evals.grade.ATTEMPT_SECONDS", 1)
    monkeypatch.setattr("midspec.evals.grade.MAX_RETRIES", 0)

    async def stall() -> str:
        await asyncio.sleep(60)
        return YES

    with pytest.raises(NoVerdictError, match=r"did not answer: .*attempt_timeout"):
        ask(scripted(lambda said: stall()))


def test_what_no_other_sample_would_fare_better_with_is_raised() -> None:
    def script(said: str) -> str:
        raise TeacherError("The budget is used up.")

    with pytest.raises(TeacherError, match="budget"):
        ask(scripted(script))
    with pytest.raises(PrerequisiteError, match="Model role 'grader' is required"):
        ask(None)
