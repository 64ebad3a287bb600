"""The process that calls: retries, what ends them, and that an answer is written before it is told.

Here the caller runs in the test's own process against a server that follows a script; test_asker
runs it as the process that it is.
"""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from midspec.llm.caller import Caller, Settings, UnansweredError, _wait, open_model
from midspec.llm.ledger import UNREADABLE, Answer, Call
from midspec.write.lists import LIST_SCHEMA

from .conftest import KEY
from .scripted import Reply, Scripted

MODEL = "openai-api/fake/writer"
CALL = Call("document", 1, MODEL, "The spec.", "Write.", 100, 0.9)
SETTINGS = Settings(MODEL, "", connections=5, timeout=5, retries=2, batch=False,
                    model_folder=None, price=None)  # fmt: skip


pytestmark = pytest.mark.filterwarnings("ignore:The 'initial' parameter:DeprecationWarning")


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    """Opening a model silences all logs of its process, which here is the tests'."""
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait between attempts."""
    monkeypatch.setattr("midspec.llm.caller._wait", lambda error, failed, held_off: 0.0)


def ask(*calls: Call, **changes: Any) -> list[Answer | UnansweredError]:
    """What becomes of calls that are made at once."""
    settings = replace(SETTINGS, **changes)

    async def work() -> list[Any]:
        caller = Caller(settings, open_model(settings))
        return await asyncio.gather(*map(caller.ask, calls), return_exceptions=True)

    return asyncio.run(work())


def ask_one(**changes: Any) -> Answer:
    (found,) = ask(CALL, **changes)
    assert isinstance(found, Answer), found
    return found


def unanswered(**changes: Any) -> UnansweredError:
    (found,) = ask(CALL, **changes)
    assert isinstance(found, UnansweredError), found
    return found


def test_an_answer_has_its_call_s_key_and_what_it_took(api: Scripted) -> None:
    found = ask_one(price=(3.0, 15.0))
    assert (found.key, found.step, found.model, found.sample) == (CALL.key, "document", MODEL, "0")
    assert (found.text, found.stop_reason, found.attempts) == ("Tea.", "stop", 1)
    assert (found.input_tokens, found.output_tokens) == (1000, 200)
    assert found.cost == pytest.approx(1000 * 3e-6 + 200 * 15e-6)
    assert 0 < found.seconds < 5


def test_without_a_price_there_is_no_cost_rather_than_none_to_pay(api: Scripted) -> None:
    assert ask_one().cost is None


def test_the_provider_gets_the_call_s_parameters_and_its_seed(api: Scripted) -> None:
    ask_one()
    (body,) = api.bodies
    assert body["model"] == "writer"
    assert body["temperature"] == 0.9
    assert CALL.max_tokens in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert body["seed"] == CALL.seed
    assert [message["content"] for message in body["messages"]] == ["The spec.", "Write."]
    assert "response_format" not in body


def test_a_hang_is_given_up_and_asked_again_with_the_same_parameters(
    api: Scripted, at_once: None
) -> None:
    api.script.extend([Reply(hang=True), Reply(hang=True), Reply("Late tea.")])
    found = ask_one(timeout=0.3)
    assert (found.text, found.attempts) == ("Late tea.", 3)
    assert api.bodies[0] == api.bodies[1] == api.bodies[2]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Reply(status=500, error="out of order"), "out of order"),
        (Reply(status=503, error="too much to do"), "too much to do"),
        (Reply(hang=True), "no answer in time"),
    ],
)
def test_retries_come_to_an_end(api: Scripted, at_once: None, fault: Reply, words: str) -> None:
    api.always = fault
    error = unanswered(timeout=0.2, retries=4)
    assert words in str(error)
    assert not error.fatal
    assert len(api.bodies) == 5


def test_a_server_that_is_not_there_is_no_reason_to_stop_all_calls(
    at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("FAKE_API_KEY", KEY)
    error = unanswered(retries=1)
    assert str(error) == "Connection error."
    assert not error.fatal


def test_being_held_off_is_no_failure(api: Scripted, at_once: None) -> None:
    """A provider that says 429 is in good health; a long run is held off often."""
    api.script.extend([Reply(status=429)] * 5)
    assert ask_one(retries=0).attempts == 6


def test_local_weights_are_waited_for_however_long_they_take() -> None:
    """What they generate goes on whether or not it is waited for; asked again, it takes twice."""

    class Slow:
        """Stands for a model in this process."""

        asked = 0
        api = SimpleNamespace(tokenizer=lambda text, **_: {"input_ids": text.split()})

        async def generate(self, *_: object, **__: object) -> Any:
            self.asked += 1
            await asyncio.sleep(0.2)
            usage = SimpleNamespace(
                input_tokens=9, output_tokens=1, total_cost=None, input_tokens_cache_read=0,
                input_tokens_cache_write=0,
            )  # fmt: skip
            return SimpleNamespace(error=None, completion="Tea.", choices=[1], usage=usage)

    model, settings = Slow(), replace(SETTINGS, timeout=0.05, model_folder="weights")
    answer = asyncio.run(Caller(settings, model).ask(CALL))
    assert (answer.text, answer.stop_reason, model.asked) == ("Tea.", "stop", 1)


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_an_error_that_every_call_would_meet_is_fatal_at_once(api: Scripted, status: int) -> None:
    api.always = Reply(status=status, error="no such key or model")
    error = unanswered()
    assert error.fatal
    assert "no such key or model" in str(error)
    assert len(api.bodies) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (429, "You exceeded your current quota (insufficient_quota)."),
        (400, "Your credit balance is too low to access the API."),
    ],
)
def test_an_empty_account_is_fatal_at_once(api: Scripted, status: int, said: str) -> None:
    api.always = Reply(status=status, error=said)
    error = unanswered()
    assert error.fatal
    assert said in str(error)
    assert len(api.bodies) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_error_of_this_call_alone_is_neither_fatal_nor_retried(
    api: Scripted, status: int
) -> None:
    api.always = Reply(status=status, error="the prompt is too long")
    error = unanswered()
    assert not error.fatal
    assert "the prompt is too long" in str(error)
    assert len(api.bodies) == 1


def test_calls_made_at_once_to_a_server_without_schemas_are_all_asked_in_words(
    api: Scripted,
) -> None:
    refused = Reply(status=400, error="response_format is not supported", after=0.2)
    api.script += [refused] * 4
    calls = [replace(CALL, schema=LIST_SCHEMA, sample=str(n)) for n in range(4)]
    assert all(isinstance(found, Answer) for found in ask(*calls))
    assert ["response_format" in body for body in api.bodies] == [True] * 4 + [False] * 4


def test_a_key_that_no_header_can_hold_is_fatal_and_no_answer(
    api: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_API_KEY", "sk-test\N{RIGHT SINGLE QUOTATION MARK}12345678")
    error = unanswered()
    assert error.fatal
    assert "a key or an address" in str(error)
    assert api.bodies == []


def test_a_batch_costs_what_the_plan_says(api: Scripted) -> None:
    whole = ask_one(price=(3.0, 15.0)).cost
    half = ask_one(price=(3.0, 15.0), batch=True).cost
    assert whole and half == whole / 2


@pytest.mark.parametrize(("reason", "asked"), [("content_filter", 1), ("stop", 3)])
def test_an_answer_that_a_filter_ended_is_one_even_if_the_client_calls_it_an_error(
    at_once: None, reason: str, asked: int
) -> None:
    class Filtered:
        asked = 0

        async def generate(self, messages: Any, config: Any) -> Any:
            self.asked += 1
            return SimpleNamespace(
                error="refused", stop_reason=reason, completion="", choices=[1], usage=None
            )

    model = Filtered()
    (found,) = asyncio.run(_both(Caller(SETTINGS, model)))
    assert model.asked == asked
    assert isinstance(found, Answer) == (reason == "content_filter")


async def _both(caller: Caller) -> list[Any]:
    return await asyncio.gather(caller.ask(CALL), return_exceptions=True)


def test_a_server_that_knows_no_schemas_is_asked_in_words(api: Scripted) -> None:
    api.script.append(Reply(status=400, error="response_format is not supported"))
    first, second = replace(CALL, schema=LIST_SCHEMA), replace(CALL, schema=LIST_SCHEMA, sample="1")
    settings = replace(SETTINGS, connections=1)

    async def work() -> None:
        caller = Caller(settings, open_model(settings))
        await caller.ask(first)
        await caller.ask(second)

    asyncio.run(work())
    assert ["response_format" in body for body in api.bodies] == [True, False, False]


@pytest.mark.parametrize("raw", [b"<html>200 Bad Gateway</html>", b'{"choices": [{"mess'])
def test_an_answer_that_is_no_json_counts_as_answered(api: Scripted, raw: bytes) -> None:
    """It may have been paid, so it isn't asked for again: what it is for asks another sample."""
    api.always = Reply(raw=raw)
    found = ask_one(price=(3.0, 15.0))
    assert found.stop_reason == UNREADABLE
    assert found.text
    assert (found.key, found.attempts, found.cost) == (CALL.key, 1, 0.0)
    assert len(api.bodies) == 1


