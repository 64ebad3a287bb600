"""What stands in for a judge's model, and a way from answers to scores without a stage."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from midspec.evals.answers import generate
from midspec.evals.judged import score_answers
from tests.evals.agentic.scripted import Script, scripted


def answered(task: Any, script: Script, folder: Path, repeats: int = 1) -> Any:
    """A log of what a scripted model says to a task, without scores."""
    return generate(task, scripted(script), repeats, folder / "attempts")


def scored_log(task: Any, log: Any, judge: Script | None = None) -> Any:
    """The log with scores."""
    return asyncio.run(score_answers(log, task, scripted(judge) if judge else None))


async def stalls() -> str:
    """Never answers."""
    await asyncio.Event().wait()
    return "too late"


FAULTS: list[Callable[[], str | Awaitable[str]]] = [
    lambda: "I'm sorry, but I can't help with judging harmful content.",
    stalls,
    lambda: "{'verdict': maybe, 'choice': ",
]


def on_a_bad_day(judge: Script, fault: Callable[[str], int | None]) -> Script:
    """A judge that refuses (0), stalls (1) or writes nonsense (2) where `fault` gives that number,
    however often it is asked."""

    def script(asked: str) -> str | Awaitable[str]:
        number = fault(asked)
        return judge(asked) if number is None else FAULTS[number % len(FAULTS)]()

    return script


def one_after_the_other(*texts: str) -> Callable[[str], str]:
    """Says the texts in turn, and the last one from then on."""
    left = list(texts)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]


def part(asked: str, tag: str) -> str:
    """What stands between a prompt's tags."""
    return asked.rpartition(f"<{tag}>\n")[2].partition(f"\n</{tag}>")[0]


def by_measure(rows: Sequence[Any]) -> dict[str, list[float]]:
    """The values of scores by measure."""
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row.measure, []).append(row.value)
    return found
