"""A spec as the teacher sees it: passages with their ids, whole or, if it is long, by section."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from midspec.records import Clause
from midspec.text import estimate_tokens, plain_words

WHOLE_SPEC_TOKENS = 24_000  # a longer spec is given by section, with an outline of the rest
SECTION_TOKENS = 12_000
RULE = re.compile(r"^\s*(?:[-*]|\d+[.)])\s+", re.MULTILINE)
RULES_SHARE = 0.6  # of a spec's passages; from here on it is a list of rules


@dataclass(frozen=True)
class Section:
    """A part of a spec that one call can hold: clause ids, and the text with the outline."""

    ids: frozenset[str]
    text: str


@dataclass(frozen=True)
class Sheet:
    """A spec ready for prompts."""

    clauses: Sequence[Clause]
    sections: Sequence[Section]
    form: str  # which set of prompts: "prose", "rules", or "small" for a small teacher

    def section(self, ids: Collection[str]) -> int:
        """The section that holds most of these clauses."""
        return max(range(len(self.sections)), key=lambda n: len(self.sections[n].ids & set(ids)))

    def passages(self, ids: Collection[str]) -> str:
        """These clauses in the spec's own words."""
        return "\n\n".join(clause.text for clause in self.clauses if clause.id in ids)

    def known(self, ids: Sequence[str], about: str, section: int) -> tuple[str, ...]:
        """The ids that exist; where none does, the clause that shares most words with `about`."""
        here = self.sections[section].ids
        real = tuple(dict.fromkeys(i for i in ids if i in here))
        if real:
            return real
        wanted = {word for word in plain_words(about) if len(word) > 3}
        candidates = [clause for clause in self.clauses if clause.id in here]
        closest = max(candidates, key=lambda c: len(wanted & set(plain_words(c.text))))
        return (closest.id,)

    def closest(self, among: Sequence[str], cited: Sequence[str], about: str) -> str:
        """The first cited clause that is among these, or the one that shares most words."""
        wanted = set(plain_words(about))
        texts = {clause.id: clause.text for clause in self.clauses}
        return next(
            (name for name in cited if name in among),
            max(among, key=lambda name: len(wanted & set(plain_words(texts[name])))),
        )


def make_sheet(spec: str, clauses: Sequence[Clause], small: bool = False) -> Sheet:
    """A sheet of a spec's text and its clauses; for a small teacher without ids, which it would
    copy."""
    tables = "\n".join(line for line in spec.splitlines() if line.lstrip().startswith("|"))
    groups = _sections(clauses)
    texts = [_passages(group, ids=not small) for group in groups]
    if sum(estimate_tokens(text) for text in texts) + estimate_tokens(tables) <= WHOLE_SPEC_TOKENS:
        whole = "\n\n".join(text for text in [*texts, tables] if text)
        sections = [Section(frozenset(clause.id for clause in clauses), whole)]
    else:
        outline = "The spec's sections: " + "; ".join(
            dict.fromkeys(clause.heading for clause in clauses if clause.heading)
        )
        after = f"\n\n{tables}" if tables else ""
        sections = [
            Section(frozenset(c.id for c in part), f"{outline}\n\nOne part of it:\n\n{text}{after}")
            for part, text in _pack(groups, texts)
        ]
    listed = len(RULE.findall(spec))
    form = "rules" if listed >= RULES_SHARE * len(clauses) else "prose"
    return Sheet(clauses, sections, "small" if small else form)


def _sections(clauses: Sequence[Clause]) -> list[list[Clause]]:
    """The clauses by section, a section of its own for a heading; an overlong one is split."""
    groups: list[list[Clause]] = []
    size = 0
    for clause in clauses:
        tokens = estimate_tokens(clause.text)
        new = not groups or groups[-1][-1].heading != clause.heading
        if new or size + tokens > SECTION_TOKENS:
            groups.append([])
            size = 0
        groups[-1].append(clause)
        size += tokens
    return groups


def _passages(clauses: Sequence[Clause], ids: bool) -> str:
    lines, heading = [], None
    for clause in clauses:
        if clause.heading and clause.heading != heading:
            lines.append(f"# {clause.heading}")
        heading = clause.heading
        lines.append(f"[{clause.id}] {clause.text}" if ids else clause.text)
    return "\n\n".join(lines)


def _pack(groups: list[list[Clause]], texts: list[str]) -> list[tuple[list[Clause], str]]:
    packed: list[tuple[list[Clause], str]] = []
    size = SECTION_TOKENS
    for group, text in zip(groups, texts, strict=True):
        tokens = estimate_tokens(text)
        if size + tokens > SECTION_TOKENS:
            packed.append(([], ""))
            size = 0
        part, so_far = packed[-1]
        packed[-1] = (part + group, f"{so_far}\n\n{text}".strip())
        size += tokens
    return packed
