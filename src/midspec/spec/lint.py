"""Linting a spec by rules: what is unfinished, unfit in length, said twice or marked wrongly.

Precision comes before recall: a well-written spec gives no findings. What its guidance lacks is in
guidance.py and conflicts.py; what takes judgement is for an LLM, in critic.py.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from midspec.spec.conflicts import Told, contradictions
from midspec.spec.guidance import idle_values, unreasoned, vague
from midspec.spec.marks import ADDED, KINDS, Passage, passages, without_marks
from midspec.spec.read import read_spec
from midspec.text import NearDuplicates, estimate_tokens, fill_in, plain_words

CONTEXT = 8_192  # tokens that the default model, and most others, can read at once
ROOM = 1_024  # of these for a question and its answer
SHORTEST = 120  # words; less has no room for a value, its reasons and its cases
SHORT_CLAUSE = 12  # words; two clauses so short are the same only word for word
LENGTH = "length"  # the check that is about a spec as a whole
CHECKS = (
    "no-reason",
    "contradiction",
    "vague",
    "value-unused",
    "placeholder",
    LENGTH,
    "duplicate",
    "mark",
)

PLACEHOLDER = re.compile(r"\{\{?\s*([A-Za-z_]\w*)\s*\}?\}")
UNFINISHED = re.compile(
    r"\b(?:TODO|TBD|TBA|FIXME|XXX)\b|\blorem ipsum\b|\[(?:insert|add|fill in|your)\b[^\]\n]*\]"
    r"|<(?:insert|add|fill in|your)\b[^>\n]*>|\[(?:\.\.\.|…|name|company|placeholder)\]",
    re.IGNORECASE,
)
SHOUTED = re.compile(r"TODO|TBD|TBA|FIXME|XXX")
LOOSE_MARK = re.compile(rf"\{{:?\s*[#.](?:{'|'.join(KINDS)}|[a-z]+\d[\w.]*)\b[^{{}}\n]*\}}")


@dataclass(frozen=True)
class Finding:
    """What is wrong with one clause of a spec, or with the whole where `clause` is empty.

    check: which check found it; line: from 1; what: the fault; todo: what mends it; by: the LLM
    that found it, empty for a rule.
    """

    file: str
    line: int
    clause: str
    check: str
    what: str
    todo: str
    by: str = ""


@dataclass(frozen=True)
class Linted:
    """A spec that was linted: how much it holds, and the findings in the order of lines."""

    file: str
    clauses: int
    words: int
    tokens: int
    findings: Sequence[Finding]


def lint(path: Path, identity: Mapping[str, str], context: int = CONTEXT) -> Linted:
    """Check a spec file by rules; `context` is how many tokens the model to be prompted can read.

    A file that can't be read as a spec is a ConfigError.
    """
    raw = read_spec(path, {})
    text = fill_in(raw, identity)
    found = passages(text, str(path))
    clauses = [passage for passage in found if passage.form == "clause"]
    bare = without_marks(text)
    told = (
        unreasoned(clauses, bare),
        contradictions(clauses, bare, identity),
        vague(clauses),
        idle_values(clauses, bare, identity),
        _placeholders(without_marks(raw), identity),
        _length(bare, context),
        _duplicates(clauses),
        _marks(found, bare),
    )
    places = {line: passage.id for passage in clauses for line in _lines(passage)}
    findings = [
        Finding(str(path), line, places.get(line, "") if check != LENGTH else "", check, what, todo)
        for check, some in zip(CHECKS, told, strict=True)
        for line, what, todo in some
    ]
    findings.sort(key=lambda finding: (finding.line, finding.check))
    return Linted(str(path), len(clauses), len(bare.split()), estimate_tokens(bare), findings)


def _lines(passage: Passage) -> range:
    return range(passage.line, passage.line + passage.source.count("\n") + 1)


def _placeholders(text: str, identity: Mapping[str, str]) -> Told:
    for number, line in enumerate(text.split("\n"), 1):
        for found in PLACEHOLDER.finditer(line):
            if found[1] in identity and not found[0].startswith("{{"):
                continue
            close = difflib.get_close_matches(found[1], identity, 1)
            hint = f"Did you mean {{{close[0]}}}?" if close else f"Known: {_braced(identity)}."
            yield number, f"{found[0]} is filled in by nothing, so a model reads it as it is.", hint
        for found in UNFINISHED.finditer(line):
            if not SHOUTED.fullmatch(found[0].upper()) or SHOUTED.fullmatch(found[0]):
                yield number, f"{found[0]!r} is unfinished text.", "Write what belongs there."


def _braced(names: Mapping[str, str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def _length(text: str, context: int) -> Told:
    words, tokens = len(text.split()), estimate_tokens(text)
    if words < SHORTEST:
        yield (
            1,
            f"{words} words are too few to write a corpus from: its documents would repeat each "
            "other.",
            f"Say what is valued, why, and in which cases it shows, in {SHORTEST} words or more.",
        )
    if tokens > context - ROOM:
        yield (
            1,
            f"about {tokens:,} tokens are too many for the prompt of a model that reads "
            f"{context:,}, with {ROOM:,} left for the conversation.",
            "Shorten it, or name a larger --context if the model has it.",
        )


def _duplicates(clauses: Sequence[Passage]) -> Told:
    nearly, exactly = NearDuplicates(), dict[str, str]()
    lines = {passage.id: passage.line for passage in clauses}
    for passage in clauses:
        words = plain_words(passage.text)
        earlier = exactly.setdefault(" ".join(words), passage.id)
        if earlier == passage.id and len(words) > SHORT_CLAUSE:
            earlier = nearly.find(passage.id, passage.text) or passage.id
        if earlier != passage.id:
            yield (
                passage.line,
                f"it says again what {earlier} says (line {lines[earlier]}).",
                "Leave one, or say how they differ.",
            )


def _marks(found: Sequence[Passage], text: str) -> Told:
    for passage in found:
        for name in passage.classes:
            if name not in (*KINDS, ADDED):
                close = difflib.get_close_matches(name, KINDS, 1)
                todo = f"Did you mean .{close[0]}?" if close else f"Known: .{', .'.join(KINDS)}."
                yield passage.line, f"the mark .{name} means nothing.", todo
        if passage.form == "clause" and passage.kind == "subrule" and not passage.rule:
            yield (
                passage.line,
                "it is marked as a sub-rule, and no rule stands above it.",
                "Mark the rule, or name it with for=ID.",
            )
    for number, line in enumerate(text.split("\n"), 1):
        for mark in LOOSE_MARK.finditer(line):
            yield (
                number,
                f"{mark[0]} doesn't end the line, so it is read as text.",
                "Put it at the end of the paragraph.",
            )
