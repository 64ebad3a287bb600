"""The ledger: every answered call, on disk before anything reads the answer.

One JSON object a line, appended and fsynced. Only the process that makes the calls writes; who
asks reads. A line torn by a crash is cut off when the ledger is next opened for writing.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path

from midspec.errors import StoreError
from midspec.files import disk_errors

UNREADABLE = "unreadable"  # the stop reason of an answer that the client couldn't read


@dataclass(frozen=True)
class Call:
    """One question to an LLM. Calls that are meant to differ differ in `sample`.

    step and prompt_version say what it is for; they are recorded and are no part of the key, since
    the messages themselves are.
    """

    step: str
    prompt_version: int
    model: str
    system: str
    user: str
    max_tokens: int
    temperature: float | None = None
    reasoning_effort: str | None = None
    sample: str = "0"
    schema: str = ""  # the JSON schema of the answer; a provider that has none gets the text alone

    @property
    def key(self) -> str:
        """Sixteen digits for everything that decides the answer."""
        parts = [self.model, self.system, self.user, self.max_tokens, self.temperature]
        parts += [self.reasoning_effort, self.sample]
        return sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:16]

    @property
    def seed(self) -> int:
        """A seed for providers that take one, so that samples differ there too."""
        return int(self.key[:8], 16) >> 1


@dataclass(frozen=True)
class Answer:
    """What came back. stop_reason is Inspect's: stop, max_tokens, content_filter, …; or it is
    `unreadable`, and text says why."""

    key: str
    step: str
    prompt_version: int
    model: str
    sample: str
    temperature: float | None
    max_tokens: int
    text: str
    stop_reason: str
    input_tokens: int
    output_tokens: int
    cost: float | None
    seconds: float
    attempts: int
    at: str
    cached_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


def ledger_file(folder: Path, stage: str, name: str, spec: str, teacher: object) -> Path:
    """One ledger for a stage's spec and teacher: sizes and variants of a corpus share answers."""
    digest = sha256(f"{spec}\n{teacher}".encode()).hexdigest()
    # A spec may have any name, and what tells ledgers apart is the digest.
    told = re.sub(r"[^\w.+ -]", "-", name)[:60]
    return folder / f"{stage}-{told}-{digest[:12]}.jsonl"


class LedgerReader:
    """Answers by key; where each lies is held in memory, what it says is read when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: dict[str, tuple[int, int]] = {}
        self.read_to = 0
        self.refresh()

    def refresh(self) -> None:
        """Take in the whole lines that were written since it was last looked at."""
        if not self.path.exists():
            return
        with open(self.path, "rb") as file:
            file.seek(self.read_to)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    self.places[json.loads(line)["key"]] = (self.read_to, len(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise StoreError(
                        f"{self.path}: what stands at byte {self.read_to} is no answer. Take that "
                        "line out, or move the file away; what it holds would be asked again."
                    ) from error
                self.read_to += len(line)

    def find(self, key: str) -> Answer | None:
        """The answer on disk, or None."""
        if key not in self.places:
            return None
        start, length = self.places[key]
        with open(self.path, "rb") as file:
            file.seek(start)
            row = json.loads(file.read(length))
        known = {field.name for field in fields(Answer)}
        return Answer(**{name: value for name, value in row.items() if name in known})


class LedgerWriter:
    """Appends answers; `append` returns when they are on the disk, not in a buffer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(path, "ab")  # noqa: SIM115 - held for the life of the process
            self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        """A crash can leave half a line at the end; nobody was ever given that answer."""
        size = self.file.tell()
        with open(self.path, "rb") as file:
            back = 0
            while back < size:
                back = min(size, back + 65536)
                file.seek(size - back)
                if (end := file.read(min(back, 65536)).rfind(b"\n")) >= 0:
                    size = size - back + end + 1
                    break
            else:
                size = 0
        self.file.truncate(size)
        self.file.seek(size)

    def append(self, answers: list[Answer]) -> None:
        """Write several answers with one fsync."""
        lines = [json.dumps(asdict(answer), ensure_ascii=False) + "\n" for answer in answers]
        with disk_errors(self.path):
            self.file.write("".join(lines).encode("utf-8"))
            self.file.flush()
            os.fsync(self.file.fileno())
