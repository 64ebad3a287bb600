"""The differences between two runs: on which items, of which arms, and why sometimes none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from midspec.compare import view
from midspec.compare.comparison import Comparison, compare
from midspec.compare.run import named_apart, read_run
from midspec.report.tables import Difference
from midspec.stats.intervals import difference

from .runs import EVAL, RATE, Values, write_run

LOW = [0.0, 0.5, 0.0, 0.5, 0.0, 1.0, 0.0, 0.5, 0.0, 0.5]
HIGH = [0.5, 1.0, 0.5, 0.5, 1.0, 1.0, 0.5, 1.0, 0.0, 1.0]
BASE = [0.5] * 10


def runs_of(tmp_path: Path, ours: Values, theirs: Values, **changes: Any) -> Comparison:
    """Two runs in one store; `changes` are of the second."""
    first = write_run(tmp_path, "one", ours)
    other = write_run(tmp_path, "two", theirs, **changes)
    return compare(named_apart([read_run(first), read_run(other)]))


def only(found: Comparison) -> Difference:
    (row,) = found.between[0].differences
    return row


def test_a_difference_is_paired_by_item_as_the_contrasts_of_a_report_are(tmp_path: Path) -> None:
    row = only(runs_of(tmp_path, {"aft": {0: LOW}}, {"aft": {0: HIGH}}))
    wanted = difference(np.array([HIGH]) - np.array([LOW]), 1.0)
    assert (row.arm, row.against) == ("aft in two", "aft in one")
    assert (row.difference, row.low, row.high) == (wanted.mean, wanted.low, wanted.high)
    assert row.p_holm == pytest.approx(row.p)
    assert row.better == ""  # neither run is claimed to be the better one


def test_several_differences_share_holm_s_correction(tmp_path: Path) -> None:
    ours: Values = {arm: {0: LOW} for arm in ("aft", "msm")}
    found = runs_of(tmp_path, ours, {"aft": {0: HIGH}, "msm": {0: HIGH[::-1]}})
    rows = found.between[0].differences
    assert len(rows) == 2
    assert min(row.p_holm for row in rows) == pytest.approx(2 * min(row.p for row in rows))


def test_the_very_same_model_is_no_difference(tmp_path: Path) -> None:
    models = {"base": "", "aft": "shared"}
    first = write_run(tmp_path, "one", {"base": {0: BASE}, "aft": {0: LOW}}, models)
    other = write_run(tmp_path, "two", {"base": {0: BASE}, "tuned": {0: LOW}},
                      {"base": "", "tuned": "shared"})  # fmt: skip
    found = compare([read_run(first), read_run(other)])
    assert [(p.first, p.other, p.same) for p in found.between[0].pairs] == [
        ("base", "base", True),
        ("aft", "tuned", True),
    ]
    assert not found.between[0].differences
    (table,) = found.tables
    assert [line.arms for line in table.lines] == [("base", "base"), ("aft", "tuned")]


def test_arms_that_only_one_run_has_are_shown_and_not_compared(tmp_path: Path) -> None:
    found = runs_of(tmp_path, {"aft": {0: LOW}, "msm": {0: LOW}}, {"aft": {0: HIGH}, "x": {0: LOW}})
    (table,) = found.tables
    assert [line.arms for line in table.lines] == [("aft", "aft"), ("msm", None), (None, "x")]
    assert [bool(line.differences[1]) for line in table.lines] == [True, False, False]


def test_only_items_that_both_were_asked_are_paired_and_that_is_said(tmp_path: Path) -> None:
    found = runs_of(tmp_path, {"aft": {0: LOW}}, {"aft": {0: HIGH[:6]}}, max_items=6)
    row = only(found)
    assert row.groups == 6
    assert row.difference == pytest.approx(np.mean(HIGH[:6]) - np.mean(LOW[:6]))
    assert found.notes == [
        f"{EVAL}: differences are over the 6 items that both were asked (one 10, two 6); the "
        "values are over each run's own."
    ]
    (line,) = found.tables[0].lines
    assert line.results[0] and line.results[0].rate == pytest.approx(np.mean(LOW))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"items": "99990000bbbb"}, "their items are different files"),
        ({"about": "0123456789ab"}, "they ask about different texts of the spec"),
        ({"version": 3}, "the eval or its scoring changed between them"),
        ({"identity": [["model_name", "Other"]]}, "they ask about an assistant of another name"),
        ({"judge": "openai/gpt-5"}, "different LLMs judged the answers"),
        (
            {"half": "development", "first": 100},
            "no item in common (one asked the held-out half; two asked the development half)",
        ),
        (
            {"metric": replace(RATE, name="harmful choices")},
            "they measure different things: value-aligned rate and harmful choices",
        ),
    ],
)
def test_what_can_t_be_paired_is_said_and_not_computed(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    found = runs_of(tmp_path, {"aft": {0: LOW}}, {"aft": {0: HIGH}}, **changes)
    assert not found.between[0].differences
    (note,) = found.notes
    assert note.startswith(f"{EVAL}: two and one can't be compared item by item: ")
    assert why in note
    assert all(line.results[0] and line.results[1] for line in found.tables[0].lines)


def test_without_the_answers_values_stand_side_by_side(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", "one", {"aft": {0: LOW}})
    other = write_run(tmp_path / "b", "two", {"aft": {0: HIGH}})
    for folder in (tmp_path / "b").glob("choices-*"):
        (folder / "manifest.json").unlink()
    found = compare([read_run(first), read_run(other)])
    (line,) = found.tables[0].lines
    assert line.results[1] and line.results[1].rate == pytest.approx(np.mean(HIGH))
    assert line.differences == (None, None)
    assert "of two only results are here, not the answers to each item" in found.notes[0]


def test_seeds_of_both_stand_against_each_other_else_in_turn(tmp_path: Path) -> None:
    ours: Values = {"aft": {0: LOW, 1: HIGH, 2: LOW}}
    shared = runs_of(tmp_path / "a", ours, {"aft": {1: HIGH}})
    assert (only(shared).seeds, only(shared).difference) == (1, 0.0)
    others = runs_of(tmp_path / "b", ours, {"aft": {7: HIGH, 8: HIGH}})
    assert only(others).seeds == 2
    assert only(others).difference == pytest.approx((np.mean(HIGH) - np.mean(LOW)) / 2)


def test_an_arm_that_isn_t_trained_stands_against_every_seed(tmp_path: Path) -> None:
    first = write_run(tmp_path, "one", {"x": {0: BASE}}, {"x": ""})
    other = write_run(tmp_path, "two", {"x": {0: HIGH, 1: LOW}})
    (row,) = compare([read_run(first), read_run(other)]).between[0].differences
    assert row.seeds == 2
    assert row.difference == pytest.approx((np.mean(HIGH) + np.mean(LOW)) / 2 - 0.5)


def test_how_much_larger_a_comparison_came_out_is_paired_too(tmp_path: Path) -> None:
    wanted = [(EVAL, "msm+aft", "aft")]
    ours: Values = {"aft": {0: LOW}, "msm+aft": {0: BASE}}
    theirs: Values = {"aft": {0: LOW[::-1]}, "msm+aft": {0: HIGH}}
    first = write_run(tmp_path, "one", ours, wanted=wanted)
    other = write_run(tmp_path, "two", theirs, wanted=wanted)
    (claim,) = compare([read_run(first), read_run(other)]).claims
    table = np.array([HIGH]) - np.array([LOW[::-1]]) - (np.array([BASE]) - np.array([LOW]))
    assert claim.changed[1] == difference(table, 2.0)
    assert [row and round(row.difference, 3) for row in claim.found] == [0.2, 0.4]


def test_a_comparison_of_the_very_same_models_has_no_interval(tmp_path: Path) -> None:
    wanted = [(EVAL, "msm+aft", "aft")]
    values: Values = {"aft": {0: LOW}, "msm+aft": {0: HIGH}}
    models = {"aft": "a", "msm+aft": "b"}
    first = write_run(tmp_path, "one", values, models, wanted=wanted)
    other = write_run(tmp_path, "two", values, models, wanted=wanted, settings={"note": "again"})
    (claim,) = compare(named_apart([read_run(first), read_run(other)])).claims
    assert claim.changed == (None, None)
    assert view.changed(claim, 1).text == "same models"


def test_three_runs_are_each_compared_with_the_first(tmp_path: Path) -> None:
    folders = [
        write_run(tmp_path, name, {"aft": {0: values}})
        for name, values in (("one", LOW), ("two", HIGH), ("three", BASE))
    ]
    found = compare([read_run(folder) for folder in folders])
    assert [row.arm for one in found.between for row in one.differences] == [
        "aft in two",
        "aft in three",
    ]
    assert {row.against for one in found.between for row in one.differences} == {"aft in one"}
