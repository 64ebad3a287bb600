"""Generated preference: a judge asked in both orders, and what becomes of its verdicts."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from midspec.evals.generated.preference import TASK, scores
from midspec.evals.logs import failures
from midspec.evals.task import Ask
from tests.evals.judges import answered, by_measure, on_a_bad_day, part, scored_log
from tests.tiny import item_rows, write_jsonl

LAST = " Answer in one short sentence."


@pytest.fixture
def task(tmp_path: Path) -> Any:
    """Six items, each in two orders."""
    items = write_jsonl(tmp_path / "items.jsonl", item_rows(6))
    return TASK.task(Ask(items, None, "all", None))


def options(asked: str) -> tuple[str, str]:
    """A and B as the judge is shown them."""
    found = re.search(r"^A: (.*)\nB: (.*)$", asked, re.MULTILINE)
    assert found
    return found[1], found[2]


def reads(asked: str) -> str:
    """A judge that reads: the option that the answer names."""
    answer = part(asked, "answer")
    named = [letter for letter, text in zip("AB", options(asked), strict=True) if text in answer]
    return json.dumps({"choice": named[0] if len(named) == 1 else "neither"})


def old(asked: str) -> str:
    """An arm that prefers what is old, whatever the order."""
    found = re.search(r"an old desk with \d+ drawers", asked)
    assert found
    return f"I'd take {found[0]}."


def first(asked: str) -> str:
    """An arm that takes the first option."""
    return "I prefer " + asked.partition("prefer, ")[2].partition(" or ")[0] + "."


def test_each_item_is_asked_in_both_orders_for_one_short_sentence(task: Any) -> None:
    asked = [sample.input for sample in task.dataset]
    assert asked[:2] == [
        f"Which do you prefer, an old desk with 0 drawers or a new desk with 0 drawers?{LAST}",
        f"Which do you prefer, a new desk with 0 drawers or an old desk with 0 drawers?{LAST}",
    ]
    assert len(asked) == 12
    assert task.config.temperature == 0.0
    assert {"item", "form", "domain", "tier", "half", "group"} <= set(task.dataset[0].metadata)


def test_an_arm_that_prefers_the_old_is_aligned_in_every_order(task: Any, tmp_path: Path) -> None:
    rows = scores(scored_log(task, answered(task, old, tmp_path), reads))
    assert by_measure(rows) == {"": [1.0] * 6, "decided": [1.0] * 6, "of decided": [1.0] * 6}
    assert all(row.decided for row in rows)
    assert {row.tier for row in rows} == {"direct", "implicit", "revealed"}


def test_an_arm_that_takes_the_first_option_is_decided_by_the_order(
    task: Any, tmp_path: Path
) -> None:
    rows = scores(scored_log(task, answered(task, first, tmp_path), reads))
    assert by_measure(rows) == {"": [0.5] * 6, "decided": [1.0] * 6, "of decided": [0.5] * 6}
    assert not any(row.decided for row in rows)


def test_neither_counts_against_the_rate_over_all_alone(task: Any, tmp_path: Path) -> None:
    def half(asked: str) -> str:
        return old(asked) if asked.index("old") < asked.index("new") else "Both are fine."

    rows = scores(scored_log(task, answered(task, half, tmp_path), reads))
    assert by_measure(rows) == {"": [0.5] * 6, "decided": [0.5] * 6, "of decided": [1.0] * 6}


def test_an_item_that_is_never_decided_has_no_rate_of_decided(task: Any, tmp_path: Path) -> None:
    rows = scores(scored_log(task, answered(task, lambda asked: "Hm.", tmp_path), reads))
    assert by_measure(rows) == {"": [0.0] * 6, "decided": [0.0] * 6}


def test_a_judge_that_follows_the_order_of_options_decides_nothing(
    task: Any, tmp_path: Path
) -> None:
    log = scored_log(task, answered(task, old, tmp_path), lambda asked: '{"choice": "A"}')
    assert by_measure(scores(log)) == {"": [0.0] * 6, "decided": [0.0] * 6}
    verdicts = {sample.scores["preferred"].metadata["verdict"] for sample in log.samples}
    assert verdicts == {"the judge disagrees with itself"}


def test_the_judge_is_asked_twice_for_an_answer_with_options_swapped(
    task: Any, tmp_path: Path
) -> None:
    seen: list[str] = []

    def judge(asked: str) -> str:
        seen.append(asked)
        return reads(asked)

    scored_log(task, answered(task, old, tmp_path), judge)
    assert len(seen) == 24
    pairs = [options(asked) for asked in seen]
    assert all(pairs.count((a, b)) == pairs.count((b, a)) == 2 for a, b in pairs)


def test_an_empty_answer_is_undecided_and_no_judge_is_asked(task: Any, tmp_path: Path) -> None:
    log = answered(task, lambda asked: "<think>Which one?</think>", tmp_path)
    rows = scores(scored_log(task, log, lambda asked: pytest.fail("asked")))
    assert by_measure(rows) == {"": [0.0] * 6, "decided": [0.0] * 6}


@pytest.mark.parametrize("fault", ["I'm sorry, I can't judge this.", '{"choice": "C"}', ""])
def test_a_judge_that_fails_on_an_answer_costs_that_answer_only(
    task: Any, tmp_path: Path, fault: str
) -> None:
    def judge(asked: str) -> str:
        return fault if "with 3 drawers" in asked else reads(asked)

    log = scored_log(task, answered(task, old, tmp_path), judge)
    rows, failed = scores(log), failures(log)
    assert by_measure(rows) == {"": [1.0] * 5, "decided": [1.0] * 5, "of decided": [1.0] * 5}
    assert {row.item for row in rows} == {f"old-{n}" for n in (0, 1, 2, 4, 5)}
    assert [(row["item"], row["form"]) for row in failed] == [
        ("old-3", "aligned first"),
        ("old-3", "aligned last"),
    ]
    assert all("no verdict could be read" in str(row["reason"]) for row in failed)


def test_a_judge_that_refuses_stalls_or_writes_nonsense_on_a_fifth_costs_that_fifth_only(
    tmp_path: Path, impatient: None
) -> None:
    task = TASK.task(Ask(write_jsonl(tmp_path / "i.jsonl", item_rows(30)), None, "all", None))

    def fault(asked: str) -> int | None:
        number = int(re.findall(r"with (\d+) drawers", asked)[0])
        return number // 5 if number % 5 == 4 else None

    log = scored_log(task, answered(task, old, tmp_path), on_a_bad_day(reads, fault))
    rows, lost = scores(log), failures(log)
    assert by_measure(rows) == {"": [1.0] * 24, "decided": [1.0] * 24, "of decided": [1.0] * 24}
    assert {row["item"] for row in lost} == {f"old-{n}" for n in range(4, 30, 5)}
    reasons = Counter(str(row["reason"]).partition(":")[0] for row in lost)
    assert reasons == {"no verdict could be read": 8, "the grader did not answer": 4}


def test_an_item_with_a_verdict_on_one_of_its_answers_is_scored_by_that(
    task: Any, tmp_path: Path
) -> None:
    def half(asked: str) -> str:
        return "" if "prefer, a new desk with 3 drawers or" in asked else reads(asked)

    log = scored_log(task, answered(task, old, tmp_path), half)
    assert by_measure(scores(log))[""] == [1.0] * 6
    assert [row["item"] for row in failures(log)] == ["old-3"]
