"""Transcripts of an arm, from Inspect logs or JSONL: what the model thought, and what it said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midspec import progress
from midspec.errors import ConfigError, DataError
from midspec.evals.actions import THINKING, THOUGHT, THOUGHT_END, said
from midspec.evals.logs import in_order
from midspec.files import read_dicts

THINKING_TAG = re.compile(rf"</?{THINKING}\b[^>]*>", re.IGNORECASE)
STAMPED = re.compile(r"\d{4}-\d{2}-\d{2}T")  # how Inspect names a log


@dataclass(frozen=True)
class Transcript:
    """What one answer says. group: its condition, which intervals resample whole."""

    id: str
    arm: str
    group: str
    thought: str
    said: str

    @property
    def text(self) -> str:
        """What is analysed: the reasoning where there is some, else what can be seen."""
        return self.thought or self.said


def read_transcripts(arm: str, path: Path) -> list[Transcript]:
    """An arm's transcripts: rows of a .jsonl file, or the samples of an Inspect log or of all logs
    in a folder. What can't be read, and an id used twice, is a DataError."""
    if path.suffix == ".jsonl":
        found = list(_rows(arm, path))
    else:
        found = [one for log in _logs(path) for one in _samples(arm, log)]
    seen: set[str] = set()
    for transcript in found:
        if transcript.id in seen:
            raise DataError(
                f"{path} has {transcript.id!r} twice. It holds two runs of one eval, or an id was "
                "used again: name one log, or a folder of one run."
            )
        seen.add(transcript.id)
    return found


def spread(transcripts: Sequence[Transcript], most: int | None) -> list[Transcript]:
    """At most so many, spread evenly over their conditions; the first ones of each, in order."""
    rank: dict[str, int] = {}
    turns = []
    for number, transcript in enumerate(transcripts):
        turns.append((rank.setdefault(transcript.group, 0), number))
        rank[transcript.group] += 1
    kept = sorted(number for _, number in sorted(turns)[:most])
    return [transcripts[number] for number in kept]


def _rows(arm: str, path: Path) -> Iterator[Transcript]:
    for number, row in enumerate(read_dicts(path), 1):
        name, text = row.get("id"), row.get("text")
        group = row.get("group", name)
        if not (all(isinstance(value, str) for value in (name, text, group)) and name):
            raise DataError(
                f"{path}, row {number}: has {', '.join(sorted(row))}; a transcript has the texts "
                "id, group (its condition) and text."
            )
        yield Transcript(str(name), arm, str(group), _thought(str(text)), said(str(text)))


def _logs(path: Path) -> list[Path]:
    """The logs of a folder, or the log itself."""
    if path.is_file():
        return [path]
    found = [
        log
        for log in sorted(path.rglob("*"))
        if log.suffix == ".eval" or (log.suffix == ".json" and STAMPED.match(log.name))
    ]
    if not found:
        raise DataError(
            f"{path} holds no Inspect log. Name a log, a folder of logs, or a .jsonl file whose "
            "rows have id, group and text."
        )
    return found


def _samples(arm: str, log: Path) -> Iterator[Transcript]:
    """A transcript for every sample and epoch of a log; one that failed has no text."""
    try:
        from inspect_ai.log import (
            read_eval_log,
            read_eval_log_samples,
        )
    except ImportError as error:
        raise ConfigError(
            "Reading Inspect logs needs packages that aren't installed. Run: pip install "
            "'midspec[llm]'"
        ) from error
    try:
        header = read_eval_log(str(log), header_only=log.suffix == ".eval")
        samples: Any = in_order(header)
        if log.suffix == ".eval":
            samples = read_eval_log_samples(
                str(log), all_samples_required=False, exclude_fields={"events", "store"}
            )
        read = 0
        for sample in samples:
            read += 1
            yield _transcript(arm, header.eval.task, sample)
    except Exception as error:  # whatever pydantic, zipfile or json raise
        why = " ".join(str(error).split())[:200]
        raise DataError(f"{log} can't be read as an Inspect log ({why}).") from error
    if header.status != "success":
        progress.say(f"{arm}: {log.name} wasn't finished ({header.status}); {read} samples read.")


def _transcript(arm: str, task: str, sample: Any) -> Transcript:
    turns = [_turn(m.content) for m in sample.messages if m.role == "assistant"]
    thoughts, answers = (
        "\n\n".join(filter(None, texts)) for texts in zip(("", ""), *turns, strict=True)
    )
    group = (sample.metadata or {}).get("group") or sample.id
    return Transcript(f"{task}/{sample.id}/{sample.epoch}", arm, str(group), thoughts, answers)


def _turn(content: Any) -> tuple[str, str]:
    """What was thought and what was said in one message of Inspect's."""
    if isinstance(content, str):
        return _thought(content), said(content)
    reasoning = [
        (part.summary or "") if part.redacted else part.reasoning
        for part in content
        if part.type == "reasoning"
    ]
    text = "\n\n".join(part.text for part in content if part.type == "text")
    return "\n\n".join(filter(None, [*reasoning, _thought(text)])), said(text)


def _thought(answer: str) -> str:
    """What stands in scratchpads; a template may have opened the first one before the answer."""
    opened = THOUGHT_END.match(THOUGHT.sub("", answer))
    blocks = [opened[0]] if opened else []
    blocks += [found[0] for found in THOUGHT.finditer(answer)]
    return "\n\n".join(filter(None, (THINKING_TAG.sub("", block).strip() for block in blocks)))
