"""Asking an LLM: from the ledger where it has answered, through the caller process where not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from midspec import progress
from midspec.errors import TeacherError
from midspec.files import disk_errors
from midspec.keys import without_keys
from midspec.llm.caller import Settings
from midspec.llm.ledger import Answer, Call, LedgerReader, ledger_file
from midspec.llm.prices import price_of
from midspec.llm.settings import Limits, Teacher, current_limits

LONGEST_LINE = 1 << 27  # bytes; an answer that long is no answer
SCHEMA_PROVIDERS = (  # Inspect sends a response schema to these; servers that refuse it are noticed
    "openai/",
    "openai-api/",
    "anthropic/",
    "google/",
    "mistral/",
    "vllm/",
    "sglang/",
    "grok/",
    "groq/",
    "together/",
    "fireworks/",
    "openrouter/",
    "azureai/",
)

Answered = TypeVar("Answered")


class NotAnsweredError(Exception):
    """One call got no answer, and why; others may."""


@dataclass
class Spent:
    """What a stage's calls took, in this run and in earlier ones; `asked` is this run's share."""

    calls: int = 0
    asked: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0

    def add(self, answer: Answer) -> None:
        """Count one answer."""
        self.calls += 1
        self.input_tokens += answer.input_tokens
        self.output_tokens += answer.output_tokens
        self.cost += answer.cost or 0.0
        self.unpriced += answer.cost is None

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def figures(self) -> dict[str, object]:
        """What the calls took, for a manifest; no cost where a price isn't known."""
        return {
            "calls": self.calls,
            "calls_in_this_run": self.asked,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost": None if self.unpriced else round(self.cost, 4),
        }


class Asker:
    """Answers calls within a budget. Each answer is counted once, whatever run paid for it."""

    def __init__(self, teacher: Teacher, limits: Limits, ledger: Path, spent: Spent) -> None:
        self.teacher, self.limits, self.spent = teacher, limits.fitted(teacher.model), spent
        self.price = limits.prices.get(teacher.model) or price_of(teacher.model)
        self.ledger = LedgerReader(ledger)
        self.counted: set[str] = set()
        self.under_way: dict[str, asyncio.Future[Answer]] = {}
        self.process: asyncio.subprocess.Process | None = None
        self.starting = asyncio.Lock()
        self.broken: TeacherError | None = None
        if (limits.max_cost is not None or limits.purse) and self.price is None:
            raise TeacherError(
                f"The price of {teacher.model} is not in the price table, so a limit in dollars "
                "can't be kept. Give its price (--price IN,OUT, dollars a million tokens), or "
                "limit the tokens (--max-tokens)."
            )

    @property
    def structured(self) -> bool:
        """Whether lists are asked for with a schema."""
        if self.teacher.structured is not None:
            return self.teacher.structured
        return self.teacher.model.startswith(SCHEMA_PROVIDERS)

    async def ask(self, call: Call) -> Answer:
        """The answer; NotAnsweredError if this call has none, TeacherError if no call would."""
        answer = self.ledger.find(call.key)
        if answer is None:
            future = self.under_way.get(call.key) or await self._send(call)
            answer = await asyncio.shield(future)
        if call.key not in self.counted:
            self.counted.add(call.key)
            self.spent.add(answer)
            if self.limits.purse:
                self.limits.purse.spent += answer.cost or 0.0
        return answer

    async def _send(self, call: Call) -> asyncio.Future[Answer]:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda f: f.cancelled() or f.exception())  # none is left unread
        async with self.starting:
            if self.process is None and self.broken is None:
                await self._start()
        if twin := self.under_way.get(call.key):  # sent while this one waited for the start
            return twin
        if answer := self.ledger.find(call.key):  # the last run's, waited for at the start
            future.set_result(answer)
            return future
        self._check_budget()
        if self.broken:
            raise self.broken
        assert self.process and self.process.stdin
        self.under_way[call.key] = future
        self.spent.asked += 1
        self.process.stdin.write(json.dumps(asdict(call)).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await self.process.stdin.drain()
        return future

    def _check_budget(self) -> None:
        """Stop before the limit: what is under way is likely to take what calls took so far."""
        under_way = len(self.under_way)
        share = 1 + under_way / max(1, self.spent.calls)
        limits, spent, purse = self.limits, self.spent, self.limits.purse
        calls = f"in {spent.calls:,} calls"
        if purse and purse.spent + spent.cost * (share - 1) >= purse.limit:
            said, flag = f"${purse.spent:.2f} of ${purse.limit:.2f} in all", "--max-cost"
        elif limits.max_cost is not None and spent.cost * share >= limits.max_cost:
            said, flag = f"${spent.cost:.2f} of ${limits.max_cost:.2f} {calls}", "--max-cost"
        elif limits.max_tokens is not None and spent.tokens * share >= limits.max_tokens:
            said, flag = f"{spent.tokens:,} of {limits.max_tokens:,} tokens {calls}", "--max-tokens"
        else:
            return
        raise TeacherError(
            f"The budget is used up: {said}, with {under_way} more under way. Every answer is "
            f"kept; run the same command with a higher {flag} to go on."
        )

    async def _start(self) -> None:
        log = self.ledger.path.with_suffix(".log")
        with disk_errors(log):
            log.parent.mkdir(parents=True, exist_ok=True)
            stderr = open(log, "wb")  # noqa: SIM115 - closed as soon as the process has it
        with stderr:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "midspec.llm.caller",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                limit=LONGEST_LINE,
            )
        folder = self.limits.model_folders.get(self.teacher.model)
        settings = Settings(
            model=self.teacher.model,
            ledger=str(self.ledger.path),
            connections=self.limits.connections,
            timeout=self.limits.timeout,
            retries=self.limits.retries,
            batch=self.limits.batch,
            model_folder=str(folder) if folder else None,
            price=self.price,
        )
        assert self.process.stdin
        self.process.stdin.write(json.dumps(asdict(settings)).encode() + b"\n")
        first = await self._read()
        while first and first.get("waiting"):
            progress.report(0, 1, "waiting for the answers that the last run left under way")
            first = await self._read()
        if not first or first.get("fatal"):
            said = first["error"] if first else self._last_words(log)
            self.broken = TeacherError(f"The teacher {self.teacher.model} can't be used: {said}")
            raise self.broken
        self.ledger.refresh()
        self.listening = asyncio.create_task(self._listen(log))

    async def _read(self) -> dict[str, Any] | None:
        assert self.process and self.process.stdout
        line = await self.process.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else None  # half a line: it was killed

    async def _listen(self, log: Path) -> None:
        while message := await self._read():
            if message.get("fatal"):
                said = message["error"]
                self._break(f"The teacher {self.teacher.model} refuses every call: {said}")
                continue
            future = self.under_way.pop(message["key"], None)
            if "answer" in message:
                self.ledger.refresh()
            if future is None:  # nobody waits for it since all calls were stopped
                continue
            if "answer" in message:
                future.set_result(Answer(**message["answer"]))
            else:
                future.set_exception(NotAnsweredError(message["error"]))
        self._break(f"The process that asks the teacher ended: {self._last_words(log)}")

    def _break(self, why: str) -> None:
        self.broken = self.broken or TeacherError(f"{why} Every answer so far is kept.")
        for future in self.under_way.values():
            future.set_exception(self.broken)
        self.under_way.clear()

    @staticmethod
    def _last_words(log: Path) -> str:
        lines = log.read_text(errors="replace").strip().splitlines()
        return without_keys(lines[-1]) if lines else "it left no message."

    async def close(self) -> None:
        """Hang up and wait until what is under way is written down."""
        if self.process is None:
            return
        left = len(self.under_way)
        if left:
            progress.report(0, 1, f"waiting for {left} answers that are under way")
        if self.process.stdin:
            self.process.stdin.close()
        await self.process.wait()


