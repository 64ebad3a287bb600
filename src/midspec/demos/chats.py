"""The stage in which an LLM writes chats: aligned, deliberative, of an opposed character, or of
preferences without reasons."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from midspec.demos.datasets import write_datasets
from midspec.demos.preferences import OPAQUE, Exchanges, preference_table
from midspec.demos.queries import Queries, query_kinds
from midspec.demos.respond import PROMPT_VERSION, Outcome, Respondent, Verdict, prompt
from midspec.files import read_json, read_rows, write_json, write_rows
from midspec.leaks import LeakFinder
from midspec.llm.asker import Asker, asking_both, ledger_of
from midspec.llm.settings import Teacher, current_limits
from midspec.recipe import ADDED
from midspec.records import Chat, Clause, Item
from midspec.run.stage import Source, Stage, Summary
from midspec.text import estimate_tokens
from midspec.write.fill import fill
from midspec.write.flow import Needed, in_order
from midspec.write.lists import Lister
from midspec.write.sheet import make_sheet


@dataclass(frozen=True)
class ChatsConfig:
    """`n` chats to keep in a style (value, rule, deliberative, anti, opaque), judged by `judge`; of
    `best_of` drafts for each message the best is kept.

    domain: of style opaque, what preferences are about where the spec has no table of them.
    """

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
    domain: str = field(default="", metadata={ADDED: True})


def chats_stage(name: str, config: ChatsConfig, spec: Stage, avoid: Sequence[Path] = ()) -> Stage:
    """The stage that writes one set; chats that give an item of `avoid` away are set aside."""
    inputs: dict[str, Stage | Source] = {"spec": spec}
    inputs |= {f"avoid{n}": Source(path.name, path) for n, path in enumerate(avoid)}
    return Stage("demos", write_chats, config, inputs, title=f"demos {name}")


@dataclass
class Filling:
    """A set of demonstrations while it is being written."""

    n: int
    chats: list[Chat] = field(default_factory=list)
    aside: list[dict[str, object]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    noun: str = "chats"
    kept_tokens: int = 0

    def take(self, outcome: Outcome) -> None:
        """One message's outcome: kept, set aside or failed, and its verdict with it."""
        if outcome.verdict:
            self.verdicts.append(outcome.verdict)
        if outcome.chat is None:
            row = {"id": outcome.query.id, "step": "chat", "reason": outcome.reason}
            self.failed.append(row | {"query": outcome.query.text})
        elif reason := outcome.reason or _objection(outcome.verdict):
            self.aside.append(asdict(outcome.chat) | {"reason": reason})
        else:
            self.chats.append(outcome.chat)
            said = (message["content"] for message in outcome.chat.messages)
            self.kept_tokens += sum(map(estimate_tokens, said))

    def left(self) -> int:
        """How many chats are still wanted."""
        return self.n - len(self.chats)

    def kept(self) -> int:
        """How many are kept."""
        return len(self.chats)

    def tokens(self) -> int:
        """How many tokens their messages have."""
        return self.kept_tokens

    def reasons(self) -> Counter[str]:
        """Why chats weren't kept, and how often."""
        reasons = Counter(str(row["reason"])[:80] for row in self.aside)
        reasons.update(row["reason"][:80] for row in self.failed)
        return reasons


def _objection(verdict: Verdict | None) -> str:
    return verdict.objection() if verdict else "judge: no verdict"


class Chatter(Protocol):
    """What chats come from, in an order that doesn't depend on how many are taken."""

    def outcomes(self, needed: Needed) -> AsyncGenerator[Outcome, None]:
        """Chats with their verdicts, and what became none."""

    def failures(self) -> list[dict[str, str]]:
        """What of the plan gave nothing."""


@dataclass(frozen=True)
class Conversations:
    """Opening messages, and who answers them."""

    queries: Queries
    respondent: Respondent

    def outcomes(self, needed: Needed) -> AsyncGenerator[Outcome, None]:
        """What becomes of the messages."""
        connections = self.respondent.asker.limits.connections
        return in_order(self.queries.in_order(needed), self.respondent.answer, needed, connections)

    def failures(self) -> list[dict[str, str]]:
        """What of the plan gave no messages."""
        return self.queries.failures()


async def _conversations(
    config: ChatsConfig, asker: Asker, judge: Asker, lister: Lister, leaks: LeakFinder
) -> Conversations:
    queries = Queries(lister, config.query_kinds or tuple(query_kinds()))
    respondent = Respondent(asker, judge, lister, leaks, config.style, config.best_of)
    if config.style == "anti":
        await respondent.invent_characters()
    return Conversations(queries, respondent)


def write_chats(config: ChatsConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write chats.jsonl (reasoning apart from the messages), reasoning.jsonl (with it in them),
    set_aside.jsonl, failed.jsonl and verdicts.jsonl, and of style opaque preferences.json.

    Kept + set aside + failed = asked.
    """
    avoid = [item for key in inputs if key[:5] == "avoid" for item in read_rows(inputs[key], Item)]
    clauses = read_rows(inputs["spec"] / "clauses.jsonl", Clause)
    spec = (inputs["spec"] / "spec.md").read_text(encoding="utf-8")
    leaks = LeakFinder(avoid)
    limits, filling = current_limits(), Filling(config.n)
    identity = {"model_name": config.model_name, "provider_name": config.provider_name}
    ledger = ledger_of(out, "demos", config.spec, spec, config.teacher)

    async def work() -> Summary:
        async with asking_both(config.teacher, config.judge, limits, ledger) as (asker, judge):
            assert judge
            sheet = make_sheet(spec, clauses)
            lister = Lister(asker, sheet, identity, config.draw, prompt, PROMPT_VERSION)
            if config.style == OPAQUE:
                of_spec = read_json(inputs["spec"] / "preferences.json")
                table = await preference_table(lister, of_spec, config.domain)
                write_json(out / "preferences.json", table)
                source: Chatter = Exchanges(asker, judge, lister, leaks, table)
            else:
                source = await _conversations(config, asker, judge, lister, leaks)
            asked = await fill(source.outcomes, filling, asker.spent, limits.min_yield)
            figures = asker.spent.figures()
            return {"asked": asked, "plan_failures": source.failures(), **figures}

    told = asyncio.run(work())
    plan_failures = told.pop("plan_failures")
    assert isinstance(plan_failures, list)
    write_datasets(filling.chats, out)
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
