"""The check of a finished demo takes any eval that the demo may list."""

from pathlib import Path
from typing import Any

import pytest

from tests.check_demo import check_contrasts, check_results, tiers

WANTED = {"arms": ["base"], "evals": ["perplexity", "multiturn/america", "manners"]}


def metric(evaluation: str, measure: str = "", low: float = 0, high: float | None = 1) -> Any:
    return {"eval": evaluation, "measure": measure, "low": low, "high": high}


def result(evaluation: str, rate: float, tier: str = "all", measure: str = "", **more: Any) -> Any:
    row = {"arm": "base", "eval": evaluation, "tier": tier, "measure": measure, "n": 8}
    return row | {"low": rate - 0.1, "rate": rate, "high": rate + 0.1, **more}


def results() -> dict[str, Any]:
    """What a run of the three evals shows."""
    return {
        "metrics": [
            metric("perplexity", high=12),
            metric("multiturn/america", low=-1),
            metric("manners"),
            metric("manners", "length", high=None),
        ],
        "results": [
            result("perplexity", 3.7),
            *(result("multiturn/america", -0.2, t) for t in tiers("multiturn/america", Path())),
            result("manners", 0.0, low=0.0),
            result("manners", 30.0, measure="length", low=None, high=None),
        ],
    }


def test_scores_are_held_to_the_range_of_their_own_metric() -> None:
    check_results(results(), WANTED, Path())
    for evaluation, rate in (("perplexity", 12.05), ("multiturn/america", -0.95)):
        found = results()
        found["results"].append(result(evaluation, rate))
        with pytest.raises(SystemExit, match="bounds out of order"):
            check_results(found, WANTED, Path())


def test_an_eval_without_a_set_of_items_has_no_tiers() -> None:
    assert tiers("perplexity", Path()) == tiers("inspect/a.b:c", Path()) == {"all"}
    assert tiers("opinions/america", Path()) == {"all", "direct", "implicit", "revealed"}


def test_what_is_missing_is_told() -> None:
    found = results()
    found["results"].pop(0)
    with pytest.raises(SystemExit, match="base on perplexity, tier all: no row"):
        check_results(found, WANTED, Path())


def test_a_difference_that_could_not_be_taken_has_no_bounds() -> None:
    row = {"eval": "a", "arm": "b", "against": "c", "tier": "all"}
    none = {"low": None, "difference": None, "high": None}
    check_contrasts({"contrasts": [row | none]}, {}, Path())
    wrong = {"low": 0.1, "difference": 0.0, "high": 0.2}
    with pytest.raises(SystemExit, match="bounds out of order"):
        check_contrasts({"contrasts": [row | wrong]}, {}, Path())
