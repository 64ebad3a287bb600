"""Reading what an LLM wrote, strictly: lists, verdicts, documents; what is unfit has a reason."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from midspec.llm.ledger import UNREADABLE, Answer
from midspec.records import CLAUSE_ID

REFUSAL = re.compile(
    r"^\W*(?:i['’]?m sorry|i am sorry|sorry,|i apologi[sz]e|"
    r"i (?:can['’]?t|cannot|can not|won['’]?t|am unable|am not able|must decline)|"
    r"unfortunately,? i (?:can|am)|as an ai\b)",
    re.IGNORECASE,
)
REFUSAL_WORDS = 80  # a text longer than this may begin with an apology and still be a document
SCRATCHPAD = re.compile(
    r"</?(?:think|thinking|scratchpad|reasoning|analysis|plan|draft|brainstorm(?:ing)?)\b[^>]*>",
    re.IGNORECASE,
)
DOCUMENT = re.compile(r"<document>(.*)</document>", re.DOTALL | re.IGNORECASE)
PREAMBLE = re.compile(
    r"^\W*(?:(?:sure|certainly|of course|absolutely|okay)\b|document:|"
    r"here(?:['’]s| is| are) (?:the|a|an|your|my)\b[^\n]{0,80}"
    r"(?:document|text|draft|version|piece|article|list))",
    re.IGNORECASE,
)
CUT = ("max_tokens", "model_length")
NUMBERED = re.compile(r"^\s*(\d{1,9})[.)]\s+(\S.*)$")
CLAUSE_IDS = re.compile(rf"\s*\[({CLAUSE_ID}(?:[,;\s]+{CLAUSE_ID})*[,;\s]*)\]\.?\s*$")
FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*)\n\s*```\s*$", re.DOTALL)


class UnreadableError(Exception):
    """An answer isn't what was asked for, and why; `repairable` if asking for its form may help."""

    def __init__(self, reason: str, repairable: bool = False) -> None:
        super().__init__(reason)
        self.repairable = repairable


@dataclass(frozen=True)
class ListItem:
    """One item of a list that an LLM wrote."""

    name: str
    description: str
    clauses: tuple[str, ...]


def usable(answer: Answer) -> str:
    """The answer's text; UnreadableError if it was refused, cut off, or is empty."""
    if answer.stop_reason in CUT:
        raise UnreadableError(f"cut off at {answer.max_tokens} tokens")
    if answer.stop_reason == UNREADABLE:
        raise UnreadableError("the answer's body could not be read")
    text = answer.text.strip()
    if answer.stop_reason == "content_filter":
        raise UnreadableError("refused by the provider's filter")
    if not text:
        raise UnreadableError("empty")
    if REFUSAL.match(text) and len(text.split()) <= REFUSAL_WORDS:
        raise UnreadableError("refused")
    return text


def read_document(answer: Answer) -> str:
    """The document in an answer, inside `<document>` tags or bare; never anything around it."""
    text = usable(answer)
    if SCRATCHPAD.search(text):
        raise UnreadableError("scratchpad left in the text")
    if found := DOCUMENT.search(text):
        text = found[1].strip()
    elif re.search(r"</?document>", text, re.IGNORECASE):
        raise UnreadableError("a document tag without its other half")
    elif PREAMBLE.match(text):
        raise UnreadableError("talk before the document")
    if re.search(r"</?document>", text, re.IGNORECASE):
        raise UnreadableError("more than one document")
    if not re.search(r"\w", text):
        raise UnreadableError("empty")
    if REFUSAL.match(text) and len(text.split()) <= REFUSAL_WORDS:
        raise UnreadableError("refused")
    return text


def read_items(answer: Answer) -> tuple[list[ListItem], list[str]]:
    """The items of a list, and what is wrong with those that aren't usable.

    A JSON object or array, or one numbered list whose numbers run from 1. Text around a list isn't
    read, and two lists are UnreadableError: one of them is likely to be planning.
    """
    text = usable(answer)
    fenced = FENCE.match(text)
    bare = fenced[1].strip() if fenced else text
    if bare.startswith(("{", "[")):
        return _json_items(bare)
    return _numbered_items(text)


def read_object(answer: Answer) -> dict[str, Any]:
    """The JSON object in an answer."""
    text = usable(answer)
    fenced = FENCE.match(text)
    try:
        found = _loads(fenced[1] if fenced else text)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"not JSON ({error.msg})", repairable=True) from error
    if not isinstance(found, dict):
        raise UnreadableError("no JSON object", repairable=True)
    return found


def _loads(text: str) -> Any:
    """What a JSON text says; an answer that loops can be a thousand brackets, or one number."""
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()  # half a character couldn't be written down
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise UnreadableError(
            "JSON with half a character, a number too long, or nested too deep", repairable=True
        ) from error
    return found


def _json_items(text: str) -> tuple[list[ListItem], list[str]]:
    try:
        found = _loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableError(
            f"not JSON ({error.msg} at character {error.pos})", repairable=True
        ) from error
    rows = found.get("items") if isinstance(found, dict) else found
    if not isinstance(rows, list):
        raise UnreadableError('a JSON object without a list "items"', repairable=True)
    items, bad = [], []
    for number, row in enumerate(rows, 1):
        fields = row if isinstance(row, dict) else {}
        name, description = fields.get("name"), fields.get("description", "")
        clauses = fields.get("clauses") or []
        if not (isinstance(name, str) and name.strip() and isinstance(description, str)):
            bad.append(f"item {number} has no name and description")
            continue
        ids = [c for c in clauses if isinstance(c, str)] if isinstance(clauses, list) else []
        found_ids = tuple(re.findall(CLAUSE_ID, " ".join(ids)))
        items.append(ListItem(name.strip(), description.strip() or name.strip(), found_ids))
    if not items:
        raise UnreadableError(bad[0] if bad else "an empty list", repairable=True)
    return items, bad


def _numbered_items(text: str) -> tuple[list[ListItem], list[str]]:
    numbered = [match for line in text.splitlines() if (match := NUMBERED.match(line))]
    if not numbered:
        raise UnreadableError("no numbered list", repairable=True)
    if [int(match[1]) for match in numbered] != list(range(1, len(numbered) + 1)):
        raise UnreadableError("numbers that don't run from 1 in one list", repairable=True)
    items, bad = [], []
    for match in numbered:
        body = match[2]
        ids: tuple[str, ...] = ()
        if cited := CLAUSE_IDS.search(body):
            ids, body = tuple(re.findall(CLAUSE_ID, cited[1])), body[: cited.start()]
        body = re.sub(r"\*\*|__|`", "", body).strip()
        name, _, description = body.partition(": ")
        if not description:
            name, _, description = body.partition(" - ")
        name = name.strip(" :-\"'")
        if not name or name.casefold() == "name":  # the form's own words
            bad.append(f"item {match[1]} has no name")
            continue
        items.append(ListItem(name, description.strip() or name, ids))
    if not items:
        raise UnreadableError(bad[0], repairable=True)
    return items, bad
