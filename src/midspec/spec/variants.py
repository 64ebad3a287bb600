"""Variants of one spec, by what its clauses are marked as (paper §5.1, §5.2, C.4).

Rules alone; with sub-rules; with the values behind them, of the same length; general against
specific; and with the reasons given to other rules. A clause keeps its id in all of them.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from midspec.errors import ConfigError
from midspec.spec.marks import ADDED, WHOLE, Passage
from midspec.spec.match import Matched, match_length, words
from midspec.spec.read import TABLE_ROW

RULES, SUBRULES, VALUES = "rules", "rules-subrules", "rules-values"
GENERAL, SPECIFIC, BROKEN = "general", "specific", "broken"


@dataclass(frozen=True)
class Variant:
    """One spec made of another; how says in a sentence what it holds."""

    name: str
    how: str
    passages: Sequence[Passage]
    matched: Matched | None = None


@dataclass(frozen=True)
class Made:
    """The variants of a spec, and why others can't be made of it, by name."""

    variants: Sequence[Variant]
    missing: dict[str, str] = field(default_factory=dict)


def make_variants(found: Sequence[Passage], seed: int, tolerance: float) -> Made:
    """Every variant that the marks allow; the same for the same spec and seed.

    tolerance: the share of words by which those of one length may differ.
    """
    rules = {passage.id for passage in found if passage.kind == "rule"}
    kinds = {passage.kind for passage in found}
    missing: dict[str, str] = {}
    made: list[Variant] = []
    if not rules:
        missing[RULES] = "no clause is marked as a rule"
    else:
        made.append(Variant(RULES, "rules alone", keep(found, ("", "rule"))))
        augmented = _augmented(found, kinds, seed, tolerance)
        made += augmented.variants
        missing |= augmented.missing
    own = [passage for passage in found if ADDED not in passage.classes]
    specific = Variant(SPECIFIC, "the whole spec", with_headings(own))
    alike = next((v for v in made if ids(v.passages) == ids(specific.passages)), None)
    general = keep(found, ("general",))
    if ids(general) in (set(), ids(specific.passages)):
        which = "no clause" if not ids(general) else "all of it"
        missing[GENERAL] = f"{which} is marked as general"
    else:
        made += [Variant(GENERAL, "what is said in general terms", general), specific]
    for variant in [v for v in made if v.name == VALUES] + ([] if alike else [specific]):
        name = f"{variant.name}-{BROKEN}"
        broken = break_attribution(variant.passages, seed)
        if broken is None:
            missing[name] = "no two rules, or rows of a table of preferences, have reasons to swap"
            continue
        if variant not in made:
            made.append(variant)
        how = f"{variant.name}, with the reasons of each rule given to another"
        made.append(Variant(name, how, broken, variant.matched))
    return Made(made, missing)


def _augmented(
    found: Sequence[Passage], kinds: Collection[str], seed: int, tolerance: float
) -> Made:
    """Rules with sub-rules and rules with values; the longer of the two is cut to the other."""
    wanted = {
        SUBRULES: ("subrule", "rules and their sub-rules"),
        VALUES: ("reason", "rules and the values behind them"),
    }
    held = {
        name: keep(found, ("", "rule", kind)) for name, (kind, _) in wanted.items() if kind in kinds
    }
    missing = {
        name: f"no clause is marked as a {kind.replace('sub', 'sub-')}"
        for name, (kind, _) in wanted.items()
        if name not in held
    }
    made: list[Variant] = []
    shortest = min(held, key=lambda name: words(held[name]), default="")
    for name, passages in held.items():
        kind, how = wanted[name]
        if name == shortest:
            made.append(Variant(name, how, passages))
            continue
        target = words(held[shortest])
        cut, matched = match_length(passages, kind, target, shortest, seed, tolerance)
        made.append(Variant(name, how, with_headings(cut), matched))
    return Made(made, missing)


def keep(found: Sequence[Passage], kinds: Collection[str]) -> list[Passage]:
    """The passages of these kinds, under their headings; a table goes with what its section is."""
    return with_headings([p for p in found if p.form == "heading" or p.kind in kinds])


def with_headings(found: Sequence[Passage]) -> list[Passage]:
    """The passages without the headings that nothing is left below; a title stays."""
    kept: list[Passage] = []
    for number, passage in enumerate(found):
        if passage.form == "heading" and not (passage.level == 1 and number == 0):
            below = (
                other.form != "heading" for other in _until(found[number + 1 :], passage.level)
            )
            if not any(below):
                continue
        kept.append(passage)
    return kept


def _until(found: Sequence[Passage], level: int) -> Iterator[Passage]:
    """What stands below a heading of this level."""
    for passage in found:
        if passage.form == "heading" and passage.level <= level:
            return
        yield passage


