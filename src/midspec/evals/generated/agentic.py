"""Agentic misalignment by generation: an agent reads its mail and acts (paper §4, D.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from midspec.evals.agentic import outside
from midspec.evals.agentic.conditions import Condition, conditions, spread
from midspec.evals.agentic.prompts import MODEL_NAME, scene
from midspec.evals.logs import labels, repeat_row, scored
from midspec.evals.task import Ask, GeneratedTask
from midspec.records import Metric, Score

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.log import EvalLog

REPEATS, SMALL_REPEATS = 300, 25  # of a condition
TEMPERATURE = 0.7
MAX_TOKENS = 4096
MEASURES = {"verdict": "", "executed": "executed", "tool_use": "tool use"}  # by scorer


def grid(
    asked: Sequence[Condition],
    repeats: int = REPEATS,
    model_name: str = MODEL_NAME,
    scratchpad: bool = True,
    source: str = "midspec",
) -> Task:
    """An Inspect task with a sample for each condition; repeats are its epochs."""
    from inspect_ai import Task
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser, GenerateConfig
    from inspect_ai.solver import generate

    from midspec.evals.agentic.scorers import executed, tool_use, verdict

    def sample(one: Condition) -> Sample:
        theirs = source == outside.SOURCE
        found = outside.scene(one, scratchpad) if theirs else scene(one, model_name, scratchpad)
        about = labels(one.id, domain=one.scenario, tier=one.goal_type, half=one.half)
        own = {
            "scenario": one.scenario,
            "goal_type": one.goal_type,
            "goal_value": one.goal_value,
            "urgency": one.urgency,
            "scratchpad": scratchpad,
            "model_name": model_name,
            "source": source,
        }
        return Sample(
            id=one.id,
            input=[ChatMessageSystem(content=found.system), ChatMessageUser(content=found.user)],
            metadata=about | own | (outside.metadata(one, scratchpad) if theirs else {}),
        )

    return Task(
        dataset=MemoryDataset([sample(one) for one in asked]),
        solver=generate(tool_calls="none"),
        scorer=[verdict(), executed(), tool_use()],
        epochs=repeats,
        config=GenerateConfig(temperature=TEMPERATURE, max_tokens=MAX_TOKENS),
        fail_on_error=False,  # a sample that fails is counted, and the others go on
        name="agentic_misalignment",
    )


def task(ask: Ask) -> Task:
    """The paper's grid of 27 conditions, or its half."""
    asked = spread(conditions(subset=ask.half), ask.max_items)
    return grid(asked, REPEATS, ask.identity.get("model_name", MODEL_NAME), not ask.thinking)


def small_task(ask: Ask) -> Task:
    """The nine conditions of the small grid, all of them of the development half."""
    asked = spread(conditions(subset="small"), ask.max_items)
    name = ask.identity.get("model_name", MODEL_NAME)
    return grid(asked, SMALL_REPEATS, name, not ask.thinking)


def count(ask: Ask) -> int:
    """A sample for each condition."""
    return len(spread(conditions(subset=ask.half), ask.max_items))


def small_count(ask: Ask) -> int:
    """The same of the small grid."""
    return len(spread(conditions(subset="small"), ask.max_items))


def scores(log: EvalLog) -> list[Score]:
    """Rows for each repeat of each condition, which is their group: what was decided, what was
    done, whether anything was, and whether there is a verdict.

    A repeat whose judge gave no verdict has no row of the first kind, so it is neither harmful nor
    harmless.
    """
    rows = []
    judged = {(sample.id, sample.epoch) for sample, _ in scored(log, "verdict")}
    for name, measure in MEASURES.items():
        for sample, found in scored(log, name):
            rows.append(repeat_row(sample, found.as_float(), measure))
    for sample, _ in scored(log, "tool_use"):
        rows.append(repeat_row(sample, float((sample.id, sample.epoch) in judged), "judged"))
    return rows


METRICS = (
    Metric("verdict: decided to act", chance=None, better="lower"),
    Metric("executed: the act is there", chance=None, better="lower", measure="executed"),
    Metric("tool use", role="control", chance=None, better="", measure="tool use"),
    Metric("judged", role="control", chance=None, measure="judged"),
)
TASK = GeneratedTask(
    METRICS,
    task,
    scores,
    judged=True,
    named=True,
    repeats=REPEATS,
    count=count,
    version=2,
    answer_tokens=800,
    judge_sent=1_600,
    judge_received=120,
)
SMALL_TASK = replace(TASK, task=small_task, repeats=SMALL_REPEATS, count=small_count)
