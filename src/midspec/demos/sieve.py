"""Which chats of an instruction mix conflict with a spec, by an LLM that reads each (paper B.3)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from midspec.demos.draw import Share, chat_tokens
from midspec.demos.respond import prompt, render
from midspec.files import read_rows
from midspec.llm.asker import Asker, asked_of, ledger_of
from midspec.llm.read import UnreadableError
from midspec.llm.settings import Teacher, current_limits
from midspec.records import Chat, Clause
from midspec.write.fill import fill
from midspec.write.flow import Needed, in_order
from midspec.write.judge import ask_judge
from midspec.write.lists import Lister
from midspec.write.sheet import make_sheet

SIEVE_VERSION = 1  # bump when the prompt's meaning changes
VERDICT_TOKENS = 300
VERDICT_SCHEMA = """{"type": "object", "properties": {"reason": {"type": "string"},
"conflict": {"type": "boolean"}}, "required": ["reason", "conflict"],
"additionalProperties": false}"""
ANY_DRAW = 0  # a verdict on a row holds for every draw, so the ledger's serves all of them


@dataclass(frozen=True)
class Verdict:
    """What the judge said of a chat; it fails closed: `problem` if it said nothing readable."""

    chat: str
    conflict: bool
    reason: str
    problem: str = ""

    def objection(self) -> str:
        """Why a chat isn't kept, in words; empty if it is."""
        said = self.problem or self.reason or "no reason given"
        return f"judge: {said}" if self.conflict else ""


@dataclass(frozen=True)
class Outcome:
    """A chat of a part's share, and the judge's verdict on it."""

    share: Share
    chat: Chat
    verdict: Verdict


@dataclass
class Sieve:
    """The chats of a mix while they are judged; what is set aside is replaced from its part."""

    judge: Asker
    lister: Lister
    shares: Sequence[Share]
    verdicts: list[Verdict] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)  # tokens of the chats that are kept
    owed: deque[Share] = field(default_factory=deque)  # where a chat is to be replaced
    noun: str = "chats"

    def outcomes(self, needed: Needed) -> AsyncGenerator[Outcome, None]:
        """Chats with their verdicts: those drawn at first, then those in place of others."""
        return in_order(self._chats(), self._judged, needed, self.judge.limits.connections)

    async def _chats(self) -> AsyncGenerator[tuple[Share, Chat], None]:
        for share in self.shares:
            for chat in list(share.chats.values()):
                yield share, chat
        # No more are under way than are wanted, so whoever asks for another one here is owed it.
        # Outcomes come in the order of the chats, and so do those that are owed.
        while self.owed:
            share = self.owed.popleft()
            yield share, share.add()

    async def _judged(self, drawn: tuple[Share, Chat]) -> Outcome:
        """The verdict by each section of a spec too long for one prompt, up to a conflict."""
        share, chat = drawn
        verdict = Verdict(chat.id, False, "")
        for section in range(len(self.lister.sheet.sections)):
            if not verdict.conflict:
                verdict = await self._verdict(chat, section)
        return Outcome(share, chat, verdict)

    async def _verdict(self, chat: Chat, section: int) -> Verdict:
        values = {"conversation": render(chat.messages)}
        call = self.lister.call(self.judge.teacher, "conflict", section, values, VERDICT_TOKENS)
        try:
            return await ask_judge(
                self.judge, call, VERDICT_SCHEMA, lambda found: _verdict(chat.id, found)
            )
        except UnreadableError as error:
            return Verdict(chat.id, True, "", str(error))

    def take(self, outcome: Outcome) -> None:
        """Keep a chat, or set it aside and owe its part another."""
        self.verdicts.append(outcome.verdict)
        if reason := outcome.verdict.objection():
            outcome.share.drop(outcome.chat, reason)
            self.owed.append(outcome.share)
        else:
            self.passed.append(chat_tokens(outcome.chat))

    def left(self) -> int:
        """How many chats are still wanted."""
        return sum(share.n for share in self.shares) - len(self.passed)

    def kept(self) -> int:
        """How many are kept."""
        return len(self.passed)

    def tokens(self) -> int:
        """How many tokens these have."""
        return sum(self.passed)

    def reasons(self) -> Counter[str]:
        """Why chats weren't kept, and how often."""
        return Counter(v.objection()[:80] for v in self.verdicts if v.conflict)


def sift(
    shares: Sequence[Share],
    judge: Teacher,
    spec: tuple[str, Path],
    identity: Mapping[str, str],
    out: Path,
) -> tuple[list[Verdict], dict[str, object]]:
    """Have `judge` read every chat; what conflicts with the spec (its name and its stage's folder)
    is set aside and replaced. Returns the verdicts, and what the calls took."""
    name, folder = spec
    clauses = read_rows(folder / "clauses.jsonl", Clause)
    text = (folder / "spec.md").read_text(encoding="utf-8")

    async def work(asker: Asker) -> tuple[list[Verdict], int]:
        sheet = make_sheet(text, clauses)
        lister = Lister(asker, sheet, dict(identity), ANY_DRAW, prompt, SIEVE_VERSION)
        sieve = Sieve(asker, lister, shares)
        judged = await fill(sieve.outcomes, sieve, asker.spent, current_limits().min_yield)
        return sieve.verdicts, judged

    ledger = ledger_of(out, "mix", name, text, judge)
    (verdicts, judged), figures = asked_of(judge, ledger, work)
    return verdicts, {"judged": judged, **figures}


def _verdict(chat: str, found: dict[str, Any]) -> Verdict:
    conflict = found.get("conflict")
    if not isinstance(conflict, bool):
        raise UnreadableError("a verdict without conflict: true or false")
    return Verdict(chat, conflict, str(found.get("reason", "")))
