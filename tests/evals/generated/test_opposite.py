"""The opposite failures by generation, with a model and a judge that say what they are told to."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog

from midspec.evals.generated.opposite import METRICS, TASK, pairs, scores
from midspec.evals.logs import failures
from midspec.evals.scenarios.ask import MODEL_NAME
from midspec.evals.scenarios.read import Case, Scenario, shipped
from midspec.evals.task import Ask
from midspec.evals.tasks.opposite import asked_scenarios
from midspec.records import Score
from tests.evals.agentic.scripted import scripted
from tests.evals.judges import on_a_bad_day

SCENARIOS = shipped("opposite")
CHATS = sum(scenario.form == "chat" for scenario in SCENARIOS)
PAD = "<scratchpad>I think it over. {}</scratchpad>\n"


def asked(said: str) -> tuple[Scenario, Case]:
    """The case that a prompt puts, or that a judge is asked about."""
    found = [
        (scenario, case)
        for scenario in SCENARIOS
        for case in scenario.cases
        if case.prompt.replace("{model_name}", MODEL_NAME) in said
    ]
    assert len(found) == 1, said
    return found[0]


def always(failing: bool) -> Any:
    """A model that always does the scenario's failing act, or always its right one, whatever it is
    asked: so in controls it does the opposite of what is counted in scenarios."""

    def script(said: str) -> str:
        scenario, _ = asked(said)
        pair = scenario.scenario.pairs[0]
        return f"{scenario.stem} {pair.failing if failing else pair.right}"

    return script


def judge(said: str) -> str:
    """A judge that reads an answer by the check of its case."""
    _, case = asked(said)
    found = re.search(r"<answer>\n(.*)\n</answer>", said, re.DOTALL)
    assert found
    verdict = "yes" if case.executed.holds(found[1]) else "no"
    return json.dumps({"reasoning": "As it says.", "verdict": verdict})


def run(folder: Path, model: Any, grader: Any = judge, repeats: int = 1, **options: Any) -> EvalLog:
    (log,) = inspect_eval(
        pairs(asked_scenarios("all", **options), repeats),
        model=scripted(model),
        model_roles={"grader": scripted(grader)},
        log_dir=str(folder),
        display="none",
    )
    assert log.status == "success"
    return log


def means(rows: list[Score]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for row in rows:
        values.setdefault(row.measure, []).append(row.value)
    return {measure: sum(found) / len(found) for measure, found in values.items()}


@pytest.mark.parametrize(("failing", "rates"), [(True, (1.0, 0.0)), (False, (0.0, 1.0))])
def test_the_whole_set_with_a_model_that_always_does_the_same(
    tmp_path: Path, failing: bool, rates: tuple[float, float]
) -> None:
    rows = scores(run(tmp_path, always(failing), repeats=2))
    assert Counter(row.measure for row in rows) == {
        "": len(SCENARIOS) * 2,
        "control": len(SCENARIOS) * 2,
        "executed": len(SCENARIOS) * 2,
        "control executed": len(SCENARIOS) * 2,
        "tool use": (len(SCENARIOS) - CHATS) * 4,
        "judged": len(SCENARIOS) * 4,
    }
    found = means(rows)
    assert (found[""], found["control"]) == (found["executed"], found["control executed"]) == rates
    assert found["tool use"] == found["judged"] == 1.0


def test_repeats_are_rows_of_their_own_and_hang_together_with_the_control(tmp_path: Path) -> None:
    rows = [row for row in scores(run(tmp_path, always(True), repeats=2)) if not row.measure]
    potassium = [row for row in rows if row.group == "ward-potassium"]
    assert [row.item for row in potassium] == [
        "ward-potassium/scenario#1",
        "ward-potassium/scenario#2",
    ]
    assert {(row.tier, row.domain, row.half) for row in potassium} == {
        ("omission", "hospital ward", "development")
    }


def test_what_is_decided_and_what_is_done_are_told_apart(tmp_path: Path) -> None:
    """It decides to obey in its scratchpad, where it drafts the block, and then does nothing."""

    def script(said: str) -> str:
        _, case = asked(said)
        return PAD.format(f"DECIDED {case.pairs[0].failing}") + "Well."

    def reads(said: str) -> str:
        answer = said[said.index("<answer>") :]
        return json.dumps({"verdict": "yes" if "DECIDED" in answer else "no"})

    rows = scores(run(tmp_path, script, reads, families="forged-authority"))
    assert means(rows) == {
        "": 1.0,
        "control": 1.0,
        "executed": 0.0,  # to obey is to do something
        "control executed": 1.0,  # and here not to have obeyed is the failure
        "tool use": 0.0,
        "judged": 1.0,
    }


def test_a_judge_that_refuses_stalls_or_writes_nonsense_on_a_fifth_costs_that_fifth_only(
    tmp_path: Path, impatient: None
) -> None:
    turns: Counter[str] = Counter()

    def script(said: str) -> str:
        """The failing act; every fifth answer to a prompt is one that the judge can't deal with."""
        turns[said] += 1
        return always(True)(said) + (" MUMBLE" if turns[said] == 5 else "")

    def fault(said: str) -> int | None:
        return SCENARIOS.index(asked(said)[0]) if "MUMBLE" in said else None

    log = run(tmp_path, script, on_a_bad_day(judge, fault), repeats=5)
    rows = scores(log)
    count = len(SCENARIOS)
    assert Counter(row.measure for row in rows) == {
        "": count * 4,
        "control": count * 4,
        "executed": count * 5,
        "control executed": count * 5,
        "tool use": (count - CHATS) * 10,
        "judged": count * 10,
    }
    assert means(rows) == {
        "": 1.0,
        "control": 0.0,
        "executed": 1.0,
        "control executed": 0.0,
        "tool use": 1.0,
        "judged": 0.8,
    }
    assert set(Counter(row.group for row in rows if not row.measure).values()) == {4}
    lost = failures(log)
    assert len(lost) == count * 2
    assert {(row["step"], row["repeat"]) for row in lost} == {("scenario_verdict", 5)}
    reasons = Counter(str(row["reason"]).partition(":")[0] for row in lost)
    assert reasons == {
        "no verdict could be read": count * 4 // 3,
        "the grader did not answer": count * 2 // 3,
    }


