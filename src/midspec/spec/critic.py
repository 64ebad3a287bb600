"""Linting a spec by an LLM, for what takes judgement; what it can't show in the text is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from midspec.errors import TeacherError
from midspec.files import read_rows, write_json, write_rows
from midspec.llm.asker import Asker, asked_of, ledger_of
from midspec.llm.read import UnreadableError
from midspec.records import Clause
from midspec.run.stage import Stage, Summary
from midspec.spec.lint import Finding, Linted
from midspec.spec.marks import Passage
from midspec.spec.prompts import AskConfig, ask, prompt
from midspec.text import estimate_tokens, find_quote
from midspec.write.estimate import Estimate, billed
from midspec.write.sheet import make_sheet

CHECKS = ("no-reason", "contradiction", "vague", "value-unused", "duplicate")
PAIRED = ("contradiction", "duplicate")  # these name another clause
MOST = 10  # findings in one answer
FINDING_TOKENS = 150  # room for one of them
FOUND = 3  # findings that an estimate counts on
FINDINGS_SCHEMA = """{"type": "object", "properties": {"findings": {"type": "array", "items": {
"type": "object", "properties": {"check": {"type": "string", "enum": ["no-reason",
"contradiction", "vague", "value-unused", "duplicate"]}, "clause": {"type": "string"}, "other":
{"type": "string"}, "quote": {"type": "string"}, "what": {"type": "string"}, "todo":
{"type": "string"}}, "required": ["check", "clause", "other", "quote", "what", "todo"],
"additionalProperties": false}}}, "required": ["findings"], "additionalProperties": false}"""


@dataclass(frozen=True)
class Fault:
    """One fault that the LLM named. unfounded: why it doesn't count, empty if it does."""

    check: str
    clause: str
    other: str
    quote: str
    what: str
    todo: str
    unfounded: str = ""


def lint_stage(spec: Stage, config: AskConfig) -> Stage:
    """The stage that has an LLM read a spec and writes its findings."""
    return Stage("lint", _lint, config, {"spec": spec}, title=f"lint of {spec.title}")


def estimate_lint(
    text: str,
    clauses: Sequence[Clause],
    config: AskConfig,
    batch: bool,
    prices: Mapping[str, tuple[float, float]],
) -> Estimate:
    """What the stage will take, from the spec as it lies on disk."""
    sections = make_sheet(text, clauses).sections
    asked = estimate_tokens(prompt("lint-system", "", {}) + prompt("lint", "", {}))
    sent = sum(estimate_tokens(section.text) + asked for section in sections)
    received = len(sections) * (FOUND * FINDING_TOKENS + config.teacher.reasoning_tokens // 2)
    bill = (config.teacher.model, len(sections), sent, received)
    return replace(billed([bill], len(clauses), "clauses", batch, prices), verb="read")


def with_faults(linted: Linted, folder: Path, found: Sequence[Passage], by: str) -> Linted:
    """A spec's findings with those of a finished stage; what a rule found already is told once."""
    lines = {passage.id: passage.line for passage in found if passage.id}
    known = {(finding.clause, finding.check) for finding in linted.findings}
    added = [
        Finding(
            file=linted.file,
            line=lines[fault.clause],
            clause=fault.clause,
            check=fault.check,
            what=_what(fault, lines),
            todo=fault.todo,
            by=by,
        )
        for fault in read_rows(folder / "faults.jsonl", Fault)
        if not fault.unfounded and (fault.clause, fault.check) not in known
    ]
    merged = sorted([*linted.findings, *added], key=lambda one: (one.line, one.check))
    return replace(linted, findings=merged)


def _what(fault: Fault, lines: Mapping[str, int]) -> str:
    """The fault in the LLM's words, with the words of the spec that show it."""
    other = f" (see {fault.other}, line {lines[fault.other]})" if fault.other in lines else ""
    return f"{fault.quote!r}: {fault.what}{other}"


def _lint(config: AskConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write faults.jsonl, those that don't count with the reason, and sections.json."""
    clauses = read_rows(inputs["spec"] / "clauses.jsonl", Clause)
    text = (inputs["spec"] / "spec.md").read_text(encoding="utf-8")
    sections = make_sheet(text, clauses).sections
    texts = {clause.id: clause.text for clause in clauses}

    async def read(asker: Asker) -> list[list[Fault] | str]:
        async def one(section: str) -> list[Fault] | str:
            values = {**dict(config.identity), "spec": section, "checks": ", ".join(CHECKS)}
            try:
                return await ask(
                    asker,
                    "lint",
                    values,
                    MOST * FINDING_TOKENS,
                    FINDINGS_SCHEMA,
                    lambda found: _faults(found, texts),
                    config.draw,
                )
            except UnreadableError as error:
                return str(error)

        return await asyncio.gather(*(one(section.text) for section in sections))

    ledger = ledger_of(out, "lint", "spec", text, config.teacher)
    answers, figures = asked_of(config.teacher, ledger, read)
    unread = [answer for answer in answers if isinstance(answer, str)]
    if len(unread) == len(answers):
        raise TeacherError(
            f"{config.teacher.model} gave no list of findings that can be read: {unread[0]}. Ask "
            "another model, or draw again (--draw 1)."
        )
    faults = [fault for answer in answers if not isinstance(answer, str) for fault in answer]
    write_rows(out / "faults.jsonl", faults)
    write_json(out / "sections.json", {"read": len(answers) - len(unread), "unread": unread})
    return {
        "faults": sum(not fault.unfounded for fault in faults),
        "unfounded": sum(bool(fault.unfounded) for fault in faults),
        "sections": len(answers),
        "unreadable": len(unread),
        **figures,
    }


def _faults(found: dict[str, Any], texts: Mapping[str, str]) -> list[Fault]:
    """The faults of an answer, checked; another form is UnreadableError."""
    rows = found.get("findings")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnreadableError("no list of findings")
    keys = ("check", "clause", "other", "quote", "what", "todo")
    faults: list[Fault] = []
    for row in rows:
        values = [row.get(key, "") for key in keys]
        if not all(isinstance(value, str) for value in values) or not (row.get("what")):
            raise UnreadableError("a finding without its texts")
        fault = Fault(*(" ".join(value.split()).strip("[]") for value in values))
        faults.append(replace(fault, unfounded=_unfounded(fault, texts, faults)))
    return faults


def _unfounded(fault: Fault, texts: Mapping[str, str], earlier: Collection[Fault]) -> str:
    """Why a fault doesn't count: what it speaks of isn't there."""
    if fault.check not in CHECKS:
        return f"{fault.check!r} is no check"
    if fault.clause not in texts:
        return f"{fault.clause!r} is no clause"
    if fault.check in PAIRED and (fault.other not in texts or fault.other == fault.clause):
        return f"{fault.other!r} is no other clause"
    if not find_quote(fault.quote, texts[fault.clause]):
        return "its quote doesn't stand in the clause"
    if any((one.check, one.clause, one.other) == (fault.check, fault.clause, fault.other)
           for one in earlier):  # fmt: skip
        return "named twice"
    return ""
