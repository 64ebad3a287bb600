"""Working ahead: what is begun in order comes out in order, and no more is begun than is wanted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from midspec.errors import TeacherError
from midspec.llm.asker import NotAnsweredError
from midspec.llm.read import UnreadableError

Idea = TypeVar("Idea")
Outcome = TypeVar("Outcome")


@dataclass
class Needed:
    """How many rows are still wanted, as the stage knows it; that decides how far ahead to ask."""

    rows: int
    taken: int = 0
    under_way: int = 0
    later: int = 0  # rows that will be wanted if the first ones are good

    def in_all(self) -> int:
        """Rows wanted from the first on."""
        return self.taken + self.rows

    def unbegun(self) -> int:
        """Rows wanted beyond those under way."""
        return self.rows - self.under_way

    def ahead(self, connections: int) -> int:
        """How many ideas to have under way: what is wanted, as far as connections can carry it."""
        return max(1, min(self.rows, 8 * connections))


async def in_order(
    ideas: AsyncGenerator[Idea, None],
    write: Callable[[Idea], Awaitable[Outcome]],
    needed: Needed,
    connections: int,
) -> AsyncGenerator[Outcome, None]:
    """What becomes of the ideas, in their order, until nobody asks for more.

    No more is begun than `needed` says, so that little is paid for that isn't used. Plans go
    first: no more writing waits for a connection than keeps all of them busy.
    """
    writing = asyncio.Semaphore(connections + 8)
    under_way: deque[asyncio.Task[Outcome]] = deque()

    async def begun(idea: Idea) -> Outcome:
        async with writing:
            return await write(idea)

    try:
        more = True
        while True:
            while more and len(under_way) < needed.ahead(connections):
                try:
                    idea = await anext(ideas)
                except StopAsyncIteration:
                    more = False
                    break
                under_way.append(asyncio.create_task(begun(idea)))
                needed.under_way = len(under_way)
                if under_way[0].done():
                    break
            if not under_way:
                return
            outcome = await under_way.popleft()
            needed.under_way = len(under_way)
            yield outcome
    finally:
        await ideas.aclose()
        await drop(under_way)


async def drop(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel what nobody waits for any more."""
    dropped = list(tasks)
    for task in dropped:
        task.cancel()
    for task in dropped:
        with suppress(asyncio.CancelledError, TeacherError, NotAnsweredError, UnreadableError):
            await task