def test_an_empty_answer_decides_nothing_and_needs_no_judge(tmp_path: Path) -> None:
    def unasked(said: str) -> str:
        raise AssertionError("asked")

    rows = scores(run(tmp_path, lambda said: " ", unasked, families="omission"))
    found = means(rows)
    assert (found[""], found["control"], found["judged"]) == (0.0, 0.0, 1.0)
    assert (found["executed"], found["control executed"]) == (1.0, 0.0)


def test_the_view_has_a_rate_for_each_family_s_scenarios_and_controls(tmp_path: Path) -> None:
    log = run(tmp_path, always(True), families="omission,deference")
    assert log.results
    shown = {score.name: score.metrics for score in log.results.scores}
    assert set(shown) == {"scenario_verdict", "scenario_executed", "scenario_tool_use"}
    rates = {name: metric.value for name, metric in shown["scenario_verdict"].items()}
    assert rates == {
        "deference, scenarios": 1.0,
        "deference, controls": 0.0,
        "omission, scenarios": 1.0,
        "omission, controls": 0.0,
    }


def test_only_agents_get_a_scratchpad_and_all_get_the_name() -> None:
    def systems(scratchpad: bool) -> dict[str, str]:
        made = pairs(asked_scenarios("all"), 1, "Ada", scratchpad)
        return {str(sample.id): sample.input[0].text for sample in made.dataset}

    with_pad, without = systems(True), systems(False)
    assert len(with_pad) == 2 * len(SCENARIOS)
    assert all("Ada" in text for text in with_pad.values())
    assert sum("<scratchpad>" in text for text in with_pad.values()) == 2 * (len(SCENARIOS) - CHATS)
    assert not any("scratchpad" in text for text in without.values())


def test_an_experiment_says_who_is_asked() -> None:
    made = TASK.task(Ask(None, None, "all", 4, {"model_name": "Arda"}))
    for sample in made.dataset:
        assert "Arda" in sample.input[0].text and sample.metadata["model_name"] == "Arda"


def test_the_task_of_an_experiment_asks_its_half() -> None:
    made = TASK.task(Ask(None, None, "held-out", 3))
    assert len(made.dataset) == 6
    assert {sample.metadata["half"] for sample in made.dataset} == {"held-out"}
    assert made.epochs == 20 and made.config.temperature == 0.7
    assert TASK.judged
    assert {metric.measure for metric in METRICS} == {
        "", "control", "executed", "control executed", "tool use", "judged",
    }  # fmt: skip


def test_inspect_runs_it_by_its_name(tmp_path: Path) -> None:
    (log,) = inspect_eval(
        "midspec/opposite_failures",
        model=scripted(always(True)),
        model_roles={"grader": scripted(judge)},
        task_args={
            "family": ["omission"],
            "subset": "development",
            "repeats": 2,
            "model_name": MODEL_NAME,
        },
        log_dir=str(tmp_path),
        display="none",
    )
    assert log.status == "success" and log.eval.task.endswith("opposite_failures")
    rows = [row for row in scores(log) if not row.measure]
    assert len(rows) == 5 * 2
    assert {(row.tier, row.half) for row in rows} == {("omission", "development")}
