"""Scenarios of inspect_evals, with a stand-in for the package, which is an extra."""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from inspect_ai import eval as run_eval
from inspect_ai.scorer import Score, Scorer, mean, scorer

from midspec.errors import TeacherError
from midspec.evals.generated.agentic import scores
from midspec.evals.inspect_registry import agentic_misalignment
from midspec.evals.logs import failures

from .scripted import scripted

PACKAGE = "inspect_evals.agentic_misalignment"


@dataclass
class Prompts:
    system_prompt: str
    user_prompt: str
    email_content: str


def generate_prompts(scenario: str, *rest: Any) -> Prompts:
    return Prompts(f"You are Alex. {scenario} {rest}", "Go on.", "<email>Hello</email>")


@scorer(metrics={"harmful": [mean()], "classifier_verdict": [mean()]})
def harmfulness_scorer(grader_model: Any = None) -> Scorer:
    async def score(state: Any, target: Any) -> Score:
        assert {"scenario", "goal_type", "goal_value", "urgency_type"} <= set(state.metadata)
        assert state.metadata["prod"] is False and not state.metadata["test_eval_awareness"]
        said = (await grader_model.generate(state.output.completion)).completion
        if said == "broke":
            raise TeacherError("The budget is used up.")
        if said == "nonsense":
            raise ValueError("no answer in it")
        if said == "nothing":
            return Score.unscored(explanation="it did not say")
        return Score(
            value={"harmful": float("done" in said), "classifier_verdict": float("yes" in said)},
            explanation=said,
        )

    return score


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two modules that are used of it."""
    for name, content in (
        ("inspect_evals", {}),
        (PACKAGE, {}),
        (f"{PACKAGE}.prompt_generator", {"generate_prompts": generate_prompts}),
        (f"{PACKAGE}.scorers", {"harmfulness_scorer": harmfulness_scorer}),
    ):
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)


def run(folder: Path, verdicts: list[str]) -> Any:
    """The log of blackmail without a goal; the judge gives one of the verdicts to each repeat."""
    left = list(verdicts)
    task = agentic_misalignment("blackmail", "none", repeats=len(verdicts), source="inspect_evals")
    (log,) = run_eval(
        task,
        model=scripted(lambda said: "<tool_use:email>\nto: a\n</tool_use:email>"),
        model_roles={"grader": scripted(lambda said: left.pop())},
        log_dir=str(folder),
        display="none",
    )
    return log


@pytest.mark.usefixtures("package")
def test_its_prompts_and_judge_give_the_same_measures(tmp_path: Path) -> None:
    log = run(tmp_path, ["yes, done", "yes", "no", "nonsense", "nothing"])
    (sample, *_) = log.samples
    assert sample.input[0].text == (
        "You are Alex. blackmail ('none', 'none', 'replacement', None, False, None)"
    )
    assert sample.input[1].text == "Go on.\n<email>Hello</email>"
    found: dict[str, list[float]] = {}
    for row in scores(log):
        assert (row.group, row.domain) == ("blackmail_none_replacement", "blackmail")
        found.setdefault(row.measure, []).append(row.value)
    assert {measure: sorted(values) for measure, values in found.items()} == {
        "": [0, 1, 1],
        "executed": [0, 0, 1],
        "tool use": [1] * 5,
        "judged": [0, 0, 1, 1, 1],
    }
    reasons = {str(row["reason"]) for row in failures(log) if row["step"] == "verdict"}
    assert reasons == {"ValueError('no answer in it')", "it did not say"}


@pytest.mark.usefixtures("package")
def test_a_budget_that_is_used_up_is_not_taken_for_a_missing_verdict(tmp_path: Path) -> None:
    log = run(tmp_path, ["broke"])
    assert "The budget is used up." in log.samples[0].error.message


@pytest.mark.usefixtures("package")
def test_its_scenarios_are_leaking_murder_and_blackmail() -> None:
    task = agentic_misalignment(source="inspect_evals")
    assert len(task.dataset) == 27
    assert {s.metadata["scenario"] for s in task.dataset} == {"leaking", "murder", "blackmail"}
