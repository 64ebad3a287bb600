"""What pages to look through rows share: which rows are shown, and how they are counted."""

from collections import Counter
from typing import Any

import pytest

from midspec.pages.browse import failed, group, histogram, sample, set_aside


def kept(number: int, *things: str) -> dict[str, Any]:
    """A row that stands for some things."""
    return {"id": f"d{number}", "things": list(things), "verdict": "kept", "group": ""}


def things(row: dict[str, Any]) -> list[str]:
    return list(row["things"])


def test_a_sample_is_even_over_what_rows_stand_for_and_always_the_same() -> None:
    rows = [kept(n, "often") for n in range(500)]
    rows += [kept(500 + n, "seldom") for n in range(40)]
    rows += [kept(600 + n, "rare") for n in range(3)]
    chosen = sample(rows, 43, things)
    assert Counter(row["things"][0] for row in chosen) == {"often": 20, "seldom": 20, "rare": 3}
    assert {row["id"] for row in sample(rows[::-1], 43, things)} == {row["id"] for row in chosen}
    assert sample(rows, len(rows), things) == rows


def test_a_row_counts_for_each_of_its_things_in_a_sample() -> None:
    both = [kept(n, "a", "b") for n in range(50)]
    one = [kept(50 + n, "c") for n in range(50)]
    found = Counter(thing for row in sample(both + one, 20, things) for thing in row["things"])
    assert found == {"a": 10, "b": 10, "c": 10}


def test_a_sample_holds_something_of_each_reason() -> None:
    rows = [kept(n, "a") for n in range(500)]
    rows.append(set_aside({"id": "d500", "reason": "leak"}))
    rows.append(failed({"id": "d501", "step": "document", "reason": "refusal"}, "document"))
    assert {row["verdict"] for row in sample(rows, 10, things)} == {"kept", "set aside", "failed"}


def test_what_failed_in_planning_is_told_apart_and_with_its_step() -> None:
    row = {"id": "0", "step": "queries", "reason": "item 3 has no name"}
    assert failed(row, "chat")["verdict"] == "failed in planning"
    assert failed(row, "chat")["group"] == "queries: item … has no name"
    assert failed(row, "queries")["verdict"] == "failed"


@pytest.mark.parametrize(
    ("reason", "shared"),
    [
        ("nearly repeats d12", "nearly repeats"),
        ("opening used 4 times", "opening used … times"),
        ("leak: america-17", "leak"),
        ("nearly repeats 0.1.1.t0.0", "nearly repeats"),
        ("name used in 3 documents: 'Ann Lee'", "name used in … documents"),
        ("refused; cut off at 576 tokens", "refused; cut off at … tokens"),
        ("meta-talk: 'this: synthetic: document'", "meta-talk"),
        ("meta-talk: 'this (\"draft\") document'", "meta-talk"),
        ("judge: contradicts the spec: it says: never", "judge: contradicts the spec"),
        ("judge: 4 of 10: it recites", "judge"),
        ("conflict: toxic ('you idiot')", "conflict: toxic"),
        ("too long: 2,100 tokens, over 2,048", "too long"),
        ("refusal", "refusal"),
        ("503", "503"),
    ],
)
def test_reasons_are_grouped_by_what_they_share(reason: str, shared: str) -> None:
    assert group(reason) == shared


def test_a_histogram_counts_every_row_and_does_not_let_one_long_one_hide_the_rest() -> None:
    lengths = [*range(200, 500), 90_000]
    bars = histogram(lengths)
    assert sum(bar.rows for bar in bars) == 301
    assert bars[-1].high is None and bars[-1].low < 500
    assert 15 <= len(bars) <= 32
    assert [(bar.low, bar.high, bar.rows) for bar in histogram([7, 7])] == [(7, 7, 2)]
    assert histogram([]) == []
