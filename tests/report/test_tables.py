"""What the evaluations say as rows: rates, differences, gaps, and what can't be read."""

from dataclasses import replace
from math import isnan
from pathlib import Path

import pytest

from midspec.errors import DataError
from midspec.evals.tasks.perplexity import TASK as PERPLEXITY
from midspec.files import write_rows
from midspec.records import Metric, Score
from midspec.report.power import powers
from midspec.report.scores import ALL, Measured, decimals, read_measured
from midspec.report.tables import Result, conditions, contrasts, pooled, results, unreadable

from .rows import AMERICA, MARK, RATE, VERDICT, measured

YES, NO = [1.0] * 20, [0.0] * 20
HALF = [1.0, 0.0] * 10
COMPETENCE = Metric("trivial pairs answered", "control", floor=0.65)


def rows(*found: Measured, anchors: tuple[str, str] | None = None) -> list[Result]:
    return results(found, {AMERICA: anchors} if anchors else {}, unreadable(found))


def test_seeds_have_rows_and_a_pooled_one() -> None:
    found = rows(measured({"base": [HALF], "aft": [YES, HALF]}))
    assert [(r.arm, r.seed, r.rate) for r in found] == [
        ("base", 0, 0.5), ("aft", 0, 1.0), ("aft", 1, 0.5), ("aft", ALL, 0.75),
    ]  # fmt: skip
    assert [r.seed for r in pooled(found)] == [0, ALL]


def test_the_pooled_interval_counts_how_seeds_differ() -> None:
    alike, apart = (
        pooled(rows(measured({"aft": seeds})))[0]
        for seeds in ([HALF, HALF, HALF], [[1.0] * 15 + [0.0] * 5, HALF, [0.0] * 15 + [1.0] * 5])
    )
    assert alike.rate == apart.rate == 0.5
    assert apart.high - apart.low > 1.5 * (alike.high - alike.low)


def test_marks_stay_on_their_scale() -> None:
    (row,) = rows(measured({"aft": [[10.0] * 20]}, "open-qa/calm", MARK))
    assert row.rate == 10
    assert row.high == pytest.approx(10) and row.high <= 10
    assert 8 < row.low < 10


def test_decided_is_told_where_it_is_a_question() -> None:
    (row,) = rows(measured({"aft": [HALF]}, margin=0.2))
    assert (row.decided, row.rate_decided, row.margin) == (1.0, 0.5, pytest.approx(0.2))
    (row,) = rows(measured({"aft": [HALF]}, metric=VERDICT))
    assert isnan(row.decided) and isnan(row.rate_decided) and isnan(row.margin)
    undecided = measured({"aft": [HALF]}, decided=False)
    assert rows(undecided)[0].decided == 0 and isnan(rows(undecided)[0].rate_decided)


def test_an_arm_under_a_control_s_floor_is_not_readable_on_what_asks_in_its_form() -> None:
    control = measured({"base": [HALF], "aft": [YES]}, "competence", COMPETENCE)
    preference = measured({"base": [HALF], "aft": [HALF]})
    agentic = measured({"base": [HALF], "aft": [HALF]}, "agentic", VERDICT)
    found = rows(control, preference, agentic)
    assert {(r.arm, r.eval): r.readable for r in found} == {
        ("base", "competence"): True, ("aft", "competence"): True,
        ("base", AMERICA): False, ("aft", AMERICA): True,
        ("base", "agentic"): True, ("aft", "agentic"): True,
    }  # fmt: skip
    reasons = unreadable([control, preference])
    assert reasons == {("base", AMERICA): "trivial pairs answered 0.50, under 0.65"}
    just = measured({"base": [[0.6485]]}, "competence", COMPETENCE)
    assert unreadable([just, preference])["base", AMERICA].endswith("answered 0.648, under 0.650")


