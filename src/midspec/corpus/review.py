"""Which documents are set aside and why, and how diverse those are that are kept."""

import random
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from math import log2

from midspec.corpus.plan import load_data
from midspec.leaks import LeakFinder
from midspec.records import Document
from midspec.text import NearDuplicates, plain_words
from midspec.write.talk import meta_talk

OPENING_WORDS = 6
NEARLY = "nearly repeats"
CAPITAL = r"[^\W\d_a-z]"
NAME = rf"{CAPITAL}(?:[\w-]|[’'](?=\w)(?!s\b))+"
FULL_NAME = re.compile(rf"\b(?=({NAME}) ({NAME}))")  # overlapping: "Dear Ann Lee" holds two pairs
ALIKE_PER_DOCUMENTS = 1_000  # an opening or a name may occur once more for so many documents
SAMPLE_DOCUMENTS = 2_000  # for figures of diversity; a whole corpus would not fit in memory
PAIRS = 2_000


@dataclass
class Shelf:
    """Takes documents in order and sets aside what is unfit; nothing is thrown away.

    max_alike: how often an opening, or an invented person's name, may occur in the first thousands
    of documents; 0 sets no limit. It grows with what is kept, so that it is the same for the
    beginning of a larger corpus.
    `said` is the spec's text: a name that stands there isn't invented.
    """

    leaks: LeakFinder
    max_alike: int = 0
    said: str = ""
    kept: list[Document] = field(default_factory=list)
    aside: list[dict[str, object]] = field(default_factory=list)
    tokens: int = 0
    names: Counter[str] = field(default_factory=Counter)
    openings: Counter[str] = field(default_factory=Counter)
    repeats: NearDuplicates = field(default_factory=NearDuplicates)

    def take(self, document: Document, objection: str = "") -> str:
        """Keep a document, or set it aside with its reason, which is returned; `objection` is one
        that was found before, such as a judge's."""
        reason = objection or self._objection(document)
        if reason:
            self.aside.append(asdict(document) | {"reason": reason})
        else:
            self.kept.append(document)
            self.tokens += document.tokens
            if self.max_alike:
                self.openings[_opening(document.text)] += 1
                self.names.update(_names(document.text))
        return reason

    def _objection(self, document: Document) -> str:
        text = document.text
        if found := meta_talk(text, document.clauses):
            return found
        if found := self.leaks.objection(text):
            return found
        if self.max_alike and (reason := self._worn(text)):
            return reason
        if earlier := self.repeats.find(document.id, text):
            return f"{NEARLY} {earlier}"
        return ""

    def repeats_found(self) -> int:
        """How many documents were set aside as near-duplicates."""
        return sum(str(row["reason"]).startswith(NEARLY) for row in self.aside)

    def _worn(self, text: str) -> str:
        """Why a text's opening or names are worn out by the documents kept before."""
        opening = _opening(text)
        allowed = max(self.max_alike, len(self.kept) // ALIKE_PER_DOCUMENTS)
        if self.openings[opening] >= allowed:
            return f"opening used {self.openings[opening]} times: {opening!r}"
        for name in sorted(_names(text)):
            if self.names[name] >= allowed and name not in self.said:
                return f"name used in {self.names[name]} documents: {name!r}"
        return ""


def _opening(text: str) -> str:
    return " ".join(plain_words(text)[:OPENING_WORDS])


def _names(text: str) -> set[str]:
    return {" ".join(pair) for pair in FULL_NAME.findall(text) if pair[0] in first_names()}


@cache
def first_names() -> frozenset[str]:
    """First names by which a person's name is known: those given to the teacher, and common ones
    that language models fall back on."""
    people = load_data("people.yaml")
    return frozenset(people["first_names"]) | frozenset(people["worn_first_names"])


def diversity(documents: Sequence[Document], repeats: int) -> dict[str, float]:
    """How varied a corpus is, measured on at most 2,000 documents spread over it.

    distinct_n: share of n-grams that occur once or first; compression_ratio: raw over zlib size
    (ordinary web text is near 2.5, higher repeats more); self_similarity: mean share of 3-grams
    that two documents have in common; type_entropy: bits over document types. `repeats`: how many
    were set aside as near-duplicates.
    """
    step = max(1, len(documents) // SAMPLE_DOCUMENTS)
    sample = documents[::step]
    text = "\n".join(document.text for document in sample)
    words = plain_words(text)
    figures = {f"distinct_{n}": _distinct(words, n) for n in (1, 2, 3, 4)}
    raw = text.encode()
    figures["compression_ratio"] = len(raw) / max(1, len(zlib.compress(raw, 9)))
    figures["self_similarity"] = _similarity([document.text for document in sample])
    figures["type_entropy"] = _entropy(document.document_type for document in documents)
    figures["near_duplicate_share"] = repeats / max(1, repeats + len(documents))
    return {name: round(value, 4) for name, value in figures.items()}


def _distinct(words: Sequence[str], n: int) -> float:
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / max(1, len(grams))


def _similarity(texts: Sequence[str]) -> float:
    """The mean Jaccard similarity of 3-grams over random pairs."""
    if len(texts) < 2:
        return 0.0
    deal = random.Random(0)
    chosen = deal.sample(range(len(texts)), min(len(texts), 200))
    grams = {}
    for number in chosen:
        words = plain_words(texts[number])
        grams[number] = {tuple(words[i : i + 3]) for i in range(len(words) - 2)}
    pairs = [deal.sample(chosen, 2) for _ in range(PAIRS)]
    shares = [len(grams[a] & grams[b]) / max(1, len(grams[a] | grams[b])) for a, b in pairs]
    return sum(shares) / len(shares)


def _entropy(values: Iterable[str]) -> float:
    counts = Counter(values)
    total = sum(counts.values())
    return -sum(c / total * log2(c / total) for c in counts.values())
