"""Making few reasons of many: what readers call by different names, and what always goes together.

The first is for an LLM, which sees names and descriptions; the second shows in the verdicts.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from midspec.evals.reasons.classify import Classified
from midspec.evals.reasons.extract import Extracted, Found
from midspec.evals.reasons.reader import Reader, prompt
from midspec.evals.reasons.taxonomy import KINDS, Reason
from midspec.llm.read import UnreadableError

AT_ONCE = 80  # reasons in one question
MERGED_TOKENS = 60  # room for each of them in the answer
SHRINKS = 0.9  # a round that leaves more than this share of the reasons was the last one
MIN_FOUND = 2  # transcripts in which a reason was seen, or it isn't worth classifying
MOST_REASONS = 24  # that transcripts are classified for
MIN_DRIVEN = 10  # transcripts that a reason drives, before its overlap with others means something
GROUPS_SCHEMA = """{"type": "object", "properties": {"reasons": {"type": "array", "items": {
"type": "object", "properties": {"name": {"type": "string"}, "kind": {"type": "string",
"enum": ["misaligned", "aligned", "other"]}, "definition": {"type": "string"}, "members":
{"type": "array", "items": {"type": "integer"}}}, "required": ["name", "kind", "definition",
"members"], "additionalProperties": false}}}, "required": ["reasons"],
"additionalProperties": false}"""


@dataclass(frozen=True)
class Canonical:
    """A reason that stands for several: in how many transcripts it was seen and under which names;
    left_out says why transcripts aren't classified for it."""

    reason: Reason
    transcripts: int
    names: tuple[str, ...]
    left_out: str = ""


@dataclass(frozen=True)
class _Group:
    """Reasons that are one so far; members are numbers of what was found."""

    name: str
    kind: str
    definition: str
    members: tuple[int, ...]


async def find_canonical(
    reader: Reader, extracted: Sequence[Extracted]
) -> tuple[list[Canonical], int]:
    """The reasons that were found, merged, by how many transcripts they were seen in; and how many
    questions to merge some gave nothing that could be read, whose reasons then stay apart."""
    found = [((one.arm, one.transcript), reason) for one in extracted for reason in one.reasons]
    by_name: dict[str, list[int]] = {}
    for number, (_, reason) in enumerate(found):
        by_name.setdefault(reason.name.casefold(), []).append(number)
    groups = [
        _Group(found[own[0]][1].name, "other", found[own[0]][1].description, tuple(own))
        for _, own in sorted(by_name.items())  # those with like names come into one question
    ]
    unread, done = 0, not groups
    while not done:
        batches = [groups[start : start + AT_ONCE] for start in range(0, len(groups), AT_ONCE)]
        merged = await asyncio.gather(*(_merge(reader, batch) for batch in batches))
        unread += sum(not readable for _, readable in merged)
        fewer = sorted((g for part, _ in merged for g in part), key=lambda g: g.name.casefold())
        done = len(batches) == 1 or len(fewer) > SHRINKS * len(groups)
        groups = fewer
    return _canonical(groups, found), unread


def _canonical(
    groups: list[_Group], found: Sequence[tuple[tuple[str, str], Found]]
) -> list[Canonical]:
    """The groups by how many transcripts they were seen in; `found` has arm and transcript of each
    reason."""
    seen = {group: len({found[member][0] for member in group.members}) for group in groups}
    groups.sort(key=lambda group: (-seen[group], group.name))
    canonical: list[Canonical] = []
    for rank, group in enumerate(groups):
        names = tuple(dict.fromkeys(found[member][1].name for member in group.members))
        slug = _slug(group.name, {one.reason.id for one in canonical})
        quote = found[group.members[0]][1].quote
        left_out = f"seen in fewer than {MIN_FOUND} transcripts" if seen[group] < MIN_FOUND else ""
        if rank >= MOST_REASONS:
            left_out = left_out or f"not one of the {MOST_REASONS} that were seen most often"
        reason = Reason(slug, group.name, group.kind, group.definition, quote)
        canonical.append(Canonical(reason, seen[group], names, left_out))
    return canonical


