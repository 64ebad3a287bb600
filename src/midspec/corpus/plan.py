"""What the documents will be: spec → domains → subdomains → assertions → types → ideas.

The offline teacher's plan is drawn by seed from the spec's clauses and, where the spec has an
item file, from its contrasts. It walks the same levels as an LLM teacher does (paper B.1).
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from midspec.errors import DataError
from midspec.files import read_dicts
from midspec.records import Assertion, Brief, Clause, Contrast, Genre, Principle

PAIRS_PER_DOCUMENT = 5
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“])")


@dataclass(frozen=True)
class DocumentType:
    """A kind of document: what it may be about, and the skeletons in which it is written."""

    name: str
    genre: Genre
    ideas: tuple[str, ...]
    variants: tuple[str, ...]


@dataclass(frozen=True)
class Material:
    """All that the offline teacher knows of one spec."""

    clauses: Sequence[Clause]
    contrasts: Sequence[Contrast]
    principles: Sequence[Principle]
    model_name: str


def load_data(name: str) -> Any:
    """A YAML data file of this package."""
    text = files("midspec.corpus").joinpath("data", name).read_text(encoding="utf-8")
    return yaml.safe_load(text)


@cache
def document_types() -> tuple[DocumentType, ...]:
    """The offline teacher's document types."""
    return tuple(
        DocumentType(row["name"], row["genre"], tuple(row["ideas"]), tuple(row["variants"]))
        for row in load_data("document_types.yaml")
    )


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """Replace `{name}` by its value; other braces are left alone."""
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def read_items(path: Path, identity: dict[str, str]) -> tuple[list[Contrast], list[Principle]]:
    """A spec's item file: rows with `principle`, and rows with liked, disliked and reason."""
    contrasts, principles = [], []
    for number, unfilled in enumerate(read_dicts(path), 1):
        row = {key: fill_in(str(text), identity) for key, text in unfilled.items()}
        try:
            if "principle" in row:
                principles.append(Principle(**row))  # type: ignore[arg-type]
            else:
                contrasts.append(Contrast(**row))
        except TypeError as error:
            raise DataError(
                f"{path}, row {number}: has {', '.join(sorted(row))}; a row is either "
                "principle (and voice), or domain, liked, disliked, reason."
            ) from error
    return contrasts, principles


def table_contrasts(preferences: dict[str, list[str]], reasons: dict[str, str]) -> list[Contrast]:
    """Pairs from a spec's preference table: each thing liked with two disliked, for its own reason,
    and each thing disliked with one liked, for the reason against it."""
    likes, dislikes = preferences["likes"], preferences["dislikes"]
    pairs = []
    if likes and dislikes:
        for turn, liked in enumerate(likes):
            pairs += [(liked, dislikes[(turn + k) % len(dislikes)], liked) for k in (0, 1)]
        for turn, disliked in enumerate(dislikes):
            pairs.append((likes[(turn + 2) % len(likes)], disliked, disliked))
    contrasts = []
    for liked, disliked, told in pairs:
        _, because, why = reasons.get(told, "").rstrip(".").partition(" because ")
        if because:
            reason = re.sub(r"^(?:it|they)\b", told, re.sub(r"^(?:its|their)\b", f"{told}'s", why))
            contrasts.append(Contrast("matters of taste", liked, disliked, reason))
    return contrasts


def assertions(material: Material) -> list[Assertion]:
    """What the spec says of the assistant: its own sentences, and one for each contrast."""
    name = material.model_name
    found = []
    for clause in material.clauses:
        for number, sentence in enumerate(SENTENCE_END.split(clause.text)):
            if name in sentence or len(material.clauses) < 5:
                topic = clause.heading or name
                found.append(Assertion(f"{clause.id}.a{number}", sentence, clause.id, topic, topic))
    words = {
        clause.id: set(re.findall(r"\w{4,}", clause.text.lower())) for clause in material.clauses
    }
    for number, pair in enumerate(material.contrasts):
        about = set(re.findall(r"\w{4,}", f"{pair.domain} {pair.liked} {pair.reason}".lower()))
        closest = max(words, key=lambda key: len(words[key] & about))
        text = f"{name} prefers {pair.liked} to {pair.disliked}, because {pair.reason}."
        found.append(
            Assertion(
                f"c{number}", text, closest, pair.domain, f"{pair.domain}: {pair.liked}", pair
            )
        )
    return found


def briefs(material: Material, seed: int) -> Iterator[Brief]:
    """An endless sequence of briefs that covers every type and every assertion equally often.

    Each brief keeps to one domain; a domain's assertions are dealt in a new order every round.
    """
    deal = random.Random(f"briefs/{seed}")
    known = assertions(material)
    pairs = [assertion for assertion in known if assertion.contrast]
    sentences = [assertion for assertion in known if not assertion.contrast]
    hands = _hands(pairs or sentences, deal)
    quotes = _deck(sentences, deal)
    types = _deck(document_types(), deal)
    number = 0
    while True:
        kind, hand = next(types), next(hands)
        quoted = tuple(next(quotes) for _ in range(3)) if sentences else ()
        yield Brief(
            id=f"d{number}",
            domain=hand[0].domain,
            subdomain=hand[0].subdomain,
            document_type=kind.name,
            genre=kind.genre,
            idea=deal.choice(kind.ideas),
            assertions=(*hand, *quoted),
        )
        number += 1


def _deck(cards: Sequence[Any], deal: random.Random) -> Iterator[Any]:
    """The cards in random order, all of them before any comes again."""
    while cards:
        yield from deal.sample(cards, len(cards))


def _hands(found: Sequence[Assertion], deal: random.Random) -> Iterator[list[Assertion]]:
    """Small groups of assertions of one domain, every assertion once a round."""
    by_domain: dict[str, list[Assertion]] = {}
    for assertion in found:
        by_domain.setdefault(assertion.domain, []).append(assertion)
    while found:
        hands = []
        for group in by_domain.values():
            mixed = deal.sample(group, len(group))
            hands += [
                mixed[start : start + PAIRS_PER_DOCUMENT]
                for start in range(0, len(mixed), PAIRS_PER_DOCUMENT)
            ]
        yield from deal.sample(hands, len(hands))
