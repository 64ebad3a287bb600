"""Asking through the process that calls: the ledger first, the budget, and what stops everything.

Each asker that calls starts a process, which takes a second or two, so a test asks much at once.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from midspec.errors import StoreError, TeacherError
from midspec.llm.asker import Asker, NotAnsweredError, Spent, asking
from midspec.llm.caller import Settings
from midspec.llm.ledger import Answer, Call, LedgerReader
from midspec.llm.settings import Limits, Purse, Teacher
from tests import teacher_server

from .conftest import KEY
from .scripted import Reply, Scripted

MODEL = "openai-api/fake/writer"
CALLS = [Call("document", 1, MODEL, "The spec.", f"Write {n}.", 100, 1.0) for n in range(12)]
PRICED = Limits(prices={MODEL: (3.0, 15.0)})  # the scripted API's answers cost $0.006 each
T = TypeVar("T")


def asked(
    ledger: Path, work: Callable[[Asker], Awaitable[T]], limits: Limits = PRICED
) -> tuple[T, Spent]:
    """What `work` makes of an asker, and what was spent."""

    async def whole() -> tuple[T, Spent]:
        async with asking(Teacher(MODEL), limits, ledger, Spent()) as asker:
            return await work(asker), asker.spent

    return asyncio.run(whole())


async def ask_each(asker: Asker, calls: list[Call] = CALLS) -> list[str | Exception]:
    """The answers one after another, up to the first TeacherError."""
    found: list[str | Exception] = []
    for call in calls:
        try:
            found.append((await asker.ask(call)).text)
        except NotAnsweredError as error:
            found.append(error)
        except TeacherError as error:
            return [*found, error]
    return found


def test_an_answer_is_on_disk_before_it_is_told_and_never_asked_for_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "ledger.jsonl"

    async def once(asker: Asker) -> list[Answer]:
        both = await asyncio.gather(asker.ask(CALLS[0]), asker.ask(CALLS[0]))
        assert CALLS[0].key in LedgerReader(ledger).places
        return [*both, await asker.ask(CALLS[0])]

    async def again(asker: Asker) -> list[Answer]:
        first = [await asker.ask(call) for call in CALLS[:1]]
        assert asker.process is None, "what the ledger has needs no process"
        return first + list(await asyncio.gather(*map(asker.ask, CALLS)))

    with teacher_server.start(latency=0.02) as server:
        monkeypatch.setenv("FAKE_BASE_URL", server.base_url)
        monkeypatch.setenv("FAKE_API_KEY", KEY)
        first, spent = asked(ledger, once)
        assert (spent.calls, spent.asked, server.stats()["answered"]) == (1, 1, 1)
        second, spent = asked(ledger, again)
        assert (spent.calls, spent.asked) == (12, 11)
        assert (server.stats()["answered"], server.stats()["repeated"]) == (12, 0)
    assert {answer.text for answer in [*first, *second[:2]]} == {first[0].text}
    assert spent.tokens == sum(answer.tokens for answer in second[1:])
    assert len(ledger.read_text().splitlines()) == 12


def test_a_budget_in_dollars_stops_with_words_and_a_higher_one_goes_on(
    tmp_path: Path, api: Scripted
) -> None:
    ledger, low = tmp_path / "ledger.jsonl", replace(PRICED, max_cost=0.02)
    found, spent = asked(ledger, ask_each, low)
    assert found[:-1] == ["Tea."] * 4, "three cost less than two cents, four more"
    for words in ("The budget is used up: $0.02 of $0.02 in 4 calls", "Every answer is kept",
                  "a higher --max-cost"):  # fmt: skip
        assert words in str(found[-1])
    assert spent.cost == pytest.approx(0.024)
    again, _ = asked(ledger, ask_each, low)
    assert again[:-1] == ["Tea."] * 4, "what earlier runs paid counts"
    assert len(api.bodies) == 4
    rest, spent = asked(ledger, ask_each, replace(low, max_cost=1.0))
    assert rest == ["Tea."] * 12
    assert (len(api.bodies), spent.asked) == (12, 8)


def test_the_budget_of_a_run_holds_for_all_its_stages_together(
    tmp_path: Path, api: Scripted
) -> None:
    purse = Purse(0.05, spent=0.01)  # by what was finished before
    limits = replace(PRICED, purse=purse)
    first, _ = asked(tmp_path / "one.jsonl", lambda asker: ask_each(asker, CALLS[:4]), limits)
    assert first == ["Tea."] * 4
    assert purse.spent == pytest.approx(0.034)
    second, _ = asked(tmp_path / "two.jsonl", ask_each, limits)
    assert second[:-1] == ["Tea."] * 3
    assert "used up: $0.05 of $0.05 in all, with 0 more under way" in str(second[-1])
    assert len(api.bodies) == 7
    with pytest.raises(TeacherError, match="price of"):
        Asker(Teacher(MODEL), Limits(purse=purse), tmp_path / "three.jsonl", Spent())


def test_a_budget_in_tokens_counts_what_is_under_way(tmp_path: Path, api: Scripted) -> None:
    """Calls at once must not all slip in under a limit that the first few will reach."""
    api.always = Reply(after=0.1)

    async def many(asker: Asker) -> list[Any]:
        await asker.ask(CALLS[0])
        return await asyncio.gather(*map(asker.ask, CALLS), return_exceptions=True)

    limits = Limits(max_tokens=6_000, connections=12)  # an answer takes 1,200
    found, spent = asked(tmp_path / "ledger.jsonl", many, limits)
    stopped = [error for error in found if isinstance(error, TeacherError)]
    assert 3 <= sum(isinstance(answer, Answer) for answer in found) <= 5
    assert spent.tokens <= 6_000
    assert len(stopped) + spent.calls == 12
    assert "of 6,000 tokens in 1 calls, with 4 more under way" in str(stopped[0])
    assert "a higher --max-tokens" in str(stopped[0])


def test_dollars_cannot_be_limited_where_the_price_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(TeacherError) as caught:
        Asker(Teacher(MODEL), Limits(max_cost=5.0), tmp_path / "ledger.jsonl", Spent())
    for words in (f"The price of {MODEL} is not in the price table", "--price IN,OUT",
                  "--max-tokens"):  # fmt: skip
        assert words in str(caught.value)


def test_a_missing_key_is_one_sentence_that_names_it(
    tmp_path: Path, api: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAKE_API_KEY")
    (error,), _ = asked(tmp_path / "ledger.jsonl", ask_each)
    assert isinstance(error, TeacherError)
    assert f"The teacher {MODEL} can't be used: " in str(error)
    assert "FAKE_API_KEY" in str(error)
    assert "\n" not in str(error)
    assert api.bodies == []


def test_a_key_that_is_refused_stops_every_call_and_is_not_shown(
    tmp_path: Path, api: Scripted
) -> None:
    api.always = Reply(status=401, error=f"Incorrect API key provided: {KEY}.", after=0.1)

    async def all_at_once(asker: Asker) -> list[Any]:
        first = await asyncio.gather(*map(asker.ask, CALLS[:6]), return_exceptions=True)
        return first + await ask_each(asker, CALLS[6:])

    found, _ = asked(tmp_path / "ledger.jsonl", all_at_once)
    assert len(found) == 7, "the first later call fails at once"
    for error in found:
        assert isinstance(error, TeacherError)
        assert f"{MODEL} refuses every call: " in str(error)
        assert "Every answer so far is kept" in str(error)
        assert KEY not in str(error)
    assert len(api.bodies) <= 6
    for path in tmp_path.iterdir():
        assert KEY not in path.read_text()


def test_a_hang_is_asked_again_alike_and_a_call_that_is_refused_costs_only_itself(
    tmp_path: Path, api: Scripted
) -> None:
    api.script.extend([Reply(hang=True), Reply("Late tea."), Reply(status=400, error="too long")])
    limits = replace(PRICED, timeout=0.5)
    found, spent = asked(tmp_path / "l.jsonl", lambda asker: ask_each(asker, CALLS[:3]), limits)
    assert (found[0], found[2]) == ("Late tea.", "Tea.")
    assert isinstance(found[1], NotAnsweredError)
    assert "too long" in str(found[1])
    assert api.bodies[0] == api.bodies[1]
    assert (spent.calls, spent.asked) == (2, 3)


def test_what_is_under_way_is_waited_for_when_nobody_wants_it_any_more(
    tmp_path: Path, api: Scripted
) -> None:
    api.always = Reply(after=0.5)

    async def leave(asker: Asker) -> None:
        tasks = [asyncio.create_task(asker.ask(call)) for call in CALLS[:3]]
        while len(api.bodies) < 3:
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()

    ledger = tmp_path / "ledger.jsonl"
    asked(ledger, leave)
    assert set(LedgerReader(ledger).places) == {call.key for call in CALLS[:3]}


def test_a_run_killed_in_the_middle_of_a_call_s_line_loses_none_of_those_before(
    tmp_path: Path, api: Scripted
) -> None:
    """A pipe takes as much of a line as fits, so a kill can leave half of one."""
    api.always = Reply(after=0.5)
    ledger = tmp_path / "ledger.jsonl"
    settings = Settings(MODEL, str(ledger), 4, 10.0, 0, False, None, None)
    told = [json.dumps(asdict(row)) + "\n" for row in (settings, *CALLS[:3])]
    caller = [sys.executable, "-m", "midspec.llm.caller"]
    half = "".join(told)[:-50].encode()
    subprocess.run(caller, input=half, stdout=subprocess.DEVNULL, timeout=30, check=True)
    assert set(LedgerReader(ledger).places) == {call.key for call in CALLS[:2]}
    assert len(api.bodies) == 2


def test_a_caller_that_dies_is_an_error_and_no_endless_wait(tmp_path: Path, api: Scripted) -> None:
    api.always = Reply(hang=True)

    async def kill(asker: Asker) -> str:
        task = asyncio.create_task(asker.ask(CALLS[0]))
        while not api.bodies:
            await asyncio.sleep(0.01)
        assert asker.process
        os.kill(asker.process.pid, signal.SIGKILL)
        with pytest.raises(TeacherError) as caught:
            await asyncio.wait_for(task, 5)
        return str(caught.value)

    said, _ = asked(tmp_path / "ledger.jsonl", kill)
    assert "The process that asks the teacher ended" in said


def test_a_caller_killed_in_the_middle_of_an_answer_s_line_is_one_that_ended(
    tmp_path: Path,
) -> None:
    async def listen() -> str:
        asker = Asker(Teacher(MODEL), PRICED, tmp_path / "ledger.jsonl", Spent())
        reader, log = asyncio.StreamReader(), tmp_path / "ledger.log"
        log.write_text("Killed.\n")
        reader.feed_data(b'{"key": "0123", "answer": {"text": "Te')
        reader.feed_eof()
        asker.process = SimpleNamespace(stdout=reader)  # type: ignore[assignment]
        asker.under_way["0123"] = asyncio.get_running_loop().create_future()
        waiting = asker.under_way["0123"]
        await asker._listen(log)
        return str(waiting.exception())

    said = asyncio.run(listen())
    assert said.startswith("The process that asks the teacher ended: Killed.")


def test_a_broken_ledger_is_told_before_anything_is_asked(tmp_path: Path, api: Scripted) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text("no JSON\n")
    with pytest.raises(StoreError, match=r"ledger\.jsonl: what stands at byte 0"):
        asked(ledger, ask_each)
    assert api.bodies == []


@pytest.mark.parametrize(
    ("model", "told", "structured"),
    [
        ("openai/gpt-5", None, True),
        ("anthropic/claude-sonnet-4-5", None, True),
        ("hf/smollm2-135m", None, False),
        ("ollama/x", None, False),
        ("hf/smollm2-135m", True, True),
        ("openai/gpt-5", False, False),
    ],
)
def test_lists_are_asked_for_by_schema_where_the_provider_has_it_or_as_told(
    tmp_path: Path, model: str, told: bool | None, structured: bool
) -> None:
    asker = Asker(Teacher(model, structured=told), Limits(), tmp_path / "l.jsonl", Spent())
    assert asker.structured == structured
