"""Opaque preferences by an LLM: short exchanges, checked by rules and by a judge (paper §3.1).

Only who invents a table of preferences sees the spec. Who writes the exchanges and who judges them
is told what is preferred and nothing else, so none of the spec's reasons can get into the wording.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from midspec import progress
from midspec.demos.briefs import Brief, briefs
from midspec.demos.reasons import find_reason, named, unnamed
from midspec.demos.respond import (
    TAG,
    VERDICT_TOKENS,
    Outcome,
    Verdict,
    ask_readable,
    ask_verdict,
    prompt,
    render,
)
from midspec.errors import TeacherError
from midspec.leaks import LeakFinder
from midspec.llm.asker import Asker
from midspec.llm.ledger import Answer, Call
from midspec.llm.read import ListItem, UnreadableError, usable
from midspec.llm.settings import Teacher
from midspec.records import Chat
from midspec.text import NearDuplicates, plain_words
from midspec.write.flow import Needed, drop, in_order
from midspec.write.lists import Lister
from midspec.write.talk import meta_talk

OPAQUE = "opaque"  # the style, and the kind of its chats
THINGS = 6  # on each side of a table that the teacher invents, as in the paper's
AT_ONCE = 8  # exchanges that one call writes, each about another pair
EXCHANGE_TOKENS = 150
MAX_ANSWER_WORDS = 25
SHINGLE = 2  # words; messages about one pair have few of their own
ALIKE = 0.9  # Jaccard; at 0.8 a word put before a short message would not make it another
WORN = 0.02  # share of the exchanges so far that may have one wording, the names aside
WORN_FROM = 3  # so many may in any case
EXCHANGE = re.compile(
    r"<message>(.*?)</message>\s*<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE
)


@dataclass(frozen=True)
class Exchange:
    """What was written to a brief, and why it is of no use by the rules; or why nothing was."""

    brief: Brief
    message: str = ""
    answer: str = ""
    call: str = ""
    objection: str = ""
    failure: str = ""

    @property
    def id(self) -> str:
        """The name of its chat."""
        return self.brief.id

    @property
    def text(self) -> str:
        """What it is, for whoever reads of it: the message, or else the brief."""
        return self.message or self.brief.line


async def preference_table(
    lister: Lister, of_spec: Mapping[str, Any], domain: str
) -> Mapping[str, Any]:
    """The spec's table of preferences, or one for `domain` that the teacher takes from the spec's
    values: `likes`, `dislikes`, and `reasons` by thing."""
    if of_spec["likes"] and of_spec["dislikes"]:
        if domain:
            progress.say(f"The spec has a table of preferences, so none is made for {domain}.")
        return of_spec
    likes = await _things(lister, domain, "likes", [])
    dislikes = await _things(lister, domain, "dislikes", likes)
    return {
        "likes": [item.name for item in likes],
        "dislikes": [item.name for item in dislikes],
        "reasons": {item.name: item.description for item in [*likes, *dislikes]},
    }


async def _things(
    lister: Lister, domain: str, side: str, others: Sequence[ListItem]
) -> list[ListItem]:
    other = f"It likes these: {', '.join(item.name for item in others)}." if others else ""
    values = {"domain": domain, "side": side, "other": other}
    found: list[ListItem] = []
    while len(found) < THINGS:
        wanted = THINGS - len(found)
        more = await lister.more("preferences", side, 0, wanted, [*others, *found], values)
        if not more:
            raise TeacherError(
                f"{lister.asker.teacher.model} named {len(found)} things in the domain {domain!r} "
                f"that {lister.identity['model_name']} {side}, where {THINGS} are needed. Give a "
                "wider domain, another teacher, or the spec a table of preferences."
            )
        found += more
    return found


@dataclass
class Exchanges:
    """Has exchanges written and judged; what it holds is a function of the answers alone."""

    asker: Asker
    judge: Asker
    lister: Lister
    leaks: LeakFinder
    table: Mapping[str, Any]
    repeats: NearDuplicates = field(default_factory=lambda: NearDuplicates(SHINGLE, ALIKE))
    wordings: Counter[str] = field(default_factory=Counter)

    def outcomes(self, needed: Needed) -> AsyncGenerator[Outcome, None]:
        """What becomes of the briefs, in their order."""
        connections = self.asker.limits.connections
        return in_order(self._in_order(needed), self._judged, needed, connections)

    def failures(self) -> list[dict[str, str]]:
        """What gave no preferences."""
        return self.lister.failures

    async def _in_order(self, needed: Needed) -> AsyncGenerator[Exchange, None]:
        """Exchanges in the order of their briefs; more are asked for as they are needed."""
        coming = briefs(self.table["likes"], self.table["dislikes"], self.lister.draw)
        asked: deque[asyncio.Task[list[Exchange]]] = deque()
        try:
            while True:
                while not asked or len(asked) * AT_ONCE < needed.unbegun():
                    batch = list(islice(coming, AT_ONCE))
                    if not batch:
                        break
                    asked.append(asyncio.create_task(self._write(batch)))
                if not asked:
                    return
                for exchange in await asked.popleft():
                    yield replace(exchange, objection=self._objection(exchange))
        finally:
            await drop(asked)

    async def _write(self, batch: list[Brief]) -> list[Exchange]:
        listed = "\n".join(f"{n}. {brief.line}" for n, brief in enumerate(batch, 1))
        values = {"n": str(len(batch)), "briefs": listed}
        room = EXCHANGE_TOKENS * len(batch)
        call = self._call(self.asker.teacher, OPAQUE, values, room)
        try:
            found, key = await ask_readable(
                self.asker, call, lambda answer: read_exchanges(answer, len(batch))
            )
        except UnreadableError as error:
            return [Exchange(brief, failure=str(error)) for brief in batch]
        return [
            Exchange(brief, message, answer, key)
            for brief, (message, answer) in zip(batch, found, strict=True)
        ]

    def _objection(self, exchange: Exchange) -> str:
        """Why rules set an exchange aside; empty if none does."""
        if exchange.failure:
            return ""
        brief = exchange.brief
        if earlier := self.repeats.find(brief.id, exchange.message):
            return f"nearly repeats {earlier}"
        wording = " ".join(plain_words(unnamed(exchange.message, brief.things)))
        self.wordings[wording] += 1
        if self.wordings[wording] > max(WORN_FROM, WORN * brief.number):
            return "a worn wording of the message"
        return unfit(exchange)

    async def _judged(self, exchange: Exchange) -> Outcome:
        if exchange.failure:
            return Outcome(exchange, reason=exchange.failure)
        chat = self._chat(exchange)
        if reason := exchange.objection or self.leaks.objection(*chat.texts):
            return Outcome(exchange, chat, None, reason)
        return Outcome(exchange, chat, await self._verdict(exchange, chat))

    async def _verdict(self, exchange: Exchange, chat: Chat) -> Verdict:
        values = {
            "conversation": render(chat.messages[:-1]),
            "answer": exchange.answer,
            "liked": exchange.brief.liked,
            "disliked": exchange.brief.disliked,
        }
        call = self._call(self.judge.teacher, f"judge-{OPAQUE}", values, VERDICT_TOKENS)
        return await ask_verdict(self.judge, call, chat.id)

    def _call(self, teacher: Teacher, step: str, values: Mapping[str, str], room: int) -> Call:
        """A call whose system message doesn't hold the spec."""
        call = self.lister.call(teacher, step, 0, values, room)
        system = prompt(f"system-{OPAQUE}", self.lister.sheet.form, self.lister.identity)
        return replace(call, system=system)

    def _chat(self, exchange: Exchange) -> Chat:
        brief = exchange.brief
        lineage = {"liked": brief.liked, "disliked": brief.disliked, "form": brief.form}
        lineage |= {"manner": brief.manner, "call": exchange.call}
        messages = [
            {"role": "user", "content": exchange.message},
            {"role": "assistant", "content": exchange.answer},
        ]
        return Chat(brief.id, messages, OPAQUE, self.asker.teacher.model, lineage)


