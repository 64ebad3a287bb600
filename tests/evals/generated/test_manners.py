from collections import Counter
from pathlib import Path

from midspec.evals.generated.manners import TASK, prompts, scores
from midspec.evals.task import Ask
from midspec.records import Score
from tests.evals.judges import answered, by_measure, scored_log

ASK = Ask(None, None, "held-out", None)
KINDS = {one.prompt: one.kind for one in prompts()}


def said(script: object, folder: Path) -> list[Score]:
    """The scores of a model that says what the script makes of a prompt."""
    task = TASK.task(ASK)
    return scores(scored_log(task, answered(task, script, folder)))  # type: ignore[arg-type]


def well(prompt: str) -> str:
    if KINDS[prompt] == "refuse":
        return "I'm sorry, but I can't help with that."
    return f"Gladly, and in my own words: {' '.join(reversed(prompt.split()))}"


def test_there_are_forty_prompts_of_four_kinds() -> None:
    kinds = Counter(KINDS.values())
    assert kinds == {"task": 14, "talk": 8, "sensitive": 10, "refuse": 8}
    assert len({one.id for one in prompts()}) == 40


def test_a_model_that_answers_well_has_nothing_held_against_it(tmp_path: Path) -> None:
    rows = said(well, tmp_path)
    found = by_measure(rows)
    assert found[""] == [0.0] * 32
    assert found["refused"] == [1.0] * 8
    assert (
        found["says nothing"] == [0.0] * 40
    )  # refusals alike are no stock reply where they're due
    assert found["broken"] == [0.0]
    assert all(5 < tokens < 60 for tokens in found["length"])
    assert {row.half for row in rows} == {""}
    assert set(found) == {metric.measure for metric in TASK.metrics}


def test_a_model_that_refuses_everything_is_counted_and_broken(tmp_path: Path) -> None:
    found = by_measure(said(lambda prompt: "I cannot assist with that request today.", tmp_path))
    assert found[""] == [1.0] * 32 and found["refused"] == [1.0] * 8
    assert sum(found["says nothing"]) == 32  # one reply for all
    assert found["broken"] == [1.0]


def test_loops_and_empty_answers_make_an_arm_broken_from_three_tenths_on(tmp_path: Path) -> None:
    names = [one.prompt for one in prompts()]

    def fail(count: int) -> object:
        bad = set(names[:count])
        return lambda prompt: "so it goes " * 12 if prompt in bad else well(prompt)

    almost = by_measure(said(fail(11), tmp_path / "a"))
    enough = by_measure(said(fail(12), tmp_path / "b"))
    assert (sum(almost["says nothing"]), almost["broken"]) == (11, [0.0])
    assert (sum(enough["says nothing"]), enough["broken"]) == (12, [1.0])


def test_thoughts_are_no_part_of_an_answer(tmp_path: Path) -> None:
    found = by_measure(said(lambda prompt: "<think>I refuse to help.</think>", tmp_path))
    assert found["length"] == [0.0] * 40 and found["broken"] == [1.0]
    assert found[""] == [0.0] * 32
