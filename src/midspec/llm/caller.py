"""The process that makes the calls: it outlives whoever asks, so that no answer on its way is lost.

A run starts it as `python -m midspec.llm.caller`, in a session of its own, and writes one JSON
object a line: settings first, then calls. Each answer is in the ledger, fsynced, before it is
passed on. When the run dies or hangs up, calls already made are waited for and written down, and
those that wait for a connection are not made; the next run waits for the ledger's lock, and finds
the answers there.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import random
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from midspec.keys import without_keys
from midspec.llm.ledger import UNREADABLE, Answer, Call, LedgerReader, LedgerWriter
from midspec.llm.prices import BATCH_PRICE

HTTP_FATAL = (401, 402, 403, 404)  # no later call would fare better
HTTP_UNSUITABLE = (400, 413, 422)  # this call won't, others may
RATE_LIMITED = 429
MAX_RATE_LIMITED = 60  # a call held off more often than this gives up
PATIENT = 8  # times that a server's own word for a wait is taken for enough
LONGEST_WAIT = 60.0
# What providers say with 400 or 429 when it is no use to wait.
OUT_OF_MONEY = ("insufficient_quota", "credit balance", "billing")
# Why an answer ended where asking again would end it alike, though some clients call it an error.
FINAL = ("content_filter", "model_length")
# Providers whose own client retries by itself unless it is told not to.
RETRYING_CLIENTS = ("openai/", "openai-api/", "anthropic/", "azureai/", "together/", "vllm/")


@dataclass(frozen=True)
class Settings:
    """What a run tells its caller first; `price` is dollars a million tokens, in and out."""

    model: str
    ledger: str
    connections: int
    timeout: float
    retries: int
    batch: bool
    model_folder: str | None
    price: tuple[float, float] | None


class UnansweredError(Exception):
    """A call got no answer; `fatal` if no other call would."""

    def __init__(self, reason: str, fatal: bool = False) -> None:
        super().__init__(reason)
        self.fatal = fatal


class Caller:
    """Asks one model, with at most `connections` calls under way; waiting holds no connection."""

    def __init__(self, settings: Settings, model: Any) -> None:
        self.settings, self.model = settings, model
        self.slots = asyncio.Semaphore(settings.connections)
        self.schema_refused = self.hung_up = False
        self.caps: set[int] = set()

    async def ask(self, call: Call) -> Answer:
        """Ask until there is an answer; every attempt has the same parameters."""
        failed = held_off = 0
        while True:
            began = time.monotonic()
            in_schema = False
            try:
                async with self.slots:
                    if self.hung_up:
                        raise UnansweredError("the run that asks has gone")
                    began = time.monotonic()
                    in_schema = bool(call.schema) and not self.schema_refused
                    asked = self._generate(call, in_schema)
                    output = await asyncio.wait_for(asked, self._timeout())
                attempts = 1 + failed + held_off
                return self._answer(call, output, time.monotonic() - began, attempts)
            except UnansweredError:
                raise
            except Exception as raised:
                # Inspect's retry wrapper hides the error that it gave up on; a timeout's cause is
                # only that it was cancelled
                error = raised.__cause__ if isinstance(raised.__cause__, Exception) else raised
                status = _status(error)
                if _unreadable(error):  # it may have been paid, so it isn't asked again
                    seconds = time.monotonic() - began
                    return self._answer(call, None, seconds, 1 + failed + held_off, _words(error))
                if status in HTTP_FATAL or _out_of_money(error, status):
                    raise UnansweredError(_words(error), fatal=True) from error
                if isinstance(error, UnicodeEncodeError):  # nothing was sent, nor will be
                    said = f"{_words(error)}; a key or an address holds a character of no key"
                    raise UnansweredError(said, fatal=True) from error
                if status in HTTP_UNSUITABLE:
                    if in_schema:
                        self.schema_refused = True  # this server knows no schemas; ask in words
                        continue
                    raise UnansweredError(_words(error)) from error
                if status == RATE_LIMITED:
                    held_off += 1
                else:
                    failed += 1
                given_up = failed > self.settings.retries or held_off > MAX_RATE_LIMITED
                if self.hung_up or given_up:
                    raise UnansweredError(_words(error)) from error
                await asyncio.sleep(_wait(error, failed, held_off))

    def _timeout(self) -> float | None:
        """None for batches, and for local weights: what they generate can't be called off."""
        local = self.settings.model_folder is not None
        return None if self.settings.batch or local else self.settings.timeout

    async def _generate(self, call: Call, in_schema: bool) -> Any:
        from inspect_ai.model import (
            ChatMessageSystem,
            ChatMessageUser,
            GenerateConfig,
            ResponseSchema,
        )
        from inspect_ai.util import JSONSchema

        self.caps.add(call.max_tokens)
        config = GenerateConfig(
            max_tokens=call.max_tokens,
            temperature=call.temperature,
            reasoning_effort=call.reasoning_effort,
            seed=call.seed,
            response_schema=ResponseSchema(
                name=call.step, json_schema=JSONSchema.model_validate_json(call.schema)
            )
            if in_schema
            else None,
        )
        messages = [ChatMessageSystem(content=call.system), ChatMessageUser(content=call.user)]
        output = await self.model.generate(messages, config=config)
        if output.error and output.stop_reason not in FINAL:
            raise RuntimeError(output.error)
        return output

    def _answer(
        self, call: Call, output: Any, seconds: float, attempts: int, unreadable: str = ""
    ) -> Answer:
        usage = output.usage if output else None
        cached = ((usage and usage.input_tokens_cache_read) or 0) if usage else 0
        sent = (usage.input_tokens + cached + (usage.input_tokens_cache_write or 0)) if usage else 0
        received = usage.output_tokens if usage else 0
        cost = usage.total_cost if usage else None
        if cost is None and self.settings.price:
            cost = (sent * self.settings.price[0] + received * self.settings.price[1]) / 1e6
        if cost and self.settings.batch:
            cost *= BATCH_PRICE
        said = output.completion if output and output.choices else unreadable
        # A cut answer may end in half a character, and one may repeat the key that it was sent.
        text = without_keys(said.encode(errors="replace").decode(), words_too=False)
        return Answer(
            key=call.key,
            step=call.step,
            prompt_version=call.prompt_version,
            model=call.model,
            sample=call.sample,
            temperature=call.temperature,
            max_tokens=call.max_tokens,
            text=text,
            stop_reason=UNREADABLE if unreadable else self._stop_reason(output, text, received),
            input_tokens=sent,
            output_tokens=received,
            cost=cost,
            seconds=round(seconds, 3),
            attempts=attempts,
            at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            cached_tokens=cached,
        )

    def _stop_reason(self, output: Any, text: str, received: int) -> str:
        """Inspect's, except for local weights, where it has none: cut if it is as long as allowed.

        There `received` is the width of the whole batch, which may have had another call's cap.
        """
        if not self.settings.model_folder:
            return str(output.stop_reason) if output.choices else "stop"
        own = len(self.model.api.tokenizer(text, add_special_tokens=False)["input_ids"])
        return "max_tokens" if received in self.caps and own >= received - 1 else "stop"