def test_a_control_within_an_eval_stands_for_that_eval_alone() -> None:
    acts = replace(COMPETENCE, name="tool use", measure="tool use")
    one = measured({"aft": [NO]}, "agentic-misalignment", acts)
    main, other = (
        measured({"aft": [HALF]}, name, VERDICT) for name in ("agentic-misalignment", "agentic")
    )
    assert set(unreadable([one, main, other])) == {("aft", "agentic-misalignment")}


def test_the_gap_closed_stands_in_the_row_over_all_of_a_trained_arm() -> None:
    values = {"base": [NO], "aft": [HALF, HALF], "reference": [[1.0] * 19 + [0.0]]}
    found = rows(measured(values), anchors=("base", "reference"))
    closed = {(r.arm, r.seed): r.gap_closed for r in found}
    assert closed["aft", ALL] == pytest.approx(0.5 / 0.95)
    assert isnan(closed["aft", 0]) and isnan(closed["base", 0]) and isnan(closed["reference", 0])


def test_a_gap_is_undefined_where_the_anchors_are_close_or_cannot_be_read() -> None:
    close = measured({"base": [HALF], "aft": [YES], "reference": [HALF]})
    assert isnan(rows(close, anchors=("base", "reference"))[1].gap_closed)
    values = {"base": [NO], "aft": [HALF], "reference": [YES]}
    control = measured({"base": [NO]}, "competence", COMPETENCE)
    found = rows(measured(values), control, anchors=("base", "reference"))
    assert isnan(found[1].gap_closed)


def test_a_gap_is_undefined_where_the_prompt_made_it_worse() -> None:
    values = {"base": [NO], "aft": [HALF], "reference": [YES]}
    for metric, undefined in ((VERDICT, True), (replace(VERDICT, better="higher"), False)):
        found = rows(measured(values, metric=metric), anchors=("base", "reference"))
        assert isnan(found[1].gap_closed) is undefined


def test_a_difference_is_taken_item_by_item() -> None:
    shuffled = [1.0, 0.0] * 9 + [1.0, 1.0]  # one item more
    one = measured({"aft": [HALF], "msm": [shuffled]}, margin=0.5)
    (row,) = contrasts([one], [(AMERICA, "msm", "aft")], {})
    assert row.difference == pytest.approx(0.05)
    assert row.high - row.low < 0.25  # unpaired it would be over .6
    assert (row.n, row.groups, row.seeds, row.margin_difference) == (20, 20, 1, 0.0)


def test_an_untrained_arm_stands_against_every_seed() -> None:
    one = measured({"base": [NO], "aft": [HALF, YES, HALF]})
    (row,) = contrasts([one], [(AMERICA, "aft", "base")], {})
    assert (row.seeds, row.difference) == (3, pytest.approx(2 / 3))
    (back,) = contrasts([one], [(AMERICA, "base", "aft")], {})
    assert (back.seeds, back.difference) == (3, pytest.approx(-2 / 3))


def test_holm_counts_the_comparisons_that_were_asked_for() -> None:
    one = measured({"a": [HALF], "b": [[1.0] * 14 + [0.0] * 6], "c": [YES]})
    other = measured({"b": [HALF], "a": [NO]}, metric=Metric("executed", measure="executed"))
    wanted = [(AMERICA, "b", "a"), (AMERICA, "c", "a")]
    found = contrasts([one, other], wanted, {})
    by = {(row.arm, row.measure): row for row in found}
    assert by["c", ""].p_holm == pytest.approx(2 * by["c", ""].p)
    assert by["b", ""].p_holm == pytest.approx(by["b", ""].p)
    assert isnan(by["b", "executed"].p_holm) and by["b", "executed"].p < 0.05


def test_what_cannot_be_read_is_not_tested() -> None:
    one = measured({"a": [NO], "b": [YES]})
    (row,) = contrasts([one], [(AMERICA, "b", "a")], {("a", AMERICA): "why"})
    assert not row.readable and not row.shown and isnan(row.p_holm)


