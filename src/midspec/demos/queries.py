"""What users will ask: spec → conversation domains → opening messages of several kinds (paper B.2).

Grows in rounds like a corpus's plan: a larger set goes on from the answers of a smaller one.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from midspec.llm.read import ListItem
from midspec.text import NearDuplicates
from midspec.write.flow import Needed, drop
from midspec.write.lists import Domain, Lister
from midspec.yaml_file import shipped_yaml

# How many domains there are after each round, and messages of each kind in each domain.
ROUNDS = ((4, 3), (10, 5), (20, 8), (40, 12), (60, 20), (100, 25), (200, 40), (300, 60))
UNITS_AT_ONCE = 6  # pairs of domain and kind that are asked for together
CLAUSES_SHOWN = 40
QUERY_SHINGLE = 3  # words; messages are short
QUERY_ALIKE = 0.6  # Jaccard similarity from which on one message repeats another


@dataclass(frozen=True)
class Query:
    """One opening message; `repeats` names an earlier one that it nearly is."""

    id: str
    domain: Domain
    kind: str
    text: str
    repeats: str = ""


@cache
def query_kinds() -> dict[str, str]:
    """The kinds of messages, and what the teacher is told of each."""
    kinds = shipped_yaml("midspec.demos", "prompts", "query_kinds.yaml")
    return {kind["name"]: kind["about"] for kind in kinds}


@dataclass
class Queries:
    """Asks for opening messages; what it holds is a function of the answers alone."""

    lister: Lister
    kinds: Sequence[str]
    repeats: NearDuplicates = field(
        default_factory=lambda: NearDuplicates(QUERY_SHINGLE, QUERY_ALIKE)
    )
    taken_up: set[str] = field(default_factory=set)
    _tasks: dict[tuple[str, int], asyncio.Future[Any]] = field(default_factory=dict)

    async def in_order(self, needed: Needed) -> AsyncGenerator[Query, None]:
        """Messages in order, each marked that repeats an earlier one; more are asked for as they
        are needed."""
        asked: deque[asyncio.Task[list[Query]]] = deque()
        rounds: list[asyncio.Task[list[tuple[Domain, str]]]] = []
        waiting: deque[set[str]] = deque()
        try:
            for n in range(len(ROUNDS)):
                while len(rounds) <= max(n, self._last(needed)):
                    rounds.append(asyncio.create_task(self._units(len(rounds))))
                units = await rounds[n]
                groups = deque(
                    units[i : i + UNITS_AT_ONCE] for i in range(0, len(units), UNITS_AT_ONCE)
                )
                each = ROUNDS[n][1] * UNITS_AT_ONCE
                while groups or asked:
                    while groups and (not asked or len(asked) * each < needed.unbegun()):
                        group = groups.popleft()
                        waiting.append({f"{domain.path}.{kind}" for domain, kind in group})
                        asked.append(asyncio.create_task(self._new(group, n)))
                    queries = await asked.popleft()
                    self.taken_up |= waiting.popleft()
                    for query in queries:
                        earlier = self.repeats.find(query.id, query.text) or ""
                        yield Query(query.id, query.domain, query.kind, query.text, earlier)
        finally:
            await drop([*asked, *rounds])

    def failures(self) -> list[dict[str, str]]:
        """What of the plan gave nothing, in a fixed order; not what was asked ahead in vain."""
        used = [
            f for f in self.lister.failures if f["step"] != "queries" or f["id"] in self.taken_up
        ]
        return sorted(used, key=lambda f: (f["step"], f["id"], f["reason"]))

    def _last(self, needed: Needed) -> int:
        """The round that holds as many messages as are wanted."""
        sizes = [domains * each * len(self.kinds) for domains, each in ROUNDS]
        return min(len(ROUNDS) - 1, sum(size < needed.in_all() for size in sizes))

    def _once(self, what: str, n: int, make: Callable[[], Awaitable[Any]]) -> Any:
        if (what, n) not in self._tasks:
            self._tasks[what, n] = asyncio.ensure_future(make())
        return self._tasks[what, n]

    async def _units(self, n: int) -> list[tuple[Domain, str]]:
        """Every domain with every kind, so that each beginning has many of both."""
        sections = range(len(self.lister.sheet.sections))
        found = await asyncio.gather(*(self._domains(section, n) for section in sections))
        domains = [domain for some in found for domain in some]
        random.Random(f"queries/{self.lister.draw}/{n}").shuffle(domains)
        kinds = list(self.kinds)
        return [
            (domain, kinds[(place + turn) % len(kinds)])
            for turn in range(len(kinds))
            for place, domain in enumerate(domains)
        ]

    async def _domains(self, section: int, n: int) -> list[Domain]:
        async def grow() -> list[Domain]:
            known = await self._domains(section, n - 1) if n else []
            return await self.lister.more_domains(
                "conversation_domains", section, ROUNDS[n][0], known, n
            )

        return await self._once(f"domains {section}", n, grow)  # type: ignore[no-any-return]

    async def _new(self, units: Sequence[tuple[Domain, str]], n: int) -> list[Query]:
        async def new(domain: Domain, kind: str) -> list[Query]:
            known = await self._asked(domain, kind, n - 1) if n > domain.born else []
            return (await self._asked(domain, kind, n))[len(known) :]

        found = await asyncio.gather(*(new(domain, kind) for domain, kind in units))
        queries = [query for some in found for query in some]
        random.Random(f"order/{self.lister.draw}/{n}/{units[0][0].path}").shuffle(queries)
        return queries

    async def _asked(self, domain: Domain, kind: str, n: int) -> list[Query]:
        async def grow() -> list[Query]:
            known = await self._asked(domain, kind, n - 1) if n > domain.born else []
            path = f"{domain.path}.{kind}"
            items = await self.lister.more(
                "queries",
                path,
                domain.section,
                ROUNDS[n][1] - len(known),
                [ListItem(query.id, query.text, ()) for query in known],
                {
                    "domain": domain.item.name,
                    "about": domain.item.description,
                    "query_kind": kind,
                    "kind_about": query_kinds()[kind],
                    "passages": self.lister.sheet.passages(domain.clauses[:CLAUSES_SHOWN]),
                },
            )
            for item in items:
                known = [*known, Query(f"{path}.{len(known)}", domain, kind, item.description)]
            return known

        return await self._once(f"{domain.path} {kind}", n, grow)  # type: ignore[no-any-return]
