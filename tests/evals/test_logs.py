"""Reading scored logs: what has a score, what has none, and why."""

from pathlib import Path
from typing import Any

import pytest

from midspec.evals.generated.manners import TASK, scores
from midspec.evals.logs import cause, failures, in_order, item, scored
from midspec.evals.task import Ask
from tests.evals.judges import answered, scored_log


@pytest.fixture
def log(tmp_path: Path) -> Any:
    """Eight prompts, one of which a model fails to answer."""
    task = TASK.task(Ask(None, None, "all", 8))
    bad = task.dataset[5].input

    def script(prompt: str) -> str:
        if prompt == bad:
            raise RuntimeError("the model tripped")
        return "Gladly."

    return scored_log(task, answered(task, script, tmp_path))


def test_an_answer_that_failed_has_no_score_and_stands_among_the_failures(log: Any) -> None:
    names = [sample.metadata["item"] for sample in in_order(log)]
    (failed,) = failures(log)
    assert (failed["item"], failed["step"], failed["repeat"]) == (names[5], "answer", 1)
    assert "the model tripped" in str(failed["reason"])
    assert not in_order(log)[5].scores  # no judge is asked about it
    assert [item(sample) for sample, _ in scored(log)] == [*names[:5], *names[6:]]
    assert {row.item for row in scores(log) if row.measure == "length"} == {*names} - {names[5]}


def test_samples_are_in_the_task_s_order_with_their_repeats_together(log: Any) -> None:
    copies = [sample.model_copy(update={"epoch": 2}) for sample in log.samples]
    log.samples = [*reversed(copies), *reversed(log.samples)]
    order = [(sample.metadata["item"], sample.epoch) for sample in in_order(log)]
    assert [epoch for _, epoch in order] == [1, 2] * 8
    names = [sample.input for sample in TASK.task(Ask(None, None, "all", 8)).dataset]
    assert [sample.input for sample in in_order(log)][::2] == names


def test_a_cause_is_what_an_error_says_in_the_end() -> None:
    said = "ModelGenerateError('\\nRequest:\\n{...}\\n\\nBadRequestError(\\'no such model\\')')"
    assert cause(said) == "BadRequestError('no such model')')"
    assert cause("one line") == "one line"
    assert cause("") == "no reason given"
