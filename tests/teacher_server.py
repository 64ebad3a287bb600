"""A pretend LLM teacher behind the OpenAI chat API, with the faults of a bad day.

What it answers is a function of the prompt, and so are the faults of content; the faults of
transport are drawn anew for each request. So a corpus is the same however often its making is
interrupted, and every answer can be told from every other. Run by itself it prints its port:

    python -m tests.teacher_server --latency 0.05 --capacity 50 --rate-limited 0.1
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from aiohttp import web

from tests.teacher_answers import Settings, answer, completion, prompt_digest, text_digest


class Teacher:
    """The server's state: what it was asked and what it handed over."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget all that was counted, and draw the faults of requests from the start."""
        self.draw = random.Random(self.settings.seed)
        self.requests = self.at_work = self.peak = 0
        self.answered: Counter[str] = Counter()  # by prompt digest
        self.unreadable: Counter[str] = Counter()  # likewise, for bodies that are no JSON
        self.texts: dict[str, str] = {}  # prompt digest: digest of the answer
        self.faults: Counter[str] = Counter()
        self.first_request = self.last_answer = 0.0

    def stats(self) -> dict[str, Any]:
        """The counts; `repeated` are answers to a prompt that was answered before."""
        return {
            "requests": self.requests,
            "answered": self.answered.total(),
            "distinct": len(self.answered),
            "repeated": self.answered.total() - len(self.answered),
            "unreadable": len(self.unreadable),
            "unreadable_repeated": self.unreadable.total() - len(self.unreadable),
            "faults": dict(self.faults),
            "peak": self.peak,
            "first_request": self.first_request,
            "last_answer": self.last_answer,
        }

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answer a chat request, or fail it in one of the ways of the settings."""
        self.requests += 1
        self.first_request = self.first_request or time.time()
        asked = await request.json()
        lot = self.draw.random()
        if self.at_work >= self.settings.capacity:
            return self._fault("over_capacity", 429)
        if (lot := lot - self.settings.rate_limited) < 0:
            return self._fault("rate_limited", 429)
        self.at_work += 1
        self.peak = max(self.peak, self.at_work)
        try:
            if (lot := lot - self.settings.errors) < 0:
                await asyncio.sleep(self.settings.latency / 2)
                return self._fault("errors", 500)
            if lot - self.settings.hangs < 0:
                self.faults["hangs"] += 1
                await asyncio.Event().wait()  # cancelled when the client goes away
            await asyncio.sleep(self.settings.latency)
            return await self._hand_over(request, asked)
        except asyncio.CancelledError:
            self.faults["client_gone"] += 1
            raise
        except ConnectionResetError:
            self.faults["client_gone"] += 1
            return web.Response(status=499)  # nobody is there to read it
        finally:
            self.at_work -= 1

    def _fault(self, name: str, status: int) -> web.Response:
        self.faults[name] += 1
        headers = {"Retry-After": f"{self.draw.uniform(0.03, 0.07):.3f}"} if status == 429 else {}
        error = {"message": name.replace("_", " "), "type": name}
        return web.json_response({"error": error}, status=status, headers=headers)

    async def _hand_over(self, request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        said, digest = answer(asked, self.settings), prompt_digest(asked)
        body = (said.unreadable or json.dumps(completion(asked, said, digest))).encode()
        html = said.unreadable.startswith("<")
        reply = web.StreamResponse()
        reply.content_type = "text/html" if html else "application/json"
        reply.content_length = len(body)
        await reply.prepare(request)
        await reply.write(body)
        await reply.write_eof()
        # An answer is what a client that is still there was given whole.
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError
        (self.unreadable if said.unreadable else self.answered)[digest] += 1
        self.last_answer = time.time()
        if said.fault:
            self.faults[said.fault] += 1
        if not said.unreadable:
            self.texts[digest] = text_digest(said.text)
        return reply


async def serve(settings: Settings) -> None:
    """Serve on the loopback address until stopped; the port is the first line printed."""
    teacher = Teacher(settings)

    async def stats(request: web.Request) -> web.Response:
        return web.json_response(teacher.stats())

    async def texts(request: web.Request) -> web.Response:
        return web.json_response(list(teacher.texts.values()))

    async def reset(request: web.Request) -> web.Response:
        teacher.reset()
        return web.json_response({})

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/chat/completions", teacher.complete)
    app.router.add_get("/stats", stats)
    app.router.add_get("/texts", texts)
    app.router.add_post("/reset", reset)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", settings.port, backlog=1024).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


@dataclass(frozen=True)
class Server:
    """A server that runs in another process."""

    url: str

    @property
    def base_url(self) -> str:
        """What a client of the OpenAI API is told."""
        return f"{self.url}/v1"

    def stats(self) -> dict[str, Any]:
        """The counts so far."""
        found: dict[str, Any] = self._ask("/stats")
        return found

    def texts(self) -> Counter[str]:
        """How many prompts were given each answer, by `text_digest`; unreadable ones left out."""
        return Counter(self._ask("/texts"))

    def reset(self) -> None:
        """Start the counts anew."""
        self._ask("/reset", "POST")

    def _ask(self, path: str, method: str = "GET") -> Any:
        with urlopen(Request(self.url + path, method=method), timeout=30) as reply:
            return json.load(reply)


@contextmanager
def start(**settings: float) -> Iterator[Server]:
    """A server of these `Settings`, for as long as the block runs."""
    command = [sys.executable, "-m", "tests.teacher_server"]
    for name, value in settings.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            died = process.poll()
            process.terminate()
            if died is not None:
                raise RuntimeError(f"the pretend teacher ended by itself, with {died}")


def main() -> None:
    """Serve with the settings of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for field in fields(Settings):
        name = f"--{field.name.replace('_', '-')}"
        parser.add_argument(name, type=type(field.default), default=field.default)
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Settings(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