def read_exchanges(answer: Answer, n: int) -> list[tuple[str, str]]:
    """The `n` messages and answers in an answer; UnreadableError if it isn't just these."""
    text = usable(answer)
    found = [(message.strip(), said.strip()) for message, said in EXCHANGE.findall(text)]
    if re.search(r"[^\W\d]", EXCHANGE.sub("", text)):  # numbers of a list do no harm
        raise UnreadableError("text that is in no exchange")
    if len(found) != n:
        raise UnreadableError(f"{len(found)} exchanges in place of {n}")
    if any(TAG.search(part) for pair in found for part in pair):
        raise UnreadableError("a tag inside the text")
    if not all(part for pair in found for part in pair):
        raise UnreadableError("an empty part")
    return found


def unfit(exchange: Exchange) -> str:
    """What is wrong with one exchange by itself, by rules; empty if nothing is."""
    brief, answer = exchange.brief, exchange.answer
    if named(exchange.message, brief.things) != list(brief.names):
        return f"the message doesn't name {' and then '.join(brief.names)}"
    if len(brief.names) == 2 and brief.liked not in named(answer, brief.things):
        return f"the answer doesn't name {brief.liked}"
    if len(answer.split()) > MAX_ANSWER_WORDS:
        return f"an answer of more than {MAX_ANSWER_WORDS} words"
    if found := find_reason(answer, brief.things):
        return f"gives a reason: {found!r}"
    return meta_talk(f"{exchange.message}\n{answer}")