class Desk:
    """Takes calls from a pipe, passes answers back, and writes them down on the way."""

    def __init__(self, caller: Caller, ledger: Path, out: BinaryIO) -> None:
        self.caller, self.out = caller, out
        self.known = LedgerReader(ledger)
        self.writer = LedgerWriter(ledger)
        self.waiting: list[tuple[Answer, asyncio.Future[None]]] = []
        self.wake = asyncio.Event()
        self.asked: set[asyncio.Task[None]] = set()

    async def serve(self, incoming: asyncio.Queue[bytes | None]) -> None:
        """Answer until the run hangs up; then finish what is under way."""
        writing = asyncio.create_task(self._write())
        while (line := await incoming.get()) is not None:
            task = asyncio.create_task(self._answer(Call(**json.loads(line))))
            self.asked.add(task)
            task.add_done_callback(self.asked.discard)
        await asyncio.sleep(0)  # calls for which there is a connection are made
        self.caller.hung_up = True
        local = self.caller.settings.model_folder  # where nothing was paid
        if self.asked and not local and not writing.done():
            await asyncio.wait(self.asked)
        writing.cancel()

    async def _answer(self, call: Call) -> None:
        try:
            answer = self.known.find(call.key) or await self.caller.ask(call)
        except UnansweredError as error:
            self.say({"key": call.key, "error": str(error), "fatal": error.fatal})
            return
        except Exception as error:  # nobody may be left waiting, whatever went wrong here
            self.say({"key": call.key, "error": _words(error), "fatal": False})
            return
        if call.key not in self.known.places:
            on_disk = asyncio.get_running_loop().create_future()
            self.waiting.append((answer, on_disk))
            self.wake.set()
            await on_disk
        self.say({"key": call.key, "answer": asdict(answer)})

    async def _write(self) -> None:
        """One fsync for all the answers that came while the last one lasted."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            batch, self.waiting = self.waiting, []
            try:
                await asyncio.to_thread(self.writer.append, [answer for answer, _ in batch])
            except Exception as error:  # a full disk: nothing more may be asked
                self.say({"fatal": True, "error": str(error)})
                for task in self.asked:  # whose answers could not be kept
                    task.cancel()
                return
            for _, on_disk in batch:
                on_disk.set_result(None)

    def say(self, message: dict[str, Any]) -> None:
        """Tell the run; if it is gone, the ledger has the answer."""
        try:
            self.out.write(json.dumps(message).encode() + b"\n")
            self.out.flush()
        except BrokenPipeError:
            pass


def _status(error: BaseException) -> int | None:
    """The HTTP status behind an error of any provider's client, if there is one."""
    for candidate in (error, error.__cause__):
        for name in ("status_code", "code", "status"):
            value = getattr(candidate, name, None)
            if isinstance(value, int):
                return value
    return None


