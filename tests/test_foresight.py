import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midspec.foresight import DEMO, foresee, power_words
from midspec.run.build import raise_failures, run
from midspec.run.pools import Inline
from midspec.stats.power import Spread, detectable, seeds_needed
from tests.arms import Finished
from tests.tiny import midspec

Values = dict[str, Any]
Planned = Callable[..., Any]
EVAL = "preference/items.jsonl"


def edit(**changes: Any) -> Callable[[Values], None]:
    """An edit that sets some of the experiment's values."""

    def change(values: Values) -> None:
        values |= changes

    return change


def words(planned: Planned, store: Path, **changes: Any) -> str:
    return power_words(planned(edit(half="all", **changes)), store)


def test_a_plan_says_the_smallest_difference_that_it_sees_and_what_that_rests_on(
    planned: Planned, tmp_path: Path
) -> None:
    told = words(planned, tmp_path, seeds=[0, 1, 2])
    least = detectable(DEMO, 12, 3)
    assert f"12 items and 3 seeds show a true difference of {least:.2f} four times out" in told
    assert "Assumed: two arms differ from item to item by 0.40 and from seed to seed by" in told
    assert "With one seed" not in told


def test_one_seed_tells_of_these_very_models(planned: Planned, tmp_path: Path) -> None:
    assert "With one seed it is about these very models" in words(planned, tmp_path)


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        (0.9, "A difference of 0.90, which is expected, it can see on every eval."),
        (0.1, "A difference of 0.10, which is expected, it can't see: a null would say nothing"),
    ],
)
def test_a_difference_that_is_expected_is_seen_or_not(
    planned: Planned, tmp_path: Path, expect: float, told: str
) -> None:
    found = words(planned, tmp_path, expect=expect, seeds=[0, 1, 2])
    assert told in found
    assert ("To see 0.10 it takes about" in found) == (expect == 0.1)


def test_many_comparisons_see_less(planned: Planned, tmp_path: Path) -> None:
    contrasts = [{"eval": EVAL, "arm": "msm+aft", "against": ["aft", "msm", "base"]}]
    plan = planned(edit(half="all", contrasts=contrasts, seeds=[0, 1, 2]))
    (sight,), _ = foresee(plan, tmp_path)
    assert sight.least_of_all > sight.least
    assert "Corrected for 3 comparisons, the first that is shown takes a true difference of" in (
        power_words(plan, tmp_path)
    )


def test_evals_that_are_no_result_have_no_power(planned: Planned, tmp_path: Path) -> None:
    plan = planned(edit(evals=["competence"], contrasts=[], half="all"))
    assert foresee(plan, tmp_path) == ([], [])
    assert power_words(plan, tmp_path) == ""


def test_a_spread_is_measured_where_two_trained_arms_are_done(
    finished: Finished, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(finished.store, store)
    (before,), _ = foresee(finished.planned, store)
    assert (before.pairs, before.spread) == (0, DEMO)  # one trained arm is scored
    other = finished.planned.evals["full", EVAL, 0]
    raise_failures(run([other], store, Inline()), store)
    (sight,), _ = foresee(finished.planned, store)
    assert sight.pairs == 1 and not sight.seeds_measured
    assert sight.spread.seeds == DEMO.seeds and sight.spread.groups != DEMO.groups
    told = power_words(finished.planned, store)
    assert f"On {EVAL}, that is measured on 1 pair of finished arms, but for seeds." in told


def test_comparisons_make_the_limit_stricter_and_more_seeds_looser() -> None:
    spread = Spread(0.16, 0.0006, 0.0)
    each = [detectable(spread, 126, 3, comparisons) for comparisons in (1, 5, 50)]
    assert each == sorted(each) and each[2] > 1.2 * each[0]
    needed = seeds_needed(spread, 0.105, 126)
    assert needed is not None
    assert detectable(spread, 126, needed) <= 0.105 < detectable(spread, 126, needed - 1)


def test_the_command_prints_counts_and_power(tiny_experiment: Path, tmp_path: Path) -> None:
    told = midspec("plan", tiny_experiment, "--store", tmp_path)
    assert told.code == 0, told.err
    assert "5 arms, 1 seed: 5 evaluations with 60 answers." in told.out
    assert "four times out of five" in told.out