def ledger_of(out: Path, kind: str, name: str, text: str, llm: object) -> Path:
    """The ledger of what `llm` answers on a text: with the run's where it keeps any, else in the
    stage's own folder `out`."""
    return ledger_file(current_limits().ledger or out / "ledger", kind, name, text, llm)


def asked_of(
    llm: Teacher, ledger: Path, work: Callable[[Asker], Awaitable[Answered]]
) -> tuple[Answered, dict[str, object]]:
    """What `work` makes of its questions to one LLM, and what these took."""

    async def run() -> tuple[Answered, dict[str, object]]:
        async with asking(llm, current_limits(), ledger, Spent()) as asker:
            return await work(asker), asker.spent.figures()

    return asyncio.run(run())


@asynccontextmanager
async def asking_both(
    teacher: Teacher, judge: Teacher | None, limits: Limits, ledger: Path
) -> AsyncIterator[tuple[Asker, Asker | None]]:
    """An asker for the teacher and, where there is a judge, one for it, with a common budget.

    The judge's answers have a ledger of their own beside the teacher's, unless both are one model.
    """
    spent = Spent()
    async with asking(teacher, limits, ledger, spent) as asker:
        if judge is None or judge == teacher:
            yield asker, asker if judge else None
            return
        other = ledger.with_name(f"{ledger.stem}-judge.jsonl")
        async with asking(judge, limits, other, spent) as judging:
            yield asker, judging


@asynccontextmanager
async def asking(
    teacher: Teacher, limits: Limits, ledger: Path, spent: Spent
) -> AsyncIterator[Asker]:
    """An asker whose calls under way are waited for, however the block is left.

    Askers that share `spent` share a budget.
    """
    asker = Asker(teacher, limits, ledger, spent)
    try:
        yield asker
    finally:
        await asyncio.shield(asker.close())
