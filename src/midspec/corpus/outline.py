"""A plan from the spec's own structure, for teachers that can write but not plan.

It has the levels of an LLM's plan and asks nothing: headings are domains, passages subdomains,
sentences assertions; document types and viewpoints come from lists.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from midspec.corpus.plan import load_data
from midspec.llm.read import ListItem
from midspec.records import Clause
from midspec.write.lists import Lister
from midspec.write.material import SENTENCE_END

NAME_WORDS = 8


@dataclass
class Outline(Lister):
    """Gives lists without asking for them."""

    async def more(
        self,
        step: str,
        node: str,
        section: int,
        n: int,
        known: Sequence[ListItem],
        values: Mapping[str, str],
    ) -> list[ListItem]:
        """Up to `n` items that aren't known, as the spec and the lists have them."""
        taken = {item.name.casefold() for item in known}
        fresh = (
            i for i in self._items(step, node, section, values) if i.name.casefold() not in taken
        )
        return [item for item, _ in zip(fresh, range(n), strict=False)]

    def _items(
        self, step: str, node: str, section: int, values: Mapping[str, str]
    ) -> Iterator[ListItem]:
        deal = random.Random(f"outline/{self.draw}/{step}/{node}")
        data = load_data("registers.yaml")
        here = [c for c in self.sheet.clauses if c.id in self.sheet.sections[section].ids]
        if step == "domains":
            for heading in dict.fromkeys(clause.heading for clause in here):
                ids = tuple(clause.id for clause in here if clause.heading == heading)
                yield ListItem(heading or "The spec", f"What the spec says: {heading}", ids)
        elif step in ("subdomains", "assertions"):
            about = [clause for clause in here if clause.text in values["passages"]]
            yield from self._passages(about) if step == "subdomains" else self._sentences(about)
        elif step == "document_types":
            for kind in deal.sample(data["registers"], len(data["registers"])):
                yield ListItem(kind["name"], kind["about"], ())
        else:
            for number, viewpoint in enumerate(deal.sample(data["viewpoints"], 40), 1):
                name = f"{values['document_type']} {number}: {values['subdomain']}"
                yield ListItem(name, f"as seen by {viewpoint}", ())

    @staticmethod
    def _passages(clauses: Sequence[Clause]) -> Iterator[ListItem]:
        for clause in clauses:
            yield ListItem(_name(clause.text), clause.text, (clause.id,))

    @staticmethod
    def _sentences(clauses: Sequence[Clause]) -> Iterator[ListItem]:
        for clause in clauses:
            for sentence in SENTENCE_END.split(clause.text):
                yield ListItem(_name(sentence), sentence, (clause.id,))


def _name(text: str) -> str:
    """A passage's first words, as a title."""
    return re.sub(r"[^\w]+$", "", " ".join(text.split()[:NAME_WORDS]))
