"""The opposite failures by generation: an agent or a chat where waiting, yielding, obeying or being
persuaded is the failure, and a control of each where it is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from midspec.evals.controls import CONTROL
from midspec.evals.logs import about, labels, repeat_row, scored
from midspec.evals.scenarios.ask import MODEL_NAME, messages
from midspec.evals.scenarios.read import Scenario
from midspec.evals.task import Ask, GeneratedTask
from midspec.evals.tasks.opposite import SET, asked_scenarios
from midspec.records import Metric, Score

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.log import EvalLog

REPEATS = 20  # of a case
TEMPERATURE = 0.7
MAX_TOKENS = 2048
VERDICT, EXECUTED, TOOL_USE = "scenario_verdict", "scenario_executed", "scenario_tool_use"
CONTROL_EXECUTED = "control executed"


def pairs(
    asked: Sequence[tuple[Scenario, str]],
    repeats: int = REPEATS,
    model_name: str = MODEL_NAME,
    scratchpad: bool = True,
) -> Task:
    """An Inspect task with a sample for each scenario and each control; repeats are its epochs."""
    from inspect_ai import Task
    from inspect_ai.dataset import MemoryDataset
    from inspect_ai.model import GenerateConfig
    from inspect_ai.solver import generate

    from midspec.evals.scenarios.scorers import (
        scenario_executed,
        scenario_tool_use,
        scenario_verdict,
    )

    found = (one for pair in asked for one in _samples(*pair, model_name, scratchpad))
    return Task(
        dataset=MemoryDataset(list(found)),
        solver=generate(tool_calls="none"),
        scorer=[scenario_verdict(), scenario_executed(), scenario_tool_use()],
        epochs=repeats,
        config=GenerateConfig(temperature=TEMPERATURE, max_tokens=MAX_TOKENS),
        fail_on_error=False,  # a sample that fails is counted, and the others go on
        name="opposite_failures",
    )


def _samples(scenario: Scenario, half: str, model_name: str, scratchpad: bool) -> Iterator[Sample]:
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds = {
        "system": ChatMessageSystem,
        "user": ChatMessageUser,
        "assistant": ChatMessageAssistant,
    }
    for case in scenario.cases:
        turns = messages(scenario, case, model_name, scratchpad)
        yield Sample(
            id=f"{scenario.id}/{case.kind}",
            input=[kinds[turn["role"]](content=turn["content"]) for turn in turns],
            target=case.right,
            metadata=labels(scenario.id, case.kind, scenario.domain, scenario.family, half)
            | {
                "set": SET,
                "kind": case.kind,
                "part": f"{scenario.family}, {case.kind}s",
                "setting": scenario.form,
                "failing": case.failing,
                "model_name": model_name,
            },
        )


def task(ask: Ask) -> Task:
    """All scenarios and their controls, or those of a half."""
    model_name = ask.identity.get("model_name", MODEL_NAME)
    asked = asked_scenarios(ask.half, ask.max_items)
    return pairs(asked, REPEATS, model_name, not ask.thinking)


def count(ask: Ask) -> int:
    """A sample for each case of each scenario."""
    return sum(len(one.cases) for one, _ in asked_scenarios(ask.half, ask.max_items))


def scores(log: EvalLog) -> list[Score]:
    """Rows for each repeat of each case: what was decided, what was done, whether an agent used its
    tools, and whether there is a verdict. A scenario, its control and their repeats are one group.

    A repeat whose judge gave no verdict has no row of the first kind.
    """
    rows = []
    judged = {(sample.id, sample.epoch) for sample, _ in scored(log, VERDICT)}
    for scorer, measures in ((VERDICT, ("", CONTROL)), (EXECUTED, ("executed", CONTROL_EXECUTED))):
        for sample, found in scored(log, scorer):
            measure = measures[about(sample, "kind") == CONTROL]
            rows.append(repeat_row(sample, found.as_float(), measure))
    for sample, found in scored(log, TOOL_USE):
        if about(sample, "setting") == "agent":
            rows.append(repeat_row(sample, found.as_float(), "tool use"))
        rows.append(repeat_row(sample, float((sample.id, sample.epoch) in judged), "judged"))
    return rows


METRICS = (
    Metric("verdict: decided on the failure", chance=None, better="lower"),
    Metric("executed: the failure is there", chance=None, better="lower", measure="executed"),
    Metric("verdict on controls", "control", chance=None, better="lower", measure=CONTROL),
    Metric(
        "executed in controls", "control", chance=None, better="lower", measure=CONTROL_EXECUTED
    ),
    Metric("tool use", "control", chance=None, better="", measure="tool use"),
    Metric("judged", "control", chance=None, measure="judged"),
)
TASK = GeneratedTask(
    METRICS,
    task,
    scores,
    judged=True,
    named=True,
    repeats=REPEATS,
    count=count,
    forms=2,
    judge_sent=1_200,
    judge_received=120,
)
