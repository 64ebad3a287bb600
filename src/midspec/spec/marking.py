"""Marking a spec by an LLM, sentence by sentence; no word of it is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from midspec.errors import TeacherError
from midspec.llm.asker import Asker
from midspec.llm.read import UnreadableError
from midspec.spec.marks import KINDS, Passage
from midspec.spec.match import SENTENCE
from midspec.spec.prompts import ask
from midspec.text import fill_in

NONE = "none"
BELONGING = ("subrule", "reason", "example")  # kinds that belong to a rule
AT_ONCE = 60  # sentences in one question
LABEL_TOKENS = 40  # room for what is said of one
LABELS_SCHEMA = """{"type": "object", "properties": {"labels": {"type": "array", "items": {
"type": "object", "properties": {"id": {"type": "string"}, "kind": {"type": "string", "enum":
["rule", "subrule", "reason", "example", "general", "none"]}, "rule": {"type": "string"}},
"required": ["id", "kind", "rule"], "additionalProperties": false}}}, "required": ["labels"],
"additionalProperties": false}"""


@dataclass(frozen=True)
class Label:
    """What the LLM says of one sentence; `rule` is the id of a sentence, empty for the whole."""

    id: str
    kind: str
    rule: str
    text: str


def sentences(found: Sequence[Passage]) -> dict[str, str]:
    """The sentences of the clauses, by id: the clause's and a number."""
    return {
        f"{passage.id}.{number}": text
        for passage in found
        if passage.form == "clause"
        for number, text in enumerate(SENTENCE.split(passage.text), 1)
    }


async def mark(
    asker: Asker, found: Sequence[Passage], identity: Mapping[str, str], draw: int
) -> tuple[list[Passage], list[Label]]:
    """The passages with the kinds that the LLM gives to their sentences, and what it said; a clause
    of several kinds is taken apart. Labels that can't be read are a TeacherError."""
    texts = sentences(found)
    names = list(texts)
    parts = [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]
    values = {**identity, "spec": fill_in(shown(found), identity)}

    async def one(part: list[str]) -> list[Label]:
        asked = {"n": str(len(part)), "ids": ", ".join(part), "kinds": ", ".join((*KINDS, NONE))}
        room = LABEL_TOKENS * len(part)
        return await ask(
            asker, "marks", values | asked, room, LABELS_SCHEMA,
            lambda said: _labels(said, part, texts), draw,
        )  # fmt: skip

    try:
        labels = [label for some in await asyncio.gather(*map(one, parts)) for label in some]
    except UnreadableError as error:
        raise TeacherError(
            f"{asker.teacher.model} didn't say what each sentence is: {error}. Ask another model, "
            "draw again (--draw 1), or mark the spec by hand (docs/spec-variants.md)."
        ) from error
    return apply(found, labels), labels


def shown(found: Sequence[Passage]) -> str:
    """The spec as the LLM sees it, with an id before each sentence."""
    lines = []
    for passage in found:
        if passage.form == "clause":
            texts = SENTENCE.split(passage.text)
            lines.append(" ".join(f"[{passage.id}.{n}] {t}" for n, t in enumerate(texts, 1)))
        else:
            lines.append(passage.source)
    return "\n\n".join(lines)


def _labels(said: dict[str, Any], part: Sequence[str], texts: Mapping[str, str]) -> list[Label]:
    """One label for each sentence that was asked about; anything else is UnreadableError."""
    rows = said.get("labels")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnreadableError("no list of labels")
    by_id = {row.get("id"): row for row in rows}
    if missing := [name for name in part if name not in by_id]:
        raise UnreadableError(f"nothing about {missing[0]}")
    labels = []
    for name in part:
        kind, rule = by_id[name].get("kind"), by_id[name].get("rule", "")
        if kind not in (*KINDS, NONE):
            raise UnreadableError(f"{name} is {kind!r}, which is no kind")
        if not isinstance(rule, str) or (rule and rule not in texts):
            raise UnreadableError(f"{name} belongs to {rule!r}, which is no sentence")
        labels.append(Label(name, kind, rule if kind in BELONGING else "", texts[name]))
    return labels


def apply(found: Sequence[Passage], labels: Sequence[Label]) -> list[Passage]:
    """The passages with these kinds. What belongs to a sentence that is no rule belongs to all."""
    kinds = {label.id: label for label in labels}
    clause_of: dict[str, str] = {}  # the clause that a rule's sentence came to stand in
    split: list[tuple[Passage, str]] = []  # with the id of the sentence that says whose it is
    for passage in found:
        if passage.form != "clause":
            split.append((passage, ""))
            continue
        said = [kinds[f"{passage.id}.{n + 1}"] for n in range(len(SENTENCE.split(passage.text)))]
        runs = [list(run) for _, run in groupby(said, key=lambda label: (label.kind, label.rule))]
        for number, run in enumerate(runs, 1):
            name = passage.id if len(runs) == 1 else f"{passage.id}.{number}"
            kind = "" if run[0].kind == NONE else run[0].kind
            part = replace(passage, id=name, kind=kind, rule="", classes=())
            if len(runs) > 1:
                text = " ".join(label.text for label in run)
                part = replace(part, text=text, source=passage.reworded(text))
            clause_of |= {label.id: name for label in run if kind == "rule"}
            split.append((part, run[0].rule))
    return [replace(part, rule=clause_of.get(rule, "")) for part, rule in split]
