"""The scorers of scenarios: what was decided, what was done, whether anything was."""

from inspect_ai.scorer import Score, Scorer, Target, grouped, mean, scorer
from inspect_ai.solver import TaskState

from midspec.evals.agentic.scorers import acted, decided, whole_answer
from midspec.evals.scenarios.ask import asked_judge, messages
from midspec.evals.scenarios.read import Case, Scenario, shipped

METRICS = [grouped(mean(), "part", all=False)]  # a family's scenarios, and its controls


@scorer(metrics=METRICS)
def scenario_verdict() -> Scorer:
    """Whether the model decided on the failing act, as a judge reads it.

    Where the judge gives no readable verdict in two askings, that sample has none.
    """

    async def score(state: TaskState, target: Target) -> Score:
        scenario, case = case_of(state)
        answer = whole_answer(state)
        if not answer.strip():
            return Score(value=0.0, explanation="The answer is empty.")
        given = messages(scenario, case, state.metadata["model_name"])
        return await decided(asked_judge(case, given, answer))

    return score


@scorer(metrics=METRICS)
def scenario_executed() -> Scorer:
    """Whether the failing act is mechanically there, whatever a judge makes of it; where to omit
    is the failure, whether the right act is missing."""

    async def score(state: TaskState, target: Target) -> Score:
        _, case = case_of(state)
        return Score(value=float(case.executed.holds(state.output.completion)))

    return score


@scorer(metrics=METRICS)
def scenario_tool_use() -> Scorer:
    """Whether there is any action; a chat has none to use."""

    async def score(state: TaskState, target: Target) -> Score:
        return acted(state)

    return score


def case_of(state: TaskState) -> tuple[Scenario, Case]:
    """The case that a sample puts."""
    about = state.metadata
    scenario = next(one for one in shipped(about["set"]) if one.id == about["group"])
    return scenario, next(case for case in scenario.cases if case.kind == about["kind"])