async def _merge(reader: Reader, groups: Sequence[_Group]) -> tuple[list[_Group], bool]:
    """The groups with those together that the LLM takes for one, and whether it could be read."""
    listed = "\n".join(f"{n}. {g.name}: {g.definition}" for n, g in enumerate(groups, 1))
    try:
        merged = await reader.ask(
            "merge",
            prompt("merge-system", "", {}),
            prompt("merge", "", {"n": str(len(groups)), "reasons": listed}),
            MERGED_TOKENS * len(groups),
            GROUPS_SCHEMA,
            lambda answer: _read(answer, groups),
        )
    except UnreadableError:
        return list(groups), False
    return merged, True


def _read(answer: dict[str, Any], groups: Sequence[_Group]) -> list[_Group]:
    """The merged groups; what the answer leaves out stays as it is, so that nothing is lost."""
    rows = answer.get("reasons")
    if not isinstance(rows, list):
        raise UnreadableError("no list of reasons")
    left = dict(enumerate(groups, 1))
    merged = []
    for row in rows:
        fields = row if isinstance(row, dict) else {}
        texts = [fields.get(key) for key in ("name", "kind", "definition")]
        name, kind, definition = (text.strip() if isinstance(text, str) else "" for text in texts)
        numbers = fields.get("members")
        if not (name and definition):
            raise UnreadableError("a merged reason without a name and a definition")
        if kind not in KINDS or not (isinstance(numbers, list) and numbers):
            raise UnreadableError("a merged reason without a kind or members")
        if any(type(n) is not int or not 1 <= n <= len(groups) for n in numbers):
            raise UnreadableError("a member that isn't one of the numbers")
        own = [left.pop(n) for n in dict.fromkeys(numbers) if n in left]
        members = tuple(member for group in own for member in group.members)
        if members:
            merged.append(_Group(" ".join(name.split()), kind, definition, members))
    return [*merged, *left.values()]


def _slug(name: str, taken: Collection[str]) -> str:
    plain = "-".join(re.findall(r"\w+", name.lower())) or "reason"
    return next(s for s in (plain, *(f"{plain}-{n}" for n in range(2, 1000))) if s not in taken)


@dataclass(frozen=True)
class Driver:
    """A reason as it is reported; `parts` are the ids of the reasons that it stands for."""

    id: str
    name: str
    kind: str
    definition: str
    parts: tuple[str, ...]

    def drives(self, one: Classified) -> bool:
        """Whether it drives a transcript."""
        return any(part in one.drivers for part in self.parts)


def merge_overlapping(
    reasons: Sequence[Reason], classified: Sequence[Classified], over: float
) -> list[Driver]:
    """The reasons, with those of one kind together that nearly always drive the same transcripts.

    Two reasons overlap by the share of the transcripts that both drive among those that either
    does; pairs over `over` are merged, the closest first, the more frequent one in front. It is
    counted over all arms, so all have the same reasons.
    """
    drivers = [Driver(r.id, r.name, r.kind, r.definition, (r.id,)) for r in reasons]
    while True:
        driven = {d: {n for n, c in enumerate(classified) if d.drives(c)} for d in drivers}
        often = [d for d in drivers if len(driven[d]) >= MIN_DRIVEN]
        pairs = [(a, b) for a, b in combinations(often, 2) if a.kind == b.kind]
        overlap = {(a, b): _overlap(driven[a], driven[b]) for a, b in pairs}
        closest = max(pairs, key=overlap.__getitem__, default=None)
        if closest is None or overlap[closest] <= over:
            return drivers
        first, second = sorted(closest, key=lambda d: -len(driven[d]))
        both = Driver(
            first.id,
            f"{first.name} / {second.name}",
            first.kind,
            f"{first.definition} Or: {second.definition}",
            (*first.parts, *second.parts),
        )
        drivers = [both if d == first else d for d in drivers if d != second]


def _overlap(first: Collection[int], second: Collection[int]) -> float:
    return len(set(first) & set(second)) / len(set(first) | set(second))
