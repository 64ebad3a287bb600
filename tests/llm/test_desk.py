"""The desk between a run and its caller: an answer is written down before it is passed on."""

import asyncio
import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from midspec.errors import StoreError
from midspec.llm.caller import Desk
from midspec.llm.ledger import Answer, Call, LedgerReader, LedgerWriter

from .test_caller import CALL, SETTINGS


class Ready:
    """A caller whose model answers at once."""

    settings, hung_up = SETTINGS, False

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, call: Call) -> Answer:
        self.asked.append(call.sample)
        return Answer(call.key, call.step, 1, call.model, call.sample, None, 9, "Tea.", "stop",
                      1, 1, None, 0.1, 1, "")  # fmt: skip


def desk(ledger: Path, calls: list[Call], out: io.BytesIO) -> tuple[Ready, list[dict[str, Any]]]:
    """Pass calls over a desk and hang up; what it said."""
    ready = Ready()

    async def work() -> None:
        incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        for call in calls:
            incoming.put_nowait(json.dumps(asdict(call)).encode())
        incoming.put_nowait(None)
        await Desk(ready, ledger, out).serve(incoming)  # type: ignore[arg-type]

    asyncio.run(work())
    return ready, [json.loads(line) for line in out.getvalue().splitlines()]


CALLS = [replace(CALL, sample=str(n)) for n in range(20)]


def test_an_answer_is_on_disk_before_it_is_passed_on(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"

    class Checking(io.BytesIO):
        """Looks into the ledger whenever something is passed on."""

        def write(self, line: Any) -> int:
            assert json.loads(line)["key"] in LedgerReader(ledger).places
            return super().write(line)

    _, said = desk(ledger, CALLS, Checking())
    assert {message["key"] for message in said} == {call.key for call in CALLS}
    assert all(message["answer"]["text"] == "Tea." for message in said)


def test_what_the_ledger_has_is_not_asked_again(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    desk(ledger, CALLS[:5], io.BytesIO())
    ready, said = desk(ledger, CALLS, io.BytesIO())
    assert len(said) == 20
    assert sorted(map(int, ready.asked)) == list(range(5, 20))
    assert len(ledger.read_text().splitlines()) == 20


def test_a_full_disk_ends_all_calls_and_no_process_waits_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: LedgerWriter, answers: list[Answer]) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(LedgerWriter, "append", full)
    out = io.BytesIO()
    _, said = desk(tmp_path / "ledger.jsonl", CALLS, out)
    assert said == [{"fatal": True, "error": "The disk is full."}]


def test_answers_are_written_down_when_nobody_listens_any_more(tmp_path: Path) -> None:
    class Gone(io.BytesIO):
        """The pipe to a run that was killed."""

        def write(self, line: Any) -> int:
            raise BrokenPipeError

    ledger = tmp_path / "ledger.jsonl"
    desk(ledger, CALLS, Gone())
    assert len(LedgerReader(ledger).places) == 20
