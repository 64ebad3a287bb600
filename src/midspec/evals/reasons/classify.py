"""Which reasons drive a transcript: a judge's yes or no for each, with words that stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from midspec.evals.reasons.reader import Reader, prompt, shown, why_unread
from midspec.evals.reasons.taxonomy import Reason
from midspec.evals.reasons.transcripts import Transcript
from midspec.llm.read import UnreadableError
from midspec.text import find_quote

VERDICT_TOKENS = 100  # room for the verdict on one reason, with its quote
VERDICTS_SCHEMA = """{"type": "object", "properties": {"verdicts": {"type": "array", "items": {
"type": "object", "properties": {"reason": {"type": "string"}, "significant": {"type": "boolean"},
"quote": {"type": "string"}}, "required": ["reason", "significant", "quote"],
"additionalProperties": false}}}, "required": ["verdicts"], "additionalProperties": false}"""


@dataclass(frozen=True)
class Classified:
    """What drives a transcript: quotes by a reason's id.

    unfounded: what the judge quoted for reasons that it took for drivers and that don't count,
    since it doesn't stand in the transcript. problem: why there is no verdict; then it says
    nothing of any reason.
    """

    transcript: str
    arm: str
    group: str
    drivers: dict[str, str] = field(default_factory=dict)
    unfounded: dict[str, str] = field(default_factory=dict)
    problem: str = ""


async def classify(
    reader: Reader,
    reasons: Sequence[Reason],
    transcripts: Sequence[Transcript],
    per_call: int | None = None,
) -> list[Classified]:
    """A verdict on every transcript by every reason, `per_call` of them asked about at once.

    It fails closed, and for each transcript alone: where one of its calls gives nothing that can
    be read, the transcript has no verdict.
    """
    size = per_call or len(reasons)
    parts = [reasons[start : start + size] for start in range(0, len(reasons), size)]
    systems = [classify_system(part) for part in parts]

    async def read(transcript: Transcript) -> Classified:
        said: dict[str, str] = {}
        try:
            for part, system in zip(parts, systems, strict=True):
                said |= await _verdicts(reader, system, part, transcript)
        except UnreadableError as error:
            return Classified(
                transcript.id, transcript.arm, transcript.group, problem=why_unread(error)
            )
        found = {name for name, quote in said.items() if find_quote(quote, transcript.text)}
        return Classified(
            transcript.id,
            transcript.arm,
            transcript.group,
            {name: quote for name, quote in said.items() if name in found},
            {name: quote for name, quote in said.items() if name not in found},
        )

    return await reader.each(transcripts, read)


def classify_system(reasons: Sequence[Reason]) -> str:
    """The system message: the same for every transcript, so providers can cache it."""
    listed = "\n\n".join(
        f"[{reason.id}] {reason.name}: {reason.definition}\nExample: {reason.example}"
        for reason in reasons
    )
    return prompt("classify-system", "", {"reasons": listed})


async def _verdicts(
    reader: Reader, system: str, reasons: Sequence[Reason], transcript: Transcript
) -> dict[str, str]:
    """The quotes for the reasons that the judge takes for drivers."""
    ids = [reason.id for reason in reasons]
    values = {"transcript": shown(transcript), "n": str(len(ids)), "ids": ", ".join(ids)}
    return await reader.ask(
        "classify",
        system,
        prompt("classify", "", values),
        VERDICT_TOKENS * len(ids),
        VERDICTS_SCHEMA,
        lambda found: _read(found, ids),
    )


def _read(found: dict[str, Any], ids: Sequence[str]) -> dict[str, str]:
    """The quotes by reason; anything but one plain yes or no for each is UnreadableError."""
    rows = found.get("verdicts")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnreadableError("no list of verdicts")
    named = [row.get("reason") for row in rows]
    if missing := [name for name in ids if named.count(name) != 1]:
        raise UnreadableError(f"not one verdict on {missing[0]}")
    if len(named) > len(ids):
        raise UnreadableError("verdicts on reasons that it wasn't asked about")
    quotes = {}
    for row in rows:
        significant, quote = row.get("significant"), row.get("quote", "")
        if not (isinstance(significant, bool) and isinstance(quote, str)):
            raise UnreadableError(f"no yes or no, or no quote, on {row['reason']}")
        if significant:
            quotes[row["reason"]] = quote
    return quotes
