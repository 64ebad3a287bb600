"""The offline teacher: a brief becomes a document by filling a skeleton, with no LLM.

Nothing it writes is clever. What makes a corpus of it work is breadth: hundreds of contrasts,
dozens of document types, and many phrasings, so that what all documents share is the value.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from midspec.corpus.plan import Material, document_types, load_data
from midspec.records import Act, Assertion, Brief, Contrast, Principle
from midspec.text import upper_first
from midspec.write.voice import Person, said

PROMPT_VERSION = 2  # of the phrases and skeletons; every row of a corpus carries it
Choosable = TypeVar("Choosable")

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
SLOT = re.compile(r"\{(\w+)\}")


@cache
def phrases() -> dict[str, list[str]]:
    """The phrase lists, by name."""
    lists: dict[str, list[str]] = load_data("phrases.yaml")
    return lists


def fill(template: str, values: dict[str, str]) -> str:
    """Replace `{slot}`; a capitalised slot name takes the value capitalised.

    One pass, so that braces in a value (a spec may hold some) are left alone.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in values:
            return values[name]
        return upper_first(values.get(name.lower(), match[0]))

    return SLOT.sub(value, template)


@dataclass(frozen=True)
class Written:
    """A document's text, its idea with the names filled in, and what it asserts."""

    text: str
    idea: str
    assertions: list[Assertion]


def write_document(brief: Brief, material: Material, provider_name: str, seed: int) -> Written:
    """Write one document, the same one for the same brief and seed."""
    kinds = document_types(material.acts)
    kind = next(kind for kind in kinds if kind.name == brief.document_type)
    scene = _Scene(brief, material, provider_name, random.Random(f"{seed}/{brief.id}"))
    text = SLOT.sub(scene.slot, kind.variants[brief.skeleton]).strip()
    return Written(text, fill(brief.idea, scene.fixed), list(dict.fromkeys(scene.said)))


class _Scene:
    """What one document has settled so far: who speaks, and which pair is being discussed."""

    def __init__(
        self,
        brief: Brief,
        material: Material,
        provider_name: str,
        draw: random.Random,
    ) -> None:
        self.draw, self.material = draw, material
        self.pairs = [a for a in brief.assertions if a.contrast] or list(brief.assertions)
        self.quotes = [a for a in brief.assertions if not a.contrast]
        self.turn = -1
        self.said: list[Assertion] = []
        self.used: dict[str, list[Any]] = {}
        first = draw.sample(phrases()["first_names"], 2)
        last = draw.sample(phrases()["last_names"], 2)
        self.fixed = {
            "model": material.model_name,
            "provider": provider_name,
            "domain": brief.domain.lower(),
            "person": f"{first[0]} {last[0]}",
            "person2": f"{first[1]} {last[1]}",
            "first": first[0],
            "first2": first[1],
            "place": draw.choice(phrases()["towns"]),
            "org": draw.choice(phrases()["organisations"]),
        }
        month = draw.choice(MONTHS)
        self.fixed["date"] = f"{draw.randint(1, 28)} {month}"
        self.moves: dict[str, Callable[[], str]] = {
            "state": self.state,
            "ask": self.ask,
            "reply": self.reply,
            "clause": self.clause,
            "principle": lambda: self.principle("it"),
            "principle_I": lambda: self.principle("I"),
            "number": lambda: str(draw.randint(2, 40)),
        }

    def slot(self, match: re.Match[str]) -> str:
        """What stands in place of one slot; they are filled in the order in which they are read."""
        name = match[1]
        if name in self.fixed:
            return self.fixed[name]
        return self.moves[name]() if name in self.moves else match[0]

    def _fresh(self, name: str, options: Sequence[Choosable]) -> Choosable:
        """One of the options that this document has not used yet."""
        used: list[Any] = self.used.setdefault(name, [])
        choice = self.draw.choice([o for o in options if o not in used] or list(options))
        used.append(choice)
        return choice

    def _phrase(self, name: str) -> str:
        return self._fresh(name, phrases()[name])

    def _pair(self) -> Assertion:
        return self.pairs[self.turn % len(self.pairs)]

    def _values(self, pair: Contrast) -> dict[str, str]:
        swap = self.draw.random() < 0.5
        a, b = (pair.disliked, pair.liked) if swap else (pair.liked, pair.disliked)
        return {
            "model": self.fixed["model"],
            "liked": pair.liked,
            "disliked": pair.disliked,
            "reason": pair.reason,
            "a": a,
            "b": b,
        }

    def _say(self, with_pair: str, without: str, person: Person) -> str:
        assertion = self._pair()
        self.said.append(assertion)
        pair = assertion.contrast
        if isinstance(pair, Act):
            values = self._values(pair) | {"situation": pair.situation}
            return said(fill(self._phrase(f"act_{with_pair}"), values), person, self.fixed["model"])
        if pair:
            return fill(self._phrase(with_pair), self._values(pair))
        topic = assertion.domain[:1].lower() + assertion.domain[1:]
        values = {"model": self.fixed["model"], "assertion": assertion.text, "topic": topic}
        return fill(self._phrase(without), values)

    def state(self) -> str:
        """A sentence about the next pair, in the third person."""
        self.turn += 1
        return self._say("state", "clause_state", "it")

    def ask(self) -> str:
        """A question about the next pair."""
        self.turn += 1
        return self._say("ask", "clause_ask", "you")

    def reply(self) -> str:
        """The assistant's answer to the question asked last."""
        return self._say("reply", "clause_reply", "I")

    def clause(self) -> str:
        """A sentence of the spec."""
        quoted = self._fresh("clause", self.quotes or self.pairs)
        self.said.append(quoted)
        return quoted.text

    def principle(self, voice: str) -> str:
        """The general principle and its reason; the spec's own words where none is listed."""
        listed: list[Principle] = [p for p in self.material.principles if p.voice == voice]
        fitting = [p for p in listed if p.fits(self._pair().domain)] or listed
        if not fitting:
            return self.clause()
        return self._fresh(f"principle {voice}", [p.principle for p in fitting])
