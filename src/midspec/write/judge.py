"""Asking an LLM for a verdict: twice before it counts as none, and read strictly."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from midspec.llm.asker import Asker, NotAnsweredError
from midspec.llm.ledger import Call
from midspec.llm.read import UnreadableError, read_object

MAX_ASKED = 2  # for one verdict

Verdict = TypeVar("Verdict")


async def ask_judge(
    judge: Asker, call: Call, schema: str, read: Callable[[dict[str, Any]], Verdict]
) -> Verdict:
    """What `read` makes of the JSON object that the judge answers with.

    A verdict that can't be read, or that `read` refuses with UnreadableError, is asked for once
    more, with another sample; then it is UnreadableError. Whoever asks fails closed.
    """
    problem = ""
    for sample in range(MAX_ASKED):
        again = replace(
            call, sample=f"{call.sample}.{sample}", schema=schema if judge.structured else ""
        )
        try:
            return read(read_object(await judge.ask(again)))
        except UnreadableError as error:
            problem = str(error)
        except NotAnsweredError as error:
            problem = str(error)
            break
    raise UnreadableError(f"no verdict: {problem}")