def test_a_call_of_a_run_that_has_gone_is_not_tried_again(api: Scripted, at_once: None) -> None:
    """Its answer, if there is one, is waited for; a failure is left to the next run."""
    api.always = Reply(status=500)

    async def work() -> None:
        caller = Caller(SETTINGS, open_model(SETTINGS))
        generate = caller._generate

        async def while_the_run_goes(call: Call, in_schema: bool) -> Any:
            caller.hung_up = True
            return await generate(call, in_schema)

        caller._generate = while_the_run_goes  # type: ignore[method-assign]
        with pytest.raises(UnansweredError):
            await caller.ask(CALL)

    asyncio.run(work())
    assert len(api.bodies) == 1


def test_a_call_that_waits_for_a_connection_when_the_run_goes_is_not_made(api: Scripted) -> None:
    settings = replace(SETTINGS, connections=1)
    api.always = Reply("Tea.", after=0.3)

    async def work() -> list[Any]:
        caller = Caller(settings, open_model(settings))
        calls = [asyncio.create_task(caller.ask(replace(CALL, sample=str(n)))) for n in range(3)]
        while not api.bodies:
            await asyncio.sleep(0.01)
        caller.hung_up = True
        return await asyncio.gather(*calls, return_exceptions=True)

    first, *others = asyncio.run(work())
    assert isinstance(first, Answer)
    assert all(isinstance(error, UnansweredError) for error in others)
    assert len(api.bodies) == 1


