"""A server behind the OpenAI chat API that repeats the key that it was sent, wherever it can."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import quote

from tests.teacher_answers import Settings, answer, completion, prompt_digest


class Echo(BaseHTTPRequestHandler):
    """The first part of the path says what it does: `ok` answers, a number is the status of an
    error, `html` is a body that is no JSON."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Authorization"]
        kind = self.path.split("/")[1]
        told = f"{key} {quote(key)} {quote(key, safe='')} {b64encode(key.encode()).decode()}"
        status, body = 200, f"<html>{told}</html>"
        if kind.isdecimal():
            error = {"message": told, "type": told, "code": key}
            status, body = int(kind), json.dumps({"error": error})
        elif kind == "ok":
            said = answer(asked, Settings())
            found = completion(asked, said, prompt_digest(asked))
            if not said.text.lstrip().startswith(("{", "[")):
                text = said.text.replace(". ", f". The key is {told}. ", 1)
                found["choices"][0]["message"]["content"] = f"{text}\n\n{told}"
            body = json.dumps(found)
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if body[0] == "{" else "text/html")
        self.send_header("Content-Length", str(len(body.encode())))
        self.send_header("X-Key", key)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[str]:
    """Its address, for as long as the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
