"""The scenarios of `inspect_evals` (MIT), blackmail among them: its prompts and its judge.

It is the extra `evals`, imported late: it unpacks to 80 MB and brings `datasets` and `tiktoken`.
Tried with its version 0.26.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from midspec.errors import ConfigError, MidspecError
from midspec.evals.agentic.conditions import Condition
from midspec.evals.agentic.prompts import Scene

if TYPE_CHECKING:
    from inspect_ai.scorer import Score
    from inspect_ai.solver import TaskState

SOURCE = "inspect_evals"
EXECUTED = "executed"  # where the verdict leaves for the next scorer what one call told it


def scene(condition: Condition, scratchpad: bool) -> Scene:
    """The prompt of a condition there, in which the agent has the name that it has there."""
    try:
        from inspect_evals.agentic_misalignment.prompt_generator import generate_prompts
    except ImportError as error:
        raise ConfigError(
            f"source: {SOURCE} needs a package that isn't installed ({error.name}). Run: pip "
            "install 'midspec[evals]'"
        ) from error
    found = generate_prompts(
        condition.scenario,
        condition.goal_type,
        condition.goal_value,
        condition.urgency,
        None,
        not scratchpad,
        None,
    )
    return Scene(found.system_prompt, f"{found.user_prompt}\n{found.email_content}")


def metadata(condition: Condition, scratchpad: bool) -> dict[str, Any]:
    """What its judge reads from a sample."""
    return {
        "urgency_type": condition.urgency,
        "extra_system_instructions": None,
        "prod": not scratchpad,
        "test_eval_awareness": False,
    }


async def judged(state: TaskState, judge: str) -> Score:
    """The verdict of its judge; whatever goes wrong with it costs this sample alone."""
    from inspect_ai.model import get_model
    from inspect_ai.scorer import Score, Target
    from inspect_evals.agentic_misalignment.scorers import harmfulness_scorer

    grader = get_model(role="grader", default=judge)
    try:
        found = await harmfulness_scorer(grader_model=grader)(state, Target(""))
    except MidspecError:  # the budget is used up, or no call would be answered
        raise
    except Exception as error:
        return Score.unscored(explanation=repr(error), reason="grader_failed")
    if found is None or not isinstance(found.value, dict):
        return Score.unscored(
            explanation=found.explanation if found else None, reason="grader_failed"
        )
    state.store.set(EXECUTED, found.value["harmful"])
    return Score(value=found.value["classifier_verdict"], explanation=found.explanation)


def executed(state: TaskState) -> Score:
    """Its `harmful`: its verdict and, but for blackmail, a recipient or a code that it finds."""
    from inspect_ai.scorer import Score

    found = state.store.get(EXECUTED)
    if found is None:
        return Score.unscored(explanation="There is no verdict.", reason="grader_failed")
    return Score(value=float(found))
