"""Who reads transcripts: an LLM, asked about one after the other; what gives no verdict counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from midspec.evals.reasons.transcripts import Transcript
from midspec.llm.asker import Asker
from midspec.llm.ledger import Call
from midspec.llm.read import UnreadableError
from midspec.text import estimate_tokens
from midspec.write.fill import fill
from midspec.write.flow import Needed, in_order
from midspec.write.judge import ask_judge
from midspec.write.prompts import Prompts

PROMPT_VERSION = 1  # bump when a prompt's meaning changes
ROOM_TOKENS = 300  # of an answer, around what it lists

prompt = Prompts("midspec.evals.reasons")
Verdict = TypeVar("Verdict")


class Reading(Protocol):
    """What came of reading a transcript: `problem` says why nothing did."""

    @property
    def problem(self) -> str:
        """Why there is no verdict; empty if there is one."""


Read = TypeVar("Read", bound=Reading)


@dataclass(frozen=True)
class Reader:
    """The LLM that reads; a judge under whose verdicts fewer than `min_yield` of the first twenty
    transcripts come to anything is stopped there."""

    judge: Asker
    draw: int
    min_yield: float

    async def ask(
        self,
        step: str,
        system: str,
        user: str,
        room: int,
        schema: str,
        read: Callable[[dict[str, Any]], Verdict],
    ) -> Verdict:
        """What `read` makes of the answer; UnreadableError if it could be read neither time.

        `room` is tokens for what the answer lists.
        """
        teacher = self.judge.teacher
        call = Call(
            step=step,
            prompt_version=PROMPT_VERSION,
            model=teacher.model,
            system=system,
            user=user,
            max_tokens=ROOM_TOKENS + room + teacher.reasoning_tokens,
            temperature=teacher.temperature,
            reasoning_effort=teacher.reasoning_effort,
            sample=str(self.draw),
        )
        return await ask_judge(self.judge, call, schema, read)

    async def each(
        self, transcripts: Sequence[Transcript], read: Callable[[Transcript], Awaitable[Read]]
    ) -> list[Read]:
        """What `read` makes of every transcript, in order."""
        pile = _Pile[Read](transcripts)

        async def coming() -> AsyncGenerator[Transcript, None]:
            for transcript in transcripts:
                yield transcript

        def outcomes(needed: Needed) -> AsyncGenerator[Read, None]:
            return in_order(coming(), read, needed, self.judge.limits.connections)

        await fill(outcomes, pile, self.judge.spent, self.min_yield)
        return pile.readings


@dataclass
class _Pile(Generic[Read]):
    """The transcripts that are being read, in order."""

    transcripts: Sequence[Transcript]
    readings: list[Read] = field(default_factory=list)
    verdicts: int = 0
    tokens_read: int = 0
    noun: str = "transcripts"

    def take(self, outcome: Read) -> None:
        """Put a reading with the others, whether something came of it or not."""
        if not outcome.problem:
            self.verdicts += 1
            self.tokens_read += shown_tokens(self.transcripts[len(self.readings)])
        self.readings.append(outcome)

    def left(self) -> int:
        """How many are still to be read."""
        return len(self.transcripts) - len(self.readings)

    def kept(self) -> int:
        """How many gave a verdict."""
        return self.verdicts

    def tokens(self) -> int:
        """How many tokens these have."""
        return self.tokens_read

    def reasons(self) -> Counter[str]:
        """Why others gave none, and how often."""
        return Counter(reading.problem[:80] for reading in self.readings if reading.problem)


def why_unread(error: UnreadableError) -> str:
    """What was wrong with a verdict, without the words that every such error begins with."""
    return str(error).removeprefix("no verdict: ")


def shown(transcript: Transcript) -> str:
    """A transcript as prompts show it: what is analysed, and what it led to where that is more."""
    if not transcript.thought:
        return f"<transcript>\n{transcript.said}\n</transcript>"
    outcome = f"\n\n<outcome>\n{transcript.said}\n</outcome>" if transcript.said else ""
    return f"<transcript>\n{transcript.thought}\n</transcript>{outcome}"


def shown_tokens(transcript: Transcript) -> int:
    """About how many tokens that has."""
    return estimate_tokens(shown(transcript))
