"""An asker without a network: the pretend teacher's answers, or what a test puts in their place."""

import asyncio
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from midspec.corpus.prompts import prompt
from midspec.llm.asker import Spent
from midspec.llm.ledger import Answer, Call
from midspec.llm.settings import Limits, Teacher
from midspec.spec.read import clauses
from midspec.text import fill_in
from midspec.write.lists import Lister
from midspec.write.sheet import make_sheet
from tests import teacher_answers, tiny

IDENTITY = {"model_name": "Tiny", "provider_name": "Testers"}
PROSE = fill_in(
    "\n\n".join(
        f"# Part {part}\n\n"
        + "\n\n".join(
            f"{{model_name}} weighs matter {part} of kind {n} with care, because haste is costly."
            for n in range(3)
        )
        for part in range(3)
    ),
    IDENTITY,
)
RULES = fill_in(tiny.SPEC, IDENTITY)

Say = Callable[[Call], str | Answer | Exception]


class FakeAsker:
    """Answers at once, or after a while drawn by `delays`; `say` has answers of a test by step."""

    def __init__(
        self,
        say: Mapping[str, Say] | None = None,
        delays: int | None = None,
        structured: bool = False,
        model: str = "openai-api/fake/writer",
    ) -> None:
        self.say = dict(say or {})
        self.draw = random.Random(delays) if delays is not None else None
        self.structured = structured
        self.teacher, self.limits, self.spent = Teacher(model), Limits(), Spent()
        self.ledger = SimpleNamespace(path=Path("ledger.jsonl"))
        self.calls: list[Call] = []

    async def ask(self, call: Call) -> Answer:
        """The answer, the same for the same call."""
        self.calls.append(call)
        for _ in range(self.draw.randrange(40) if self.draw else 0):
            await asyncio.sleep(0)
        said = self.say.get(call.step, pretend)(call)
        if isinstance(said, Exception):
            raise said
        answer = said if isinstance(said, Answer) else answer_to(call, said)
        self.spent.add(answer)
        return answer

    def of(self, step: str) -> list[Call]:
        """The calls of one step, as they were made."""
        return [call for call in self.calls if call.step == step]


def answer_to(call: Call, text: str, stop_reason: str = "stop") -> Answer:
    """An answer with a call's own particulars."""
    return Answer(
        call.key, call.step, call.prompt_version, call.model, call.sample, call.temperature,
        call.max_tokens, text, stop_reason, 100, 50, 0.01, 0.1, 1, "2026-01-01T00:00:00Z",
    )  # fmt: skip


def pretend(call: Call) -> str:
    """What the pretend teacher of the tests' server says to a call."""
    return teacher_answers.answer(asked_of(call), teacher_answers.Settings()).text


def asked_of(call: Call) -> dict[str, Any]:
    """A call as the server is sent it."""
    asked: dict[str, Any] = {
        "model": call.model,
        "messages": [
            {"role": "system", "content": call.system},
            {"role": "user", "content": call.user},
        ],
        "seed": call.seed,
        "max_tokens": call.max_tokens,
    }
    if call.schema:
        asked["response_format"] = {"json_schema": call.schema}
    return asked


def lister(asker: FakeAsker, spec: str = PROSE, draw: int = 0) -> Lister:
    """A lister about a spec's text."""
    return Lister(asker, make_sheet(spec, clauses(spec)), IDENTITY, draw, prompt, 1)  # type: ignore[arg-type]
