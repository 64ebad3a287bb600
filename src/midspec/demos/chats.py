"""The stage in which an LLM writes chats: aligned, deliberative, or of an opposed character."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from midspec.demos.queries import Queries, query_kinds
from midspec.demos.respond import PROMPT_VERSION, Outcome, Respondent, Verdict, prompt
from midspec.files import read_rows, write_rows
from midspec.leaks import LeakFinder
from midspec.llm.asker import asking_both
from midspec.llm.ledger import ledger_file
from midspec.llm.settings import Teacher, current_limits
from midspec.records import Chat, Clause, Item
from midspec.run.stage import Source, Stage, Summary
from midspec.text import estimate_tokens
from midspec.write.fill import fill
from midspec.write.flow import Needed, in_order
from midspec.write.lists import Lister
from midspec.write.sheet import make_sheet


@dataclass(frozen=True)
class ChatsConfig:
    """`n` chats to keep in a style (value, rule, deliberative, anti), judged by `judge`; of
    `best_of` drafts for each message the best is kept."""

    spec: str
    n: int
    style: str
    teacher: Teacher
    judge: Teacher
    best_of: int
    query_kinds: tuple[str, ...]
    draw: int
    model_name: str
    provider_name: str
    prompt_version: int = PROMPT_VERSION


def chats_stage(name: str, config: ChatsConfig, spec: Stage, avoid: Sequence[Path] = ()) -> Stage:
    """The stage that writes one set; chats that give an item of `avoid` away are set aside."""
    inputs: dict[str, Stage | Source] = {"spec": spec}
    inputs |= {f"avoid{n}": Source(path.name, path) for n, path in enumerate(avoid)}
    return Stage("demos", write_chats, config, inputs, title=f"demos {name}")


@dataclass
class Filling:
    """A set of demonstrations while it is being written."""

    n: int
    leaks: LeakFinder
    chats: list[Chat] = field(default_factory=list)
    aside: list[dict[str, object]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    noun: str = "chats"

    def take(self, outcome: Outcome) -> None:
        """One message's outcome: kept, set aside or failed, and its verdict with it."""
        if outcome.verdict:
            self.verdicts.append(outcome.verdict)
        if outcome.chat is None:
            row = {"id": outcome.query.id, "step": "chat", "reason": outcome.reason}
            self.failed.append(row | {"query": outcome.query.text})
        elif reason := outcome.reason or self._objection(outcome.chat, outcome.verdict):
            self.aside.append(asdict(outcome.chat) | {"reason": reason})
        else:
            self.chats.append(outcome.chat)

    def _objection(self, chat: Chat, verdict: Verdict | None) -> str:
        said = "\n".join([*(message["content"] for message in chat.messages), *chat.reasoning])
        if item := self.leaks.find(said):
            return f"leaks eval item {item}"
        return verdict.objection() if verdict else "judge: no verdict"

    def left(self) -> int:
        """How many chats are still wanted."""
        return self.n - len(self.chats)

    def kept(self) -> int:
        """How many are kept."""
        return len(self.chats)

    def tokens(self) -> int:
        """How many tokens their messages have."""
        return sum(estimate_tokens(m["content"]) for chat in self.chats for m in chat.messages)

    def reasons(self) -> Counter[str]:
        """Why chats weren't kept, and how often."""
        reasons = Counter(str(row["reason"])[:80] for row in self.aside)
        reasons.update(row["reason"][:80] for row in self.failed)
        return reasons


def write_chats(config: ChatsConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write chats.jsonl (reasoning apart from the messages), set_aside.jsonl, failed.jsonl and
    verdicts.jsonl; kept + set aside + failed = asked."""
    avoid = [item for key in inputs if key[:5] == "avoid" for item in read_rows(inputs[key], Item)]
    clauses = read_rows(inputs["spec"] / "clauses.jsonl", Clause)
    spec = (inputs["spec"] / "spec.md").read_text(encoding="utf-8")
    limits, filling = current_limits(), Filling(config.n, LeakFinder(avoid))
    identity = {"model_name": config.model_name, "provider_name": config.provider_name}
    ledger = ledger_file(
        limits.ledger or out / "ledger", "demos", config.spec, spec, config.teacher
    )

    async def work() -> Summary:
        async with asking_both(config.teacher, config.judge, limits, ledger) as (asker, judge):
            assert judge
            sheet = make_sheet(spec, clauses)
            lister = Lister(asker, sheet, identity, config.draw, prompt, PROMPT_VERSION)
            queries = Queries(lister, config.query_kinds or tuple(query_kinds()))
            respondent = Respondent(asker, judge, lister, config.style, config.best_of)
            if config.style == "anti":
                await respondent.invent_characters()

            def outcomes(needed: Needed) -> AsyncGenerator[Outcome, None]:
                messages = queries.in_order(needed)
                return in_order(messages, respondent.answer, needed, limits.connections)

            asked = await fill(outcomes, filling, asker.spent, limits.min_yield)
            figures = asker.spent.figures()
            return {"asked": asked, "plan_failures": queries.failures(), **figures}

    told = asyncio.run(work())
    plan_failures = told.pop("plan_failures")
    assert isinstance(plan_failures, list)
    write_rows(out / "chats.jsonl", filling.chats)
    write_rows(out / "set_aside.jsonl", filling.aside)
    write_rows(out / "failed.jsonl", filling.failed + plan_failures)
    write_rows(out / "verdicts.jsonl", filling.verdicts)
    return {
        "chats": len(filling.chats),
        "set_aside": len(filling.aside),
        "failed": len(filling.failed),
        "tokens": filling.tokens(),
        **told,
    }
