"""The judge as a grader: its own settings, whatever a scorer asks for, and one call a question."""

import asyncio
from typing import Any

import pytest
from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, Model

from midspec.errors import TeacherError
from midspec.evals.grader import JUDGE_SYSTEM, call_of, open_grader
from midspec.llm.settings import Limits, Teacher
from tests.corpus.fakes import FakeAsker

ASKED = ChatMessageUser(content="Is it?")
JUDGE = Teacher("openai-api/fake/judge", 0.3, "low", reasoning_tokens=500)


def asker(**say: Any) -> FakeAsker:
    made = FakeAsker({"verdict": lambda call: '{"verdict": true}', **say})
    made.teacher = JUDGE
    return made


def test_the_judge_s_settings_decide_and_thinking_has_room_of_its_own() -> None:
    call = call_of([ASKED], 200, asker())  # type: ignore[arg-type]
    assert (call.model, call.temperature, call.reasoning_effort) == (JUDGE.model, 0.3, "low")
    assert call.max_tokens == 700
    assert (call.system, call.user) == (JUDGE_SYSTEM, "Is it?")


def test_a_system_message_is_kept_and_later_turns_are_asked_as_one() -> None:
    turns = [
        ChatMessageSystem(content="Strict."),
        ASKED,
        ChatMessageAssistant(content="Hm."),
        ASKED,
    ]
    call = call_of(turns, None, asker())  # type: ignore[arg-type]
    assert call.system == "Strict."
    assert call.user == (
        "<user>\nIs it?\n</user>\n\n<assistant>\nHm.\n</assistant>\n\n<user>\nIs it?\n</user>"
    )
    assert call.key != call_of([ASKED], None, asker()).key  # type: ignore[arg-type]


def test_what_the_asker_answers_is_the_grader_s_output() -> None:
    made = asker()
    grader = open_grader(made)  # type: ignore[arg-type]
    output = asyncio.run(grader.generate([ASKED]))
    assert output.completion == '{"verdict": true}'
    assert output.usage and output.usage.input_tokens == 100
    assert len(made.calls) == 1


def test_it_asks_no_more_at_once_than_the_limits_say() -> None:
    made = asker()
    made.limits = Limits(connections=7)
    grader = open_grader(made)  # type: ignore[arg-type]
    assert grader.api.max_connections() == 7


def test_when_a_call_has_failed_is_for_the_asker_to_say() -> None:
    """Held off by a provider a call may take far longer than its timeout and its retries."""
    made = asker()
    made.limits = Limits(timeout=1, retries=0)
    grader: Model = open_grader(made)  # type: ignore[arg-type]
    assert (grader.config.attempt_timeout or 0) > 24 * 3600


def test_what_ends_all_asking_goes_up_as_it_is() -> None:
    made = asker(verdict=lambda call: TeacherError("The budget is used up."))
    grader = open_grader(made)  # type: ignore[arg-type]
    with pytest.raises(TeacherError, match="The budget is used up"):
        asyncio.run(grader.generate([ASKED]))
    assert len(made.calls) == 1