def ids(found: Sequence[Passage]) -> set[str]:
    """The clauses' ids."""
    return {passage.id for passage in found if passage.id}


def break_attribution(found: Sequence[Passage], seed: int) -> list[Passage] | None:
    """Attribution broken: all words stay, and each rule has the reasons of another.

    Rules are shuffled into a ring and each hands its reasons on; in a table of preferences, so do
    the things liked, and those disliked. None if nothing can be swapped.
    """
    deal = random.Random(f"broken/{seed}")
    tables = {
        passage.text: _swapped(passage.text, random.Random(f"broken/{seed}"))
        for passage in found
        if passage.form == "table"
    }
    reasons: dict[str, list[Passage]] = {}
    for passage in found:
        if passage.kind == "reason" and passage.rule:
            reasons.setdefault(passage.rule, []).append(passage)
    ring = deal.sample(list(reasons), len(reasons))
    giver = dict(zip(ring, ring[1:] + ring[:1], strict=True)) if len(ring) > 1 else {}
    if not giver and not any(tables.values()):
        return None
    made: list[Passage] = []
    for passage in found:
        if passage.form == "table":
            rows = tables[passage.text] or passage.text
            made.append(replace(passage, text=rows, source=rows))
        elif passage.kind != "reason" or passage.rule not in giver:
            made.append(passage)
        elif passage is reasons[passage.rule][0]:
            made += [_in_place(other, passage) for other in reasons[giver[passage.rule]]]
    return made


def _in_place(passage: Passage, slot: Passage) -> Passage:
    """A reason where another stood, as a list item where that was one."""
    source = slot.reworded(passage.text)
    return replace(passage, rule=slot.rule, heading=slot.heading, source=source)


def _swapped(table: str, deal: random.Random) -> str:
    """A table of preferences with each reason given to another row of its kind; or nothing."""
    lines = table.split("\n")
    changed = False
    for kind in ("likes", "dislikes"):
        rows = [n for n, line in enumerate(lines) if (m := TABLE_ROW.match(line))
                and m[1].lower() == kind and line.count("|") >= 4]  # fmt: skip
        if len(rows) < 2:
            continue
        cells = {n: lines[n].split("|") for n in rows}
        ring = deal.sample(rows, len(rows))
        for number, other in zip(ring, ring[1:] + ring[:1], strict=True):
            lines[number] = "|".join([*cells[number][:3], cells[other][3], *cells[number][4:]])
        changed = True
    return "\n".join(lines) if changed else ""


def render(found: Sequence[Passage]) -> str:
    """The passages as a Markdown file, each clause with its id, kind and rule as marks."""
    parts: list[str] = []
    before: Passage | None = None
    for passage in found:
        source = passage.source.rstrip()
        if passage.form == "clause":
            source = f"{source} {mark_of(passage)}"
        tight = before and all(p.form == "clause" and p.listed for p in (before, passage))
        parts += ["\n" if tight else "\n\n", source] if before else [source]
        before = passage
    return "".join(parts) + "\n"


def mark_of(passage: Passage) -> str:
    """The attribute that says a clause's id, its kind, and whose it is."""
    parts = [f"#{passage.id}", *([f".{passage.kind}"] if passage.kind else [])]
    parts += [f".{name}" for name in passage.classes if name != passage.kind]
    if passage.kind not in ("", "rule", "general"):
        parts.append(f"for={passage.rule or WHOLE}")
    return "{" + " ".join(parts) + "}"


def merge(specs: Sequence[tuple[str, Sequence[Passage]]]) -> list[Passage]:
    """Several specs that share clauses as one: what a later one adds to a rule comes after what
    the earlier ones say of it. A clause that differs between them is a ConfigError."""
    _, first = specs[0]
    merged = list(first)
    for name, found in specs[1:]:
        texts = {passage.id: passage.text for passage in merged if passage.id}
        for passage in found:
            if passage.form != "clause":
                continue
            if passage.id in texts and texts[passage.id] != passage.text:
                raise ConfigError(
                    f"{name}, line {passage.line}: {passage.id} says something else than in "
                    f"{specs[0][0]}. Clauses that specs share are the same word for word; give the "
                    "others ids of their own."
                )
            if passage.id not in texts:
                merged.insert(_end_of(passage.rule, merged, name, passage), passage)
    return merged


def _end_of(rule: str, merged: Sequence[Passage], name: str, passage: Passage) -> int:
    """Where what belongs to a rule ends."""
    own = [n for n, other in enumerate(merged) if rule and rule in (other.id, other.rule)]
    if not own:
        raise ConfigError(
            f"{name}, line {passage.line}: {passage.id} belongs to no rule of the first spec, so "
            "it has no place there. Give it for=ID."
        )
    return own[-1] + 1
