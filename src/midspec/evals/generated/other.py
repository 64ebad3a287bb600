"""Any other Inspect task as a guardrail: MMLU, GSM8K or IFEval of `inspect_evals`, or one's own.

`inspect/inspect_evals.gsm8k:gsm8k` names a module and the task in it. Its own scorer counts, its
own data is loaded from wherever it comes, and nothing of it is changed but the number of items.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from midspec.errors import ConfigError, DataError
from midspec.evals.logs import row, scored
from midspec.evals.task import Ask, GeneratedTask
from midspec.records import Metric, Score

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.log import EvalLog

KIND = "inspect"
NEEDS = "MODULE:TASK"


def other_task(name: str) -> GeneratedTask:
    """The Inspect task of that name as an eval; one that can't be found is a ConfigError."""
    module, _, function = name.partition(":")
    if not (module and function):
        raise ConfigError(
            f"evals: {KIND}/{name} names no Inspect task. Write {KIND}/{NEEDS}, such as "
            f"{KIND}/inspect_evals.gsm8k:gsm8k."
        )
    metric = Metric(function, role="guardrail", chance=None)
    return GeneratedTask((metric,), partial(_made, module, function), _scores)


def _made(module: str, function: str, ask: Ask) -> Task:
    from inspect_ai.util import registry_info

    try:
        make = getattr(import_module(module), function)
        registry_info(make)  # no other function is called: an experiment's file may be a stranger's
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"evals: the Inspect task {module}:{function} isn't there ({error}). Install its "
            "package, such as: pip install inspect_evals"
        ) from error
    try:
        task: Task = make()
    except Exception as error:
        raise DataError(
            f"The Inspect task {module}:{function} can't be made ({type(error).__name__}: "
            f"{str(error).strip().splitlines()[0] if str(error).strip() else 'no reason given'}). "
            "Its data may have to be fetched from the Hub: check the network."
        ) from error
    if ask.max_items:
        task.dataset = task.dataset[: ask.max_items]
    return task


def _scores(log: EvalLog) -> list[Score]:
    """A row for each answer, from 0 to 1 as the task's first scorer has it."""
    from inspect_ai.scorer import value_to_float

    number = value_to_float()

    def value(found: Any) -> float:
        if isinstance(found, Mapping):  # several of one scorer: the first is its main one
            found = next(iter(found.values()))
        counted: float = number(found)
        return counted

    return [row(sample, value(score.value)) for sample, score in scored(log)]