def test_where_lower_is_better_shown_means_below() -> None:
    one = measured({"base": [YES], "msm": [HALF]}, metric=VERDICT)
    down, up = contrasts([one], [(AMERICA, "msm", "base"), (AMERICA, "base", "msm")], {})
    assert down.shown and down.adjusted
    assert not up.shown


def test_arms_that_were_asked_different_items_cannot_be_paired() -> None:
    one = measured({"a": [NO]})
    scores = {("b", 0): [Score(f"x{n}", "pets", "", "held-out", 1.0) for n in range(20)]}
    mixed = Measured(AMERICA, RATE, {**one.scores, **scores})
    with pytest.raises(DataError, match="were asked different items"):
        contrasts([mixed], [(AMERICA, "b", "a")], {})


def test_an_item_that_one_arm_lacks_does_not_stop_the_comparison() -> None:
    one = measured({"a": [HALF]})
    scores = {("b", 0): [s for s in one.scores["a", 0] if s.item != "i3"]}
    (row,) = contrasts(
        [Measured(AMERICA, RATE, {**one.scores, **scores})], [(AMERICA, "b", "a")], {}
    )
    assert row.difference == pytest.approx(10 / 19 - 0.5)
    assert row.groups == 20


def test_an_arm_without_any_score_is_told_as_not_compared() -> None:
    (row,) = contrasts([measured({"a": [HALF]})], [(AMERICA, "b", "a")], {})
    assert isnan(row.difference) and isnan(row.p_holm) and not row.shown


def repeats(rates: dict[str, float], of: int = 25) -> list[Score]:
    return [
        Score(f"{name}#{n}", "murder", "", "held-out", float(n < rate * of), group=name)
        for name, rate in rates.items()
        for n in range(of)
    ]


def test_repeats_of_a_condition_hang_together() -> None:
    one = Measured("am", VERDICT, {("base", 0): repeats({"a": 0.0, "b": 1.0, "c": 0.6, "d": 0.4})})
    (row,) = rows(one)
    assert (row.n, row.groups, row.rate) == (100, 4, 0.5)
    assert row.high - row.low > 0.5  # of 100 independent answers it would be .2


def test_each_condition_has_wilson_s_interval_over_repeats_and_seeds() -> None:
    scores = {("base", seed): repeats({"a": 0.2, "b": 1.0}) for seed in (0, 1)}
    found = conditions([Measured("am", VERDICT, scores)])
    assert [(c.group, c.n, c.rate) for c in found] == [("a", 50, 0.2), ("b", 50, 1.0)]
    assert found[0].low == pytest.approx(0.112, abs=0.001)
    assert conditions([measured({"base": [HALF]})]) == []


def folder(path: Path, metrics: list[Metric], scores: list[Score]) -> Path:
    path.mkdir()
    write_rows(path / "metrics.jsonl", metrics)
    write_rows(path / "scores.jsonl", scores)
    return path


def test_measures_are_read_apart_main_ones_first(tmp_path: Path) -> None:
    both = [VERDICT, Metric("executed", better="lower", measure="executed")]
    scores = [
        Score("i", "", "", "held-out", 1.0),
        Score("i", "", "", "held-out", 0.0, measure="executed"),
    ]
    found = read_measured({("base", "am", 0): folder(tmp_path / "a", both, scores)}, "held-out")
    assert [(one.metric.name, one.estimate("base", [0]).mean) for one in found] == [
        ("verdict", 1.0), ("executed", 0.0),
    ]  # fmt: skip


def test_only_the_half_counts_unless_an_eval_has_no_other(tmp_path: Path) -> None:
    development = Score("i", "", "", "development", 1.0)
    both = [development, Score("j", "", "", "held-out", 0.0), Score("k", "", "", "", 0.0)]
    one = folder(tmp_path / "a", [RATE], both)
    (found,) = read_measured({("base", AMERICA, 0): one}, "held-out")
    assert [score.item for score in found.of("base", 0)] == ["j", "k"] and not found.other_half
    small = folder(tmp_path / "b", [RATE], [development])
    (found,) = read_measured({("base", AMERICA, 0): small}, "held-out")
    assert [score.item for score in found.of("base", 0)] == ["i"] and found.other_half


