"""Cutting one variant of a spec to the length of another, in words, evenly over its rules."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from midspec.spec.marks import Passage

# As midspec.write.material's SENTENCE_END, and also before a name that isn't filled in yet.
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“{])")
TRIES = 2_000  # orders in which clauses are left out; the best one counts


@dataclass(frozen=True)
class Matched:
    """How a variant was cut: to which other one, by leaving out which clauses, and by shortening
    which, from so many words to so many. difference: in words, as a share of the other."""

    to: str
    target: int
    before: int
    after: int
    difference: float
    left_out: Sequence[str] = ()
    shortened: dict[str, tuple[int, int]] = field(default_factory=dict)


def words(found: Sequence[Passage]) -> int:
    """The words of passages, headings and tables included, bullets and marks not."""
    return sum(len(passage.text.split()) for passage in found)


def match_length(
    found: Sequence[Passage], kind: str, target: int, to: str, seed: int, tolerance: float
) -> tuple[list[Passage], Matched]:
    """The passages, cut to `target` words at the expense of those of one kind.

    Whole clauses are left out first, as evenly over the rules as it goes and never the last of a
    rule; then clauses lose their last sentences, until the difference is within the tolerance.
    """
    before, allowed = words(found), tolerance * target
    own = [passage for passage in found if passage.kind == kind]
    left_out = _left_out(own, before - target, allowed, seed)
    kept = [passage for passage in found if passage.id not in left_out or passage.kind != kind]
    shortened: dict[str, tuple[int, int]] = {}
    while (excess := words(kept) - target) > allowed:
        cuts = [
            (passage.id in shortened, abs(excess - lost), number, text)
            for number, passage in enumerate(kept)
            if passage.kind == kind
            for text, lost in _shorter(passage)
            if lost <= excess + allowed
        ]
        if not cuts:
            break
        *_, number, text = min(cuts)
        old = kept[number]
        first = shortened.get(old.id, (len(old.text.split()), 0))[0]
        kept[number] = replace(old, text=text, source=old.reworded(text))
        shortened[old.id] = (first, len(text.split()))
    after = words(kept)
    matched = Matched(
        to, target, before, after, round((after - target) / target, 4), sorted(left_out), shortened
    )
    return kept, matched


def _left_out(own: Sequence[Passage], excess: int, allowed: float, seed: int) -> set[str]:
    """Clauses whose words come closest to the excess without passing it."""
    deal = random.Random(f"match/{seed}")
    sizes = {passage.id: len(passage.text.split()) for passage in own}
    of_rule = Counter(passage.rule for passage in own)
    total = Counter[str]()
    for passage in own:
        total[passage.rule] += sizes[passage.id]
    best: tuple[float, float, int, set[str]] | None = None
    for _ in range(TRIES):
        left, chosen, gone = excess, set[str](), Counter[str]()
        lost = Counter[str]()
        for passage in deal.sample(list(own), len(own)):
            size = sizes[passage.id]
            if size <= left and gone[passage.rule] + 1 < of_rule[passage.rule]:
                left -= size
                chosen.add(passage.id)
                gone[passage.rule] += 1
                lost[passage.rule] += size
        shares = [lost[rule] / total[rule] for rule in total]
        key = (max(0.0, left - allowed), round(max(shares) - min(shares), 2), left)
        if best is None or key < best[:3]:
            best = (*key, chosen)
    return best[3] if best else set()


def _shorter(passage: Passage) -> list[tuple[str, int]]:
    """The clause without its last sentence, and how many words that takes."""
    sentences = SENTENCE.split(passage.text)
    if len(sentences) < 2:
        return []
    text = " ".join(sentences[:-1])
    return [(text, len(passage.text.split()) - len(text.split()))]
