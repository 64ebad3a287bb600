"""The prompts about specs, and how an LLM is asked about one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from midspec.llm.asker import Asker, Spent, asking
from midspec.llm.ledger import Call, ledger_file
from midspec.llm.settings import Teacher, current_limits
from midspec.run.stage import Summary
from midspec.write.judge import ask_judge
from midspec.write.prompts import Prompts

PROMPT_VERSION = 1  # bump when a prompt's meaning changes
ROOM_TOKENS = 300  # of an answer, around what it lists

prompt = Prompts("midspec.spec")
Answered = TypeVar("Answered")


@dataclass(frozen=True)
class AskConfig:
    """Which LLM is asked about a spec, what fills its placeholders, and which draw of answers."""

    teacher: Teacher
    identity: tuple[tuple[str, str], ...]
    draw: int = 0
    prompt_version: int = PROMPT_VERSION


def with_teacher(
    teacher: Teacher, stage: str, spec: str, out: Path, work: Callable[[Asker], Awaitable[Answered]]
) -> tuple[Answered, Summary]:
    """What `work` makes of its questions to the teacher, and what these took; the ledger is the
    same for all questions of one kind about one spec."""
    limits = current_limits()
    ledger = ledger_file(limits.ledger or out / "ledger", stage, "spec", spec, teacher)

    async def run() -> tuple[Answered, Summary]:
        async with asking(teacher, limits, ledger, Spent()) as asker:
            return await work(asker), asker.spent.figures()

    return asyncio.run(run())


async def ask(
    asker: Asker,
    step: str,
    values: dict[str, str],
    room: int,
    schema: str,
    read: Callable[[dict[str, Any]], Answered],
    draw: int,
    system: str = "",
) -> Answered:
    """What `read` makes of the answer to the prompt `step`; UnreadableError if it could be read
    neither time. `room` is tokens for what the answer lists; the system message is of the step's
    name, or of `system`."""
    teacher = asker.teacher
    call = Call(
        step=step,
        prompt_version=PROMPT_VERSION,
        model=teacher.model,
        system=prompt(f"{system or step}-system", "", values),
        user=prompt(step, "", values),
        max_tokens=ROOM_TOKENS + room + teacher.reasoning_tokens,
        temperature=teacher.temperature,
        reasoning_effort=teacher.reasoning_effort,
        sample=str(draw),
    )
    return await ask_judge(asker, call, schema, read)
