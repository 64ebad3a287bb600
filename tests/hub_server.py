"""A pretend Hugging Face Hub: repositories that are made, and files that are committed to them."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_pretend_token_of_nobody"


@dataclass
class Repo:
    """A repository: who may see it, its files, and its commits' messages."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)


@dataclass
class Hub:
    """What the server holds; `large` is the size in bytes from which a file goes by LFS."""

    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)  # by "models/owner/name"
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    large: int = 20_000

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:  # noqa: PLR0911
        """The status and the JSON of an answer."""
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if path.startswith("/upload/"):
            self.objects[parts[1]] = body
            return 200, {}
        if path.endswith("/info/lfs/objects/batch"):
            return 200, {"transfer": "basic", "objects": self.lfs(json.loads(body))}
        repo = self.repos.get("/".join(parts[1:4]))
        if repo is None:
            return 404, {"error": "Repository not found"}
        if method == "GET":
            return 200, {"id": "/".join(parts[2:4]), "private": repo.private, "siblings": []}
        if parts[4] == "preupload":
            return 200, {"files": [self.mode(file) for file in json.loads(body)["files"]]}
        assert parts[4] == "commit", path
        return self.commit(repo, "/".join(parts[2:4]), body)

    def create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        """Make a repository; one that is there is a conflict."""
        kind = f"{asked.get('type', 'model')}s"
        name = f"{kind}/{asked['organization']}/{asked['name']}"
        if name in self.repos:
            return 409, {"error": "It is there", "url": f"{self.url}/{name}"}
        self.repos[name] = Repo(asked.get("private") or asked.get("visibility") == "private")
        return 200, {"url": f"{self.url}/{name.removeprefix('models/')}"}

    def mode(self, file: dict[str, Any]) -> dict[str, Any]:
        """How a file is to be sent."""
        mode = "lfs" if file["size"] >= self.large else "regular"
        return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}

    def lfs(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """Where large files are to be sent."""
        return [
            {**one, "actions": {"upload": {"href": f"{self.url}/upload/{one['oid']}"}}}
            for one in asked["objects"]
        ]

    def commit(self, repo: Repo, name: str, body: bytes) -> tuple[int, Any]:
        """Take a commit's files; a large one must have been sent, and be what it says."""
        for line in body.decode().splitlines():
            row = json.loads(line)
            value = row["value"]
            if row["key"] == "header":
                repo.commits.append(value["summary"])
            elif row["key"] == "lfsFile":
                content = self.objects[value["oid"]]
                assert sha256(content).hexdigest() == value["oid"]
                repo.files[value["path"]] = content
            else:
                repo.files[value["path"]] = base64.b64decode(value["content"])
        oid = sha256(body).hexdigest()[:40]
        return 200, {"commitUrl": f"{self.url}/{name}/commit/{oid}", "commitOid": oid}


@contextmanager
def pretend_hub() -> Iterator[Hub]:
    """A server of this machine, for as long as the block runs."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.partition("?")[0]
            hub.asked.append(f"{self.command} {path}")
            sent = path.startswith("/upload/")
            if not sent and self.headers.get("authorization") != f"Bearer {TOKEN}":
                status, found = 401, {"error": "Invalid username or password."}
            else:
                status, found = hub.answer(self.command, path, body)
            raw = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
