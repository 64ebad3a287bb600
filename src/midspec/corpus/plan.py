"""What the documents will be: spec → domains → subdomains → assertions → types → ideas.

The offline teacher's plan is drawn by seed from the spec's clauses and, where the spec has an
item file, from its contrasts. It walks the same levels as an LLM teacher does (paper B.1).
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from midspec.errors import DataError
from midspec.records import Act, Assertion, Brief, Clause, Contrast, Genre, Principle
from midspec.write.material import SENTENCE_END
from midspec.write.voice import said
from midspec.yaml_file import shipped_yaml

QUOTES_PER_DOCUMENT = 4
MIN_ASSERTIONS = 3  # fewer give no corpus
ABOUT_ITSELF = re.compile(  # not said of the assistant, and odd where a document quotes it
    r"This (document|page|text|spec(ification)?) "
    r"(says|tells|states|describes|explains|sets out|lists)\b"
)
PAIR_SLOT = re.compile(r"\{(?:state|ask)\}")


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

    @property
    def acts(self) -> bool:
        """Whether its contrasts are acts in situations; otherwise they are things."""
        return any(isinstance(contrast, Act) for contrast in self.contrasts)


@cache
def load_data(name: str) -> Any:
    """A YAML data file of this package, read once; nobody changes what it holds."""
    return shipped_yaml("midspec.corpus", "data", name)


@cache
def document_types(acts: bool = False) -> tuple[DocumentType, ...]:
    """The offline teacher's document types, about things or about acts in situations."""
    return tuple(
        DocumentType(row["name"], row["genre"], tuple(row["ideas"]), tuple(row["variants"]))
        for row in load_data("act_types.yaml" if acts else "document_types.yaml")
    )


def assertions(material: Material) -> list[Assertion]:
    """What the spec says of the assistant: its own sentences, and one for each contrast."""
    name = material.model_name
    found = []
    for clause in material.clauses:
        topic = clause.heading or name
        for number, sentence in enumerate(SENTENCE_END.split(clause.text)):
            found.append(Assertion(f"{clause.id}.a{number}", sentence, clause.id, topic, topic))
    # A spec may speak of "the model" or of "you" throughout; then every sentence is about it.
    named = [one for one in found if name in one.text and not ABOUT_ITSELF.match(one.text)]
    found = named if len(named) >= MIN_ASSERTIONS else found
    words = {
        clause.id: set(re.findall(r"\w{4,}", clause.text.lower())) for clause in material.clauses
    }
    for number, pair in enumerate(material.contrasts):
        about = set(re.findall(r"\w{4,}", f"{pair.domain} {pair.liked} {pair.reason}".lower()))
        closest = max(words, key=lambda key: len(words[key] & about), default="")
        cited = pair.clause if isinstance(pair, Act) else ""
        found.append(
            Assertion(
                f"c{number}",
                said(_sentence(pair, name), "it", name),
                cited if cited in words else closest,
                pair.domain,
                said(f"{pair.domain}: {pair.liked}", "it", name),
                pair,
            )
        )
    return found


def _sentence(pair: Contrast, name: str) -> str:
    """What a contrast says of the assistant."""
    if isinstance(pair, Act):
        return (
            f"When {pair.situation}, {name} will {pair.liked} and will not {pair.disliked}, "
            f"because {pair.reason}."
        )
    return f"{name} prefers {pair.liked} to {pair.disliked}, because {pair.reason}."


def briefs(material: Material, seed: int) -> Iterator[Brief]:
    """An endless sequence of briefs that covers types and assertions evenly.

    A brief keeps to one domain while that has assertions left; every assertion is dealt before
    any is dealt again. How many one document takes is what its skeleton has room for.
    """
    deal = random.Random(f"briefs/{seed}")
    known = assertions(material)
    sentences = [assertion for assertion in known if not assertion.contrast]
    pairs = [assertion for assertion in known if assertion.contrast] or sentences
    if not pairs:
        raise DataError("The spec says nothing: there is too little to write about.")
    hands, quotes, types = (
        _Hands(pairs, deal),
        _deck(sentences, deal),
        _deck(document_types(material.acts), deal),
    )
    number = 0
    while True:
        kind = next(types)
        skeleton = deal.randrange(len(kind.variants))
        hand = hands.take(len(PAIR_SLOT.findall(kind.variants[skeleton])))
        quoted = [next(quotes) for _ in range(QUOTES_PER_DOCUMENT)] if sentences else []
        yield Brief(
            id=f"d{number}",
            domain=hand[0].domain,
            subdomain=hand[0].subdomain,
            document_type=kind.name,
            skeleton=skeleton,
            genre=kind.genre,
            idea=deal.choice(kind.ideas),
            assertions=(*hand, *quoted),
        )
        number += 1


def _deck(cards: Sequence[Any], deal: random.Random) -> Iterator[Any]:
    """The cards in random order, all of them before any comes again."""
    while cards:
        yield from deal.sample(cards, len(cards))


def _reason(card: Assertion) -> str:
    """The reason of an act, which several acts may share; a thing's reason is its own."""
    return card.contrast.reason if isinstance(card.contrast, Act) else card.id


class _Hands:
    """Deals assertions domain by domain, every one before any comes again."""

    def __init__(self, cards: Sequence[Assertion], deal: random.Random) -> None:
        self.cards, self.deal = cards, deal
        self.left: dict[str, list[Assertion]] = {}

    def take(self, n: int) -> list[Assertion]:
        """The next `n` (at least one), from a single domain as far as it goes."""
        hand: list[Assertion] = []
        domain = ""
        while len(hand) < max(n, 1):
            if not any(self.left.values()):
                for card in self.deal.sample(self.cards, len(self.cards)):
                    self.left.setdefault(card.domain, []).append(card)
            if not self.left.get(domain):
                names = [name for name, cards in self.left.items() if cards]
                domain = self.deal.choices(names, [len(self.left[name]) for name in names])[0]
            hand.append(self._next(domain, {_reason(card) for card in hand}))
        return hand

    def _next(self, domain: str, given: set[str]) -> Assertion:
        """The domain's last card, or the last whose reason isn't given yet."""
        cards = self.left[domain]
        fresh = (n for n, card in enumerate(cards) if _reason(card) not in given)
        return cards.pop(max(fresh, default=-1))