def test_a_cut_answer_says_so(api: Scripted) -> None:
    api.script.append(Reply("Half a te", finish="length"))
    assert ask_one().stop_reason == "max_tokens"


def test_half_a_character_does_not_spoil_the_ledger(api: Scripted) -> None:
    """Some providers cut an emoji in two at the end of a cut answer; UTF-8 has no halves."""
    api.script.append(Reply("Tea \ud83c"))
    assert ask_one().text.encode() == b"Tea ?"


@pytest.mark.parametrize("status", [401, 400])
def test_a_key_in_an_error_is_masked(api: Scripted, status: int) -> None:
    api.always = Reply(status=status, error=f"Incorrect API key provided: {KEY}.")
    error = unanswered()
    assert KEY not in str(error)
    assert "$FAKE_API_KEY" in str(error)


def test_no_more_calls_are_under_way_than_connections(api: Scripted) -> None:
    api.always = Reply(after=0.05)
    calls = [replace(CALL, sample=str(n)) for n in range(9)]
    assert len(ask(*calls, connections=3)) == 9
    assert api.peak == 3


def test_waiting_holds_no_connection(api: Scripted) -> None:
    """With one connection, a call that was told to wait lets the next one through."""
    api.script.append(Reply(status=429, headers={"Retry-After": "0.5"}))
    first, second = ask(CALL, replace(CALL, user="Write more."), connections=1)
    assert isinstance(first, Answer) and isinstance(second, Answer)
    asked = [body["messages"][1]["content"] for body in api.bodies]
    assert asked == ["Write.", "Write more.", "Write."]
    assert (first.attempts, second.attempts) == (2, 1)


class Told(Exception):  # noqa: N818 - stands for a client's error, whatever its name
    """A provider's error that says when to come again."""

    def __init__(self, after: str) -> None:
        self.response = type("Response", (), {"headers": {"retry-after": after}})()


def test_a_wait_is_what_the_server_says_or_grows() -> None:
    for _ in range(50):
        assert 2.0 <= _wait(Told("2"), 0, 1) <= 2.4
        assert _wait(Told("86400"), 0, 1) <= 72
        assert 0.25 <= _wait(Told("soon"), 1, 0) <= 0.5
        assert 2.0 <= _wait(OSError(), 4, 0) <= 4.0
        assert _wait(OSError(), 50, 50) <= 60
        assert _wait(Told("1"), 0, 8) <= 1.2
        assert _wait(Told("1"), 0, 20) >= 30
