"""The reasons that drive a transcript, in a reader's own words, before there is a list of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from midspec.evals.reasons.reader import Reader, prompt, shown, why_unread
from midspec.evals.reasons.transcripts import Transcript
from midspec.llm.read import UnreadableError
from midspec.text import find_quote

MOST_REASONS = 8  # of one transcript
FOUND_TOKENS = 120  # room for one reason with its quote
FOUND_SCHEMA = """{"type": "object", "properties": {"reasons": {"type": "array", "items": {
"type": "object", "properties": {"name": {"type": "string"}, "description": {"type": "string"},
"quote": {"type": "string"}}, "required": ["name", "description", "quote"],
"additionalProperties": false}}}, "required": ["reasons"], "additionalProperties": false}"""


@dataclass(frozen=True)
class Found:
    """A reason that a reader saw in a transcript, and the words that show it."""

    name: str
    description: str
    quote: str


@dataclass(frozen=True)
class Extracted:
    """The reasons of one transcript; `unfounded` are those whose quote doesn't stand in it."""

    transcript: str
    arm: str
    reasons: tuple[Found, ...] = ()
    unfounded: tuple[Found, ...] = ()
    problem: str = ""


async def extract(reader: Reader, transcripts: Sequence[Transcript]) -> list[Extracted]:
    """The reasons of each transcript; it fails closed, and for each transcript alone."""
    system = prompt("extract-system", "", {})

    async def read(transcript: Transcript) -> Extracted:
        values = {"transcript": shown(transcript), "most": str(MOST_REASONS)}
        user = prompt("extract", "", values)
        room = FOUND_TOKENS * MOST_REASONS
        try:
            found = await reader.ask("extract", system, user, room, FOUND_SCHEMA, _read)
        except UnreadableError as error:
            return Extracted(transcript.id, transcript.arm, problem=why_unread(error))
        seen = [bool(find_quote(reason.quote, transcript.text)) for reason in found]
        told = list(zip(found, seen, strict=True))
        return Extracted(
            transcript.id,
            transcript.arm,
            tuple(reason for reason, there in told if there),
            tuple(reason for reason, there in told if not there),
        )

    return await reader.each(transcripts, read)


def _read(found: dict[str, Any]) -> list[Found]:
    rows = found.get("reasons")
    if not isinstance(rows, list):
        raise UnreadableError("no list of reasons")
    reasons = []
    for row in rows[:MOST_REASONS]:
        fields = row if isinstance(row, dict) else {}
        texts = [fields.get(key) for key in ("name", "description", "quote")]
        name, description, quote = (text if isinstance(text, str) else "" for text in texts)
        if not (name.strip() and description.strip()):
            raise UnreadableError("a reason without a name and a description")
        reasons.append(Found(" ".join(name.split()), " ".join(description.split()), quote))
    return reasons