def test_scores_that_no_metric_explains_are_an_error(tmp_path: Path) -> None:
    one = folder(tmp_path / "a", [RATE], [Score("i", "", "", "all", 1.0, measure="odd")])
    with pytest.raises(DataError, match=r"'odd', which metrics\.jsonl doesn't explain"):
        read_measured({("base", AMERICA, 0): one}, "all")


def test_two_folders_that_mean_different_things_are_an_error(tmp_path: Path) -> None:
    first = folder(tmp_path / "a", [RATE], [Score("i", "", "", "all", 1.0)])
    other = folder(tmp_path / "b", [MARK], [Score("i", "", "", "all", 1.0)])
    with pytest.raises(DataError, match="mean different things"):
        read_measured({("base", AMERICA, 0): first, ("aft", AMERICA, 0): other}, "all")


def test_power_says_what_could_be_seen_and_what_less_would_take() -> None:
    one = measured({"a": [HALF * 5], "b": [[1.0, 0.0, 0.0, 1.0] * 25]})
    (power,) = powers([one], [(AMERICA, "b", "a")], {})
    assert (power.groups, power.seeds, power.target) == (100, 1, 0.1)
    assert 0.15 < power.detectable < 0.25
    assert power.groups_needed and 350 < power.groups_needed < 500
    assert power.said.startswith(
        "On preference/america, 100 items and 1 seed show a true difference"
    )
    assert f"To see 0.10 it takes about {power.groups_needed} items with 1 seed." in power.said


def test_power_asks_for_seeds_where_seeds_differ() -> None:
    a, *b = ([1.0] * ones + [0.0] * (100 - ones) for ones in (50, 56, 44, 50))
    (power,) = powers([measured({"a": [a], "b": b})], [(AMERICA, "b", "a")], {})
    assert power.groups_needed is None and power.seeds_needed and power.seeds_needed > 3
    assert f"{power.seeds_needed} seeds with 100 items" in power.said
    assert powers([measured({"a": [HALF]})], [], {}) == []


def test_of_comparisons_that_cannot_be_read_no_power_is_told() -> None:
    one = measured({"a": [HALF], "b": [HALF]})
    assert powers([one], [(AMERICA, "b", "a")], {("a", AMERICA): "competence .50"}) == []


def test_of_answers_that_are_all_alike_no_power_is_told() -> None:
    one = measured({"a": [YES], "b": [YES]})
    assert powers([one], [(AMERICA, "b", "a")], {}) == []


def test_a_seed_that_one_arm_lacks_is_left_out_of_the_pairs() -> None:
    """Only an arm that was asked once stands against every seed."""
    whole = measured({"aft": [HALF, HALF, HALF], "msm": [YES, YES, NO]})
    lost = {key: rows for key, rows in whole.scores.items() if key != ("msm", 2)}
    one = Measured(AMERICA, RATE, lost)
    assert one.paired("aft", "msm").shape == (2, 20)
    assert one.paired("msm", "aft").mean() == pytest.approx(0.5)
    assert one.together(["msm", "aft"]).shape == (2, 2, 20)


def test_a_loss_has_two_decimals_and_a_mark_one() -> None:
    loss, *_ = PERPLEXITY.metrics
    assert decimals(loss.high - loss.low) == decimals(RATE.high - RATE.low) == 2
    assert decimals(MARK.high - MARK.low) == 1
    assert decimals(96.0) == 0


def test_a_difference_that_no_score_can_have_is_not_told_as_one_to_be_seen() -> None:
    few = measured({"a": [[1.0, 0.0], [0.0, 1.0]], "b": [[0.0, 1.0], [0.0, 1.0]]})
    (power,) = powers([few], [(AMERICA, "b", "a")], {})
    assert power.detectable > 1
    assert "2 items and 2 seeds are too few to show any difference" in power.said
