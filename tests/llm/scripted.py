"""A chat API that answers as a script says and remembers what it was asked.

`teacher_server` has the faults of a bad day at random; this has one fault where a test wants it.
"""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}


@dataclass(frozen=True)
class Reply:
    """One answer to one request; `hang` never comes, `error` is the message of a status."""

    text: str = "Tea."
    status: int = 200
    finish: str = "stop"
    error: str = "no"
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    hang: bool = False
    after: float = 0.0

    def body(self) -> bytes:
        """What is sent."""
        if self.raw is not None:
            return self.raw
        if self.status != 200:
            return json.dumps({"error": {"message": self.error, "type": "x"}}).encode()
        message = {"role": "assistant", "content": self.text}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "writer"}
        return json.dumps({**whole, "choices": [choice], "usage": USAGE}).encode()


class Scripted(ThreadingHTTPServer):
    """Takes replies from `script` in turn; when it is empty, every request is answered."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: deque[Reply] = deque()
        self.always: Reply = Reply()
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.at_work = self.peak = 0
        self.lock = threading.Lock()
        self.over = threading.Event()

    @property
    def base_url(self) -> str:
        """What a client of the OpenAI API is told."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_POST(self) -> None:
        """Answer a request as the script says."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.bodies.append(asked)
            self.server.keys.append(self.headers["Authorization"] or "")
            reply = self.server.script.popleft() if self.server.script else self.server.always
            self.server.at_work += 1
            self.server.peak = max(self.server.peak, self.server.at_work)
        self.server.over.wait(60 if reply.hang else reply.after)
        with self.server.lock:
            self.server.at_work -= 1
        with suppress(OSError):
            body = reply.body()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def scripted() -> Iterator[Scripted]:
    """A server in this process, for as long as the block runs."""
    server = Scripted()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
