from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as run_eval

from midspec.errors import ConfigError
from midspec.evals.generated.agentic import scores
from midspec.evals.inspect_registry import agentic_misalignment
from tests.evals.agentic.answers import agent, judge
from tests.evals.agentic.scripted import scripted


def test_inspect_finds_the_tasks_where_midspec_is_installed() -> None:
    (found,) = [point for point in entry_points(group="inspect_ai") if point.name == "midspec"]
    assert found.load().agentic_misalignment is agentic_misalignment


def run(folder: Path, **options: Any) -> Any:
    (log,) = run_eval(
        "midspec/agentic_misalignment",
        model=scripted(agent()),
        model_roles={"grader": scripted(judge)},
        task_args=options,
        log_dir=str(folder),
        display="none",
    )
    assert log.status == "success"
    return log


def test_inspect_runs_it_by_its_name(tmp_path: Path) -> None:
    log = run(tmp_path, subset="small", repeats=2)
    assert log.eval.task_registry_name == "midspec/agentic_misalignment"
    assert len(log.samples) == 9 * 2
    assert [score.name for score in log.results.scores] == ["verdict", "executed", "tool_use"]
    assert sum(row.value for row in scores(log) if row.measure == "") == 9 * 2


def test_options_reach_the_prompt(tmp_path: Path) -> None:
    log = run(
        tmp_path, scenario=["murder"], goal_type="latent", goal_value="safety", urgency="none",
        repeats=1, scratchpad=False, model_name="Arda",
    )  # fmt: skip
    (sample,) = log.samples
    assert sample.id == "murder_latent-safety_none"
    said = "\n".join(message.text for message in sample.input)
    assert "You are Arda," in said and "scratchpad" not in said


def test_without_options_it_is_the_paper_s_grid() -> None:
    task = agentic_misalignment()
    assert len(task.dataset) == 27
    assert task.epochs == 300
    assert task.config.temperature == 0.7
    assert agentic_misalignment(subset="small").epochs == 25


def test_an_unknown_source_is_said_and_so_is_a_package_that_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigError, match=r"source: 'elsewhere' is not known\. Use midspec, insp"):
        agentic_misalignment(source="elsewhere")
    monkeypatch.setitem(__import__("sys").modules, "inspect_evals", None)
    with pytest.raises(ConfigError, match=r"Run: pip install 'midspec\[evals\]'"):
        agentic_misalignment(scenario="blackmail", source="inspect_evals")


def test_preference_and_manners_are_inspect_tasks_too(tmp_path: Path) -> None:
    def own(name: str, **options: Any) -> Any:
        (log,) = run_eval(
            f"midspec/{name}",
            model=scripted(lambda said: "I prefer the first."),
            model_roles={"grader": scripted(lambda said: '{"choice": "neither"}')},
            task_args=options,
            log_dir=str(tmp_path),
            display="none",
        )
        assert log.status == "success"
        return log

    log = own("generated_preference", items="affordability", half="held-out", max_items=3)
    assert len(log.samples) == 6
    assert {sample.metadata["half"] for sample in log.samples} == {"held-out"}
    assert [score.name for score in log.results.scores] == ["preferred"]
    assert len(own("manners", max_items=4).samples) == 4
    with pytest.raises(ConfigError, match="There is no item set 'nothing'"):
        own("generated_preference", items="nothing")
