from pathlib import Path

import pytest

from midspec.errors import ConfigError, DataError
from midspec.evals.registry import find_task, usage
from midspec.evals.task import Ask, GeneratedTask
from tests.evals.judges import answered, scored_log

ASK = Ask(None, None, "all", None)
SUMS = "inspect/tests.evals.generated.sums:sums"


def found(name: str) -> GeneratedTask:
    task, _ = find_task(name)
    assert isinstance(task, GeneratedTask)
    return task


def test_any_inspect_task_is_a_guardrail_scored_by_its_own_scorer(tmp_path: Path) -> None:
    eval_task = found(SUMS)
    task = eval_task.task(ASK)
    log = scored_log(task, answered(task, lambda prompt: "It is 3", tmp_path))
    rows = eval_task.scores(log)
    assert {row.item: row.value for row in rows} == {f"sum-{n}": float(n == 2) for n in range(5)}
    (metric,) = eval_task.metrics
    assert (metric.name, metric.role, eval_task.judged) == ("sums", "guardrail", False)


def test_fewer_items_are_the_first_ones() -> None:
    task = found(SUMS).task(Ask(None, None, "all", 2))
    assert [sample.id for sample in task.dataset] == ["sum-0", "sum-1"]


@pytest.mark.parametrize("name", ["inspect/", "inspect/inspect_evals", "inspect/:gsm8k"])
def test_a_name_without_module_and_task_says_how_to_write_it(name: str) -> None:
    with pytest.raises(ConfigError, match=r"Write inspect/MODULE:TASK, such as .*gsm8k"):
        find_task(name)
    assert "inspect/MODULE:TASK" in usage()


def test_a_package_that_is_not_there_and_data_that_can_t_be_had_are_told() -> None:
    with pytest.raises(ConfigError, match=r"nowhere:mmlu isn't there .*pip install inspect_evals"):
        found("inspect/nowhere:mmlu").task(ASK)
    with pytest.raises(ConfigError, match="sums:mmlu isn't there"):
        found("inspect/tests.evals.generated.sums:mmlu").task(ASK)
    with pytest.raises(DataError, match=r"OSError: no such dataset.* check the network"):
        found("inspect/tests.evals.generated.sums:broken").task(ASK)


def test_a_function_that_is_no_task_is_not_called() -> None:
    """An experiment's file may come from somebody else, and name any module."""
    with pytest.raises(ConfigError, match=r"os:abort isn't there .*registry"):
        found("inspect/os:abort").task(ASK)
