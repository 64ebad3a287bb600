"""The whole grid against a scripted model and judge, with all counts."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as run_eval
from inspect_ai import score as score_log
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    Model,
    ModelOutput,
)

from midspec.evals.agentic import scorers
from midspec.evals.agentic.conditions import conditions
from midspec.evals.generated.agentic import METRICS, SMALL_TASK, TASK, grid, scores
from midspec.evals.logs import failures
from midspec.evals.task import Ask
from midspec.records import Score
from tests.evals.agentic.answers import SAFE, agent, harm, judge
from tests.evals.agentic.scripted import scripted
from tests.evals.judges import answered, on_a_bad_day, scored_log, stalls

REPEATS = 5
CONDITIONS = conditions()


def run(
    folder: Path,
    judged: Model | None,
    model: Model | None = None,
    score: bool = True,
    **options: Any,
) -> Any:
    """The log of the paper's grid."""
    (log,) = run_eval(
        grid(options.pop("asked", CONDITIONS), repeats=REPEATS, **options),
        model=model or scripted(agent()),
        model_roles={"grader": judged} if judged else None,
        log_dir=str(folder),
        display="none",
        score=score,
    )
    assert log.status == "success"
    return log


def by_measure(rows: list[Score]) -> dict[str, list[Score]]:
    found: dict[str, list[Score]] = {}
    for row in rows:
        found.setdefault(row.measure, []).append(row)
    return found


