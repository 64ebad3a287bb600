"""What Inspect finds when midspec is installed: `inspect eval midspec/agentic_misalignment`."""

from pathlib import Path

from inspect_ai import Task, task

from midspec.errors import ConfigError
from midspec.evals.agentic import outside
from midspec.evals.agentic.conditions import NONE, OUTSIDE_SCENARIOS, SCENARIOS, conditions
from midspec.evals.agentic.prompts import MODEL_NAME
from midspec.evals.agentic.scorers import executed, tool_use, verdict
from midspec.evals.generated import manners as ordinary
from midspec.evals.generated import preference
from midspec.evals.generated.agentic import REPEATS, SMALL_REPEATS, grid
from midspec.evals.generated.opposite import REPEATS as OPPOSITE_REPEATS
from midspec.evals.generated.opposite import pairs
from midspec.evals.items import item_file
from midspec.evals.scenarios.ask import MODEL_NAME as SCENARIO_MODEL_NAME
from midspec.evals.scenarios.scorers import (
    scenario_executed,
    scenario_tool_use,
    scenario_verdict,
)
from midspec.evals.task import Ask
from midspec.evals.tasks.opposite import asked_scenarios

__all__ = [
    "agentic_misalignment",
    "executed",
    "generated_preference",
    "manners",
    "opposite_failures",
    "scenario_executed",
    "scenario_tool_use",
    "scenario_verdict",
    "tool_use",
    "verdict",
]


@task
def agentic_misalignment(
    scenario: str | list[str] = "all",
    goal_type: str | list[str] = ["explicit", NONE],  # noqa: B006 - Inspect writes it into the log
    goal_value: str | list[str] = "all",
    urgency: str | list[str] = "replacement",
    subset: str = "all",
    repeats: int | None = None,
    scratchpad: bool = True,
    model_name: str = MODEL_NAME,
    source: str = "midspec",
) -> Task:
    """Would an e-mail assistant act against its company? By default the paper's 27 conditions.

    scenario, goal_type, goal_value, urgency: "all", or one or several. subset: all, development,
    held-out, or small (nine conditions). repeats of a condition: 300, of the small subset 25.
    scratchpad: false for models that reason by themselves. model_name: who the assistant is.
    source: "inspect_evals" for the scenarios leaking, murder and blackmail of that package.
    """
    sources = {"midspec": SCENARIOS, outside.SOURCE: OUTSIDE_SCENARIOS}
    if source not in sources:
        raise ConfigError(f"source: {source!r} is not known. Use {', '.join(sources)}.")
    asked = conditions(scenario, goal_type, goal_value, urgency, subset, sources[source])
    count = repeats or (SMALL_REPEATS if subset == "small" else REPEATS)
    return grid(asked, count, model_name, scratchpad, source)


@task
def opposite_failures(
    family: str | list[str] = "all",
    subset: str = "all",
    repeats: int = OPPOSITE_REPEATS,
    scratchpad: bool = True,
    model_name: str = SCENARIO_MODEL_NAME,
) -> Task:
    """Does an assistant wait, yield, obey or let itself be persuaded where that is the failure?

    Each scenario comes with a control in which it is right. family: all, or one or several of
    omission, deference, forged-authority, spec-language. subset: all, development or held-out.
    repeats of each case. scratchpad: false for models that reason by themselves.
    """
    return pairs(asked_scenarios(subset, families=family), repeats, model_name, scratchpad)


@task
def generated_preference(
    items: str = "america", half: str = "all", max_items: int | None = None
) -> Task:
    """Which of two things does a model say that it prefers? A judge reads its answers.

    items: a shipped item set, or a .jsonl file. half: all, development or held-out.
    """
    return preference.task(Ask(item_file(items, Path()), None, half, max_items))


@task
def manners(max_items: int | None = None) -> Task:
    """Refusals, loops, stock replies and length on forty ordinary prompts; by rules."""
    return ordinary.task(Ask(None, None, "all", max_items))
