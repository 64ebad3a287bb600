"""What an LLM's documents will be: domains → subdomains → assertions, types → ideas (paper B.1).

The tree grows in rounds of fixed size. A larger target goes on from the rounds of a smaller one:
each node is asked for more and told what exists, so calls that were answered are never changed.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from midspec.corpus.plan import load_data
from midspec.llm.read import ListItem
from midspec.records import Assertion, Genre
from midspec.write.lists import Domain, Lister, bullets

REGISTERS_SHOWN = 12
CLAUSES_SHOWN = 40


class Round(NamedTuple):
    """How many of each there are when a round is over; ideas are of each type."""

    domains: int
    subdomains: int
    assertions: int
    types: int
    ideas: int

    @property
    def documents(self) -> int:
        """How many documents these make."""
        return self.domains * self.subdomains * self.types * self.ideas

    @property
    def calls(self) -> int:
        """How many questions one round of this size takes, without repairs."""
        topics = self.domains * self.subdomains
        return 1 + self.domains + 2 * topics + topics * self.types


ROUNDS = (  # a question for ideas costs as much as a document's prompt, so it asks for several
    Round(2, 2, 4, 2, 4),  # 32 documents
    Round(5, 3, 6, 3, 4),  # 180
    Round(8, 4, 8, 5, 8),  # 1,280
    Round(12, 5, 10, 8, 8),  # 3,840
    Round(16, 6, 12, 12, 16),  # 18,432
    Round(24, 8, 14, 16, 24),  # 73,728
    Round(32, 10, 16, 24, 40),  # 307,200
)


@dataclass(frozen=True)
class Topic:
    """One subdomain: what it covers and the clauses that it rests on."""

    path: str
    domain: str
    name: str
    about: str
    clauses: tuple[str, ...]
    section: int
    born: int


@dataclass(frozen=True)
class Kind:
    """A document type for one topic."""

    path: str
    item: ListItem
    born: int


@dataclass(frozen=True)
class Idea:
    """One document that could be written; its id is its place in the tree."""

    id: str
    topic: Topic
    kind: ListItem
    title: str
    text: str
    genre: Genre
    assertions: tuple[Assertion, ...]

    @property
    def clauses(self) -> list[str]:
        """The clauses behind its assertions."""
        return sorted({assertion.clause for assertion in self.assertions})


@dataclass
class Tree:
    """Grows a plan by asking; what it holds is a function of the answers alone, not of their order.

    `balance` gives a topic of its own to every clause that no subdomain rests on.
    """

    lister: Lister
    balance: bool
    assertions: dict[str, Assertion] = field(default_factory=dict)
    _own: set[str] = field(default_factory=set)  # paths of topics made for one clause
    _tasks: dict[tuple[str, str, int], asyncio.Future[Any]] = field(default_factory=dict)

    async def units(self, n: int) -> list[tuple[Topic, Kind]]:
        """What round `n` asks ideas for, in an order whose beginnings cover the clauses evenly."""
        kinds_of = [(topic, await self._kinds(topic, n)) for topic in await self._all_topics(n)]
        deal = random.Random(f"units/{self.lister.draw}/{n}")
        left = [
            (topic, deal.sample(kinds, len(kinds)))
            for topic, kinds in deal.sample(kinds_of, len(kinds_of))
        ]
        counts: Counter[str] = Counter()
        ordered = []
        while left := [(topic, kinds) for topic, kinds in left if kinds]:
            topic, kinds = min(left, key=lambda unit: sum(counts[c] for c in unit[0].clauses))
            counts.update(topic.clauses)
            ordered.append((topic, kinds.pop()))
        return ordered

    async def new_ideas(self, units: Sequence[tuple[Topic, Kind]], n: int) -> list[Idea]:
        """The ideas that round `n` adds to these units, spread evenly over clauses and types."""

        async def new(topic: Topic, kind: Kind) -> list[Idea]:
            known = await self._ideas(topic, kind, n - 1) if n > kind.born else []
            return (await self._ideas(topic, kind, n))[len(known) :]

        found = await asyncio.gather(*(new(topic, kind) for topic, kind in units))
        ideas = [idea for some in found for idea in some]
        return spread(ideas, f"{self.lister.draw}/{n}/{units[0][1].path}")

    def _once(self, what: str, node: str, n: int, make: Callable[[], Awaitable[Any]]) -> Any:
        """One task for each kind of list, node and round, whoever waits for it."""
        key = (what, node, n)
        if key not in self._tasks:
            self._tasks[key] = asyncio.ensure_future(make())
        return self._tasks[key]

    async def _all_topics(self, n: int) -> list[Topic]:
        sections = range(len(self.lister.sheet.sections))
        by_section = await asyncio.gather(*(self._domains(section, n) for section in sections))
        domains = [domain for found in by_section for domain in found]
        by_domain = await asyncio.gather(*(self._topics(domain, n) for domain in domains))
        topics = [topic for found in by_domain for topic in found]
        if self.balance:
            topics += await self._uncovered(topics, n)
        await asyncio.gather(*(self._kinds(topic, n) for topic in topics))
        return topics

    async def _domains(self, section: int, n: int) -> list[Domain]:
        async def grow() -> list[Domain]:
            known = await self._domains(section, n - 1) if n else []
            return await self.lister.more_domains("domains", section, ROUNDS[n].domains, known, n)

        return await self._once("domains", str(section), n, grow)  # type: ignore[no-any-return]

    async def _topics(self, domain: Domain, n: int) -> list[Topic]:
        async def grow() -> list[Topic]:
            known = await self._topics(domain, n - 1) if n > domain.born else []
            values = {
                "domain": domain.item.name,
                "about": domain.item.description,
                "passages": self._passages(domain.clauses),
            }
            items = await self.lister.more(
                "subdomains",
                domain.path,
                domain.section,
                ROUNDS[n].subdomains - len(known),
                [ListItem(topic.name, topic.about, ()) for topic in known],
                values,
            )
            for item in items:
                topic = Topic(
                    path=f"{domain.path}.{len(known)}",
                    domain=domain.item.name,
                    name=item.name,
                    about=item.description,
                    clauses=self._clauses(item, domain.section),
                    section=domain.section,
                    born=n,
                )
                known = [*known, topic]
            return known

        return await self._once("topics", domain.path, n, grow)  # type: ignore[no-any-return]

    async def _uncovered(self, topics: Sequence[Topic], n: int) -> list[Topic]:
        """A topic of its own for every clause of which no assertion speaks."""

        async def grow() -> list[Topic]:
            earlier = await self._all_topics(n - 1) if n else []
            known = [topic for topic in earlier if topic.path in self._own]
            said = await asyncio.gather(*(self._assertions(topic, n) for topic in topics))
            covered = {assertion.clause for some in said for assertion in some}
            covered |= {topic.clauses[0] for topic in known}
            sheet = self.lister.sheet
            for clause in sheet.clauses:
                if clause.id in covered:
                    continue
                section = sheet.section([clause.id])
                topic = Topic(
                    path=f"{section}.{clause.id.replace('.', '-')}",
                    domain=clause.heading or "The rest of the spec",
                    name=clause.heading or " ".join(clause.text.split()[:6]),
                    about=clause.text,
                    clauses=(clause.id,),
                    section=section,
                    born=n,
                )
                self._own.add(topic.path)
                known = [*known, topic]
            return known

        return await self._once("uncovered", "", n, grow)  # type: ignore[no-any-return]

    async def _assertions(self, topic: Topic, n: int) -> list[Assertion]:
        async def grow() -> list[Assertion]:
            known = await self._assertions(topic, n - 1) if n > topic.born else []
            items = await self.lister.more(
                "assertions",
                topic.path,
                topic.section,
                ROUNDS[n].assertions - len(known),
                [ListItem(a.subdomain, a.text, ()) for a in known],
                self._told(topic) | {"passages": self._passages(topic.clauses)},
            )
            for item in items:
                clause = self.lister.sheet.closest(topic.clauses, item.clauses, item.description)
                name = f"{topic.path}.a{len(known)}"
                known = [*known, Assertion(name, item.description, clause, topic.domain, item.name)]
            found = known or self._own_words(topic)
            self.assertions |= {assertion.id: assertion for assertion in found}
            return found

        return await self._once("assertions", topic.path, n, grow)  # type: ignore[no-any-return]

    def _own_words(self, topic: Topic) -> list[Assertion]:
        """The spec's own passages, where the teacher gave no assertions."""
        return [
            Assertion(f"{topic.path}.{c.id}", c.text, c.id, topic.domain, topic.name)
            for c in self.lister.sheet.clauses
            if c.id in topic.clauses
        ]

    async def _kinds(self, topic: Topic, n: int) -> list[Kind]:
        async def grow() -> list[Kind]:
            known = await self._kinds(topic, n - 1) if n > topic.born else []
            said = await self._assertions(topic, n)
            deal = random.Random(f"registers/{self.lister.draw}/{topic.path}/{n}")
            shown = deal.sample(load_data("registers.yaml")["registers"], REGISTERS_SHOWN)
            items = await self.lister.more(
                "document_types",
                topic.path,
                topic.section,
                ROUNDS[n].types - len(known),
                [kind.item for kind in known],
                self._told(topic)
                | {
                    "assertions": bullets([assertion.text for assertion in said]),
                    "registers": bullets([f"{r['name']}: {r['about']}" for r in shown]),
                },
            )
            for item in items:
                known = [*known, Kind(f"{topic.path}.t{len(known)}", item, n)]
            return known

        return await self._once("kinds", topic.path, n, grow)  # type: ignore[no-any-return]

    async def _ideas(self, topic: Topic, kind: Kind, n: int) -> list[Idea]:
        async def grow() -> list[Idea]:
            known = await self._ideas(topic, kind, n - 1) if n > kind.born else []
            said = await self._assertions(topic, n)
            items = await self.lister.more(
                "ideas",
                kind.path,
                topic.section,
                ROUNDS[n].ideas - len(known),
                [ListItem(idea.title, idea.text, ()) for idea in known],
                self._told(topic)
                | {
                    "document_type": kind.item.name,
                    "type_about": kind.item.description,
                    "assertions": bullets([assertion.text for assertion in said]),
                },
            )
            first = random.Random(kind.path).randrange(len(said))  # types begin at different ones
            for item in items:
                turn = len(known)
                two = dict.fromkeys(said[(first + 2 * turn + k) % len(said)] for k in (0, 1))
                genre: Genre = "show" if (first + turn) % 2 == 0 else "describe"
                name = f"{kind.path}.{turn}"
                idea = Idea(name, topic, kind.item, item.name, item.description, genre, tuple(two))
                known = [*known, idea]
            return known

        return await self._once("ideas", kind.path, n, grow)  # type: ignore[no-any-return]

    def _told(self, topic: Topic) -> dict[str, str]:
        return {"subdomain": topic.name, "about": topic.about}

    def _passages(self, ids: Sequence[str]) -> str:
        return self.lister.sheet.passages(ids[:CLAUSES_SHOWN])

    def _clauses(self, item: ListItem, section: int) -> tuple[str, ...]:
        about = f"{item.name} {item.description}"
        return self.lister.sheet.known(item.clauses, about, section)


def ideas_expected(kind: Kind, n: int) -> int:
    """How many ideas round `n` adds to a kind, if the teacher gives all that it is asked for."""
    return ROUNDS[n].ideas - (ROUNDS[n - 1].ideas if n > kind.born else 0)


def spread(ideas: Sequence[Idea], seed: str) -> list[Idea]:
    """The ideas in an order whose every beginning covers clauses evenly, and types within each."""
    nth: Counter[tuple[str, str]] = Counter()
    keyed: dict[str, list[tuple[int, int, Idea]]] = defaultdict(list)
    for place, idea in enumerate(random.Random(f"spread/{seed}").sample(list(ideas), len(ideas))):
        clause = idea.clauses[0]
        keyed[clause].append((nth[clause, idea.kind.name], place, idea))
        nth[clause, idea.kind.name] += 1
    waiting = {
        clause: deque(sorted(keyed[clause], key=lambda k: k[:2])) for clause in sorted(keyed)
    }
    counts: Counter[str] = Counter()
    ordered = []
    while waiting:
        clause = min(waiting, key=lambda c: counts[c])
        _, _, idea = waiting[clause].popleft()
        if not waiting[clause]:
            del waiting[clause]
        counts.update(idea.clauses)
        ordered.append(idea)
    return ordered
