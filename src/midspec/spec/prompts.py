"""The prompts about specs, and how an LLM is asked about one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from midspec.llm.asker import Asker
from midspec.llm.ledger import Call
from midspec.llm.settings import Teacher
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