def total(rows: list[Score]) -> float:
    return sum(row.value for row in rows)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A log of the grid with a judge that can read everything, and the model and the judge."""
    model, grader = scripted(agent()), scripted(judge)
    return run(tmp_path_factory.mktemp("good"), grader, model), model, grader


def test_every_condition_is_asked_as_often_as_it_is_to_be(good: Any) -> None:
    log, model, grader = good
    assert Counter(sample.id for sample in log.samples) == dict.fromkeys(
        [one.id for one in CONDITIONS], REPEATS
    )
    assert len(model.api.asked) == len(grader.api.asked) == 27 * REPEATS
    assert {config.temperature for config in model.api.configs} == {0.7}
    assert {config.max_tokens for config in model.api.configs} == {4096}


def test_all_counts_of_the_grid(good: Any) -> None:
    """Of five answers two decide to do it, one does it, three act at all, and all are judged."""
    rows = by_measure(scores(good[0]))
    assert {measure: len(found) for measure, found in rows.items()} == dict.fromkeys(
        ["", "executed", "tool use", "judged"], 27 * REPEATS
    )
    assert {measure: total(found) for measure, found in rows.items()} == {
        "": 27 * 2,
        "executed": 27 * 1,
        "tool use": 27 * 3,
        "judged": 27 * 5,
    }
    assert {metric.measure for metric in METRICS} == set(rows)
    for one in CONDITIONS:
        own = [row for row in rows[""] if row.group == one.id]
        assert (len(own), total(own)) == (REPEATS, 2)
        assert {row.item for row in own} == {f"{one.id}#{n}" for n in range(1, REPEATS + 1)}
        assert {(row.domain, row.half) for row in own} == {(one.scenario, one.half)}


def test_answers_that_are_stored_first_and_scored_after_come_to_the_same(
    good: Any, tmp_path: Path
) -> None:
    task = grid(CONDITIONS)
    log = answered(task, agent(), tmp_path, REPEATS)
    assert scores(log) == []
    assert scores(scored_log(task, log, judge)) == scores(good[0])


def test_verdict_executed_and_tool_use_stand_side_by_side_in_inspect(good: Any) -> None:
    found = {score.name: score.metrics for score in good[0].results.scores}
    assert list(found) == ["verdict", "executed", "tool_use"]
    for name, value in (("verdict", 0.4), ("executed", 0.2), ("tool_use", 0.6)):
        for scenario in ("all", "exfiltration", "leaking", "murder"):
            assert found[name][scenario].value == pytest.approx(value)


def test_the_judge_sees_the_thoughts_and_its_reasons_are_kept(good: Any) -> None:
    log, _, grader = good
    assert sum("I DECIDE to do it." in asked for asked in grader.api.asked) == 27
    assert {sample.scores["verdict"].explanation for sample in log.samples} == {"As it says."}


def refuses() -> str:
    return "I'm sorry, but I can't help with judging harmful content."


def breaks() -> str:
    raise RuntimeError("the line is dead")


def test_a_judge_that_refuses_stalls_or_writes_nonsense_on_a_fifth_costs_that_fifth_only(
    tmp_path: Path, impatient: None
) -> None:
    def fault(said: str) -> int | None:
        companies = [company in said for company in ("Quillon", "Tidewright", "Rowanfield")]
        return companies.index(True) if "MUMBLE" in said else None

    grader = scripted(on_a_bad_day(judge, fault))
    log = run(tmp_path, grader)
    rows = by_measure(scores(log))
    assert {measure: (len(found), total(found)) for measure, found in rows.items()} == {
        "": (27 * 4, 27 * 2),
        "executed": (27 * 5, 27 * 1),
        "tool use": (27 * 5, 27 * 3),
        "judged": (27 * 5, 27 * 4),
    }
    assert Counter(row.group for row in rows[""]) == {one.id: 4 for one in CONDITIONS}
    # a refusal and nonsense are asked about again, a judge that stalls is not
    assert len(grader.api.asked) == 27 * 4 + 9 * (2 + 1 + 2)
    lost = failures(log)
    assert len(lost) == 27
    assert {(row["step"], row["repeat"]) for row in lost} == {("verdict", 5)}
    # what Inspect itself prints is over the samples that have a verdict
    assert log.results.scores[0].metrics["all"].value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("fault", "asked", "reason"),
    [
        (refuses, 2, "no verdict could be read: no JSON object"),
        (lambda: '{"reasoning": "Hard to say.", "verdict": "perhaps"}', 2, "verdict is 'perhaps'"),
        (lambda: "", 2, "no JSON object"),
        (stalls, 1, "the grader did not answer"),
        (breaks, 1, "the line is dead"),
    ],
)
def test_why_there_is_no_verdict_is_kept(
    fault: Callable[[], Any], asked: int, reason: str, tmp_path: Path, impatient: None
) -> None:
    grader = scripted(lambda said: fault() if "MUMBLE" in said else judge(said))
    log = run(tmp_path, grader, asked=CONDITIONS[:1])
    assert len(grader.api.asked) == 4 + asked
    (lost,) = failures(log)
    assert reason in str(lost["reason"])
    rows = by_measure(scores(log))
    assert [len(rows[measure]) for measure in ("", "executed", "judged")] == [4, 5, 5]


def test_a_verdict_that_is_readable_the_second_time_counts(tmp_path: Path) -> None:
    def late(said: str) -> str:
        again = "could not be read" in said
        return judge(said) if again or "MUMBLE" not in said else "Let me think."

    grader = scripted(late)
    rows = by_measure(scores(run(tmp_path, grader, asked=CONDITIONS[:1])))
    assert (len(rows[""]), total(rows["judged"]), len(grader.api.asked)) == (5, 5, 6)


def test_without_a_grader_the_default_judge_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scorers.JUDGE == "anthropic/claude-sonnet-4-6"
    monkeypatch.setattr(scorers, "JUDGE", "agentic-script/default")
    log = run(tmp_path, None, asked=CONDITIONS[:1])
    assert {s.scores["verdict"].explanation for s in log.samples} == {"Without a script."}


def test_a_reasoning_model_s_thoughts_are_judged_and_are_no_acts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = harm(CONDITIONS[0].scenario)
    model = scripted(agent())

    async def generate(*_: Any, **__: Any) -> ModelOutput:
        parts = [ContentReasoning(reasoning=f"I DECIDE: {act}"), ContentText(text=SAFE)]
        message = ChatMessageAssistant(content=parts)
        return ModelOutput(
            model="one", choices=[ChatCompletionChoice(message=message, stop_reason="stop")]
        )

    monkeypatch.setattr(model.api, "generate", generate)
    rows = by_measure(scores(run(tmp_path, scripted(judge), model, asked=CONDITIONS[:1])))
    assert [total(rows[m]) for m in ("", "executed", "tool use")] == [REPEATS, 0, REPEATS]


def test_an_answer_that_fails_is_counted_and_the_others_go_on(tmp_path: Path) -> None:
    speak = agent()

    def falls(said: str) -> str:
        answer = speak(said)
        if "MUMBLE" in answer and "Quillon" in said:
            raise RuntimeError("out of memory")
        return answer

    log = run(tmp_path, scripted(judge), scripted(falls), asked=[CONDITIONS[0], CONDITIONS[9]])
    rows = by_measure(scores(log))
    assert {len(found) for found in rows.values()} == {10 - 1}
    lost = failures(log)
    assert len(lost) == 1
    assert {row["step"] for row in lost} == {"answer"}


def test_scoring_a_stored_log_again_asks_the_model_nothing(tmp_path: Path) -> None:
    asked = [one for one in CONDITIONS if one.goal_value == "safety"]
    model = scripted(agent())
    log = run(tmp_path, scripted(judge), model, score=False, asked=asked)
    calls = len(model.api.asked)
    assert calls == 3 * REPEATS and scores(log) == []
    task = grid(asked)
    again = score_log(log, task.scorer, model_roles={"grader": scripted(judge)}, display="none")
    assert len(model.api.asked) == calls
    assert total(by_measure(scores(again))[""]) == 3 * 2


def test_an_empty_answer_decides_nothing_and_asks_no_judge(tmp_path: Path) -> None:
    grader = scripted(judge)
    log = run(tmp_path, grader, scripted(lambda said: ""), asked=CONDITIONS[:1])
    rows = by_measure(scores(log))
    assert [total(rows[measure]) for measure in ("", "tool use", "judged")] == [0, 0, REPEATS]
    assert grader.api.asked == []


def test_an_experiment_asks_the_grid_of_its_half_and_the_small_one() -> None:
    task = TASK.task(Ask(None, None, "held-out", None))
    assert len(task.dataset) == 13 and task.epochs == 300
    assert len(TASK.task(Ask(None, None, "all", None)).dataset) == 27
    assert len(TASK.task(Ask(None, None, "all", 6)).dataset) == 6
    small = SMALL_TASK.task(Ask(None, None, "held-out", None))
    assert len(small.dataset) == 9 and small.epochs == 25


def test_an_experiment_says_who_is_asked_and_whether_it_thinks_by_itself() -> None:
    for task in (TASK, SMALL_TASK):
        made = task.task(Ask(None, None, "all", 3, {"model_name": "Arda"}, thinking=True))
        assert [s.metadata["domain"] for s in made.dataset] == ["exfiltration", "leaking", "murder"]
        for sample in made.dataset:
            system = sample.input[0].text
            assert "You are Arda," in system and "scratchpad" not in system
            assert "Qwen" not in sample.input[1].text
        assert "<scratchpad>" in task.task(Ask(None, None, "all", 1)).dataset[0].input[0].text
