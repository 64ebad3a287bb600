"""Asking a grader for a JSON verdict inside an Inspect scorer; a failure costs its sample only."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from midspec.errors import MidspecError
from midspec.evals.actions import said

GRADER = "grader"  # the role of the model that judges: --model-role grader=…
ATTEMPT_SECONDS = 180  # a grader that stalls longer is given up
MAX_RETRIES = 3
MAX_TOKENS = 2000
ASK_AGAIN = (
    "Your last answer could not be read ({problem}). Answer with the JSON object alone: nothing "
    "before it, nothing after it."
)

Verdict = TypeVar("Verdict")


class NoVerdictError(Exception):
    """The grader gave no verdict on one sample, and why."""


async def ask_grader(
    prompt: str, read: Callable[[dict[str, Any]], Verdict], default: str | None = None
) -> Verdict:
    """What `read` makes of the JSON object that the grader answers with.

    `read` raises ValueError or KeyError for an object that is no verdict. The grader is asked
    twice; then, or when it can't be reached, it is NoVerdictError. `default` is asked where no
    model has the role of grader; without either it is Inspect's PrerequisiteError, for no sample
    would fare better.
    """
    from inspect_ai.model import (
        ChatMessageAssistant,
        ChatMessageUser,
        GenerateConfig,
        get_model,
    )

    grader = get_model(role=GRADER, default=default, required=True)
    config = GenerateConfig(
        temperature=0.0,
        max_tokens=MAX_TOKENS,
        attempt_timeout=grader.config.attempt_timeout or ATTEMPT_SECONDS,
        max_retries=MAX_RETRIES,
    )
    messages: list[Any] = [ChatMessageUser(content=prompt)]
    problem = ""
    for _ in range(2):
        try:
            output = await grader.generate(messages, config=config)
        except MidspecError:  # the budget is used up, or no call would be answered
            raise
        except Exception as raised:  # whatever the provider raises, the other samples go on
            # Inspect's retry wrapper hides the error that it gave up on.
            error = raised.__cause__ or raised
            said = str(error) or repr(error)
            raise NoVerdictError(f"the grader did not answer: {said}") from raised
        try:
            return read(_read_object(output.completion))
        except (ValueError, KeyError) as error:
            problem = str(error) or repr(error)
        again = ASK_AGAIN.format(problem=problem)
        messages += [
            ChatMessageAssistant(content=output.completion or "(empty)"),
            ChatMessageUser(content=again),
        ]
    raise NoVerdictError(f"no verdict could be read: {problem}")


def yes_or_no(key: str) -> Callable[[dict[str, Any]], bool]:
    """A reader of the answer under `key`: true or false, or "yes" or "no"."""

    def read(found: dict[str, Any]) -> bool:
        value = found[key]
        value = value.strip().lower() if isinstance(value, str) else value
        if value in (True, "yes", "true"):
            return True
        if value in (False, "no", "false"):
            return False
        raise ValueError(f"{key} is {value!r}, not yes or no")

    return read


def _read_object(text: str) -> dict[str, Any]:
    """The JSON object in an answer, whatever stands around it."""
    text = said(text)
    begin, end = text.find("{"), text.rfind("}")
    if begin < 0 or end < begin:
        raise ValueError("no JSON object")
    try:
        found = json.loads(text[begin : end + 1])
        json.dumps(found, ensure_ascii=False).encode()  # half a character couldn't be written down
    except RecursionError as error:
        raise ValueError("a JSON object that is nested too deep") from error
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found