def _out_of_money(error: BaseException, status: int | None) -> bool:
    """Whether the account behind the key can pay for no further call."""
    said = str(error).lower()
    return status in (400, RATE_LIMITED) and any(word in said for word in OUT_OF_MONEY)


def _unreadable(error: BaseException) -> bool:
    """Whether an answer came back that the client can't make sense of."""
    from pydantic import ValidationError

    named = type(error).__name__ in ("OpenAIResponseError", "APIResponseValidationError")
    no_json = isinstance(error, json.JSONDecodeError | UnicodeDecodeError | ValidationError)
    return _status(error) is None and (named or no_json)


def _wait(error: BaseException, failed: int, held_off: int) -> float:
    """Seconds until the next attempt, with jitter: what the server says, or ever longer where it
    says nothing or has said it PATIENT times."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        told = float(headers.get("retry-after", ""))
    except ValueError:
        told = 0.0
    grown = min(LONGEST_WAIT, 0.5 * 2.0 ** min(8, failed + held_off - 1))
    if told and held_off <= PATIENT:
        return min(told, LONGEST_WAIT) * random.uniform(1, 1.2)
    return max(min(told, LONGEST_WAIT), grown * random.uniform(0.5, 1))


def _words(error: BaseException) -> str:
    """What went wrong in one line, without a key: servers repeat what they refuse."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = re.sub(r"\[/?(?:bold|blue|red|/)*\]", "", " ".join(str(error).split()))
    return without_keys(text.removeprefix("ERROR: "))[:400] or type(error).__name__


def open_model(settings: Settings) -> Any:
    """Inspect's model; its own retries are off, since they hold a connection while they wait."""
    import logging

    from inspect_ai.model import GenerateConfig, get_model

    logging.disable(logging.WARNING)
    config = GenerateConfig(
        max_connections=settings.connections,
        max_retries=None if settings.batch else 0,
        batch=settings.batch or None,
        cache=False,
    )
    if settings.model_folder:
        return get_model(
            "hf/local", config=config, model_path=settings.model_folder, dtype="auto", memoize=False
        )
    extra = {"max_retries": 0} if settings.model.startswith(RETRYING_CLIENTS) else {}
    return get_model(settings.model, config=config, memoize=False, **extra)


async def _serve(settings: Settings, first: BinaryIO, out: BinaryIO) -> None:
    try:
        model = open_model(settings)
    except BaseException as error:  # Inspect raises SystemExit for a missing package or key
        out.write(json.dumps({"fatal": True, "error": _words(error)}).encode() + b"\n")
        out.flush()
        return
    desk = Desk(Caller(settings, model), Path(settings.ledger), out)
    desk.say({"ready": True})
    loop = asyncio.get_running_loop()
    incoming: asyncio.Queue[bytes | None] = asyncio.Queue()

    def read() -> None:
        for line in first:
            if line.endswith(b"\n"):  # a run that is killed can leave half a call in the pipe
                loop.call_soon_threadsafe(incoming.put_nowait, line)
        loop.call_soon_threadsafe(incoming.put_nowait, None)

    import threading

    threading.Thread(target=read, daemon=True).start()
    await desk.serve(incoming)
    if settings.model_folder:
        os._exit(0)  # it may still be generating in a thread, for nobody


def main() -> None:
    """Serve one run over stdin and stdout; whatever else prints goes to stderr."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    settings = Settings(**json.loads(sys.stdin.buffer.readline()))
    ledger = Path(settings.ledger)
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{ledger}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            out.write(json.dumps({"waiting": True}).encode() + b"\n")
            out.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
        asyncio.run(_serve(settings, sys.stdin.buffer, out))


if __name__ == "__main__":
    main()
