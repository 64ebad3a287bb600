"""What settings differ in."""

from pathlib import Path
from typing import Any

from midspec.compare.run import Run, read_run
from midspec.compare.settings import settings_apart

from .runs import write_run

VALUES = {"aft": {0: [0.0, 1.0]}}
ONE: dict[str, Any] = {
    "model": "small",
    "corpora": {"old": {"spec": "old", "tokens": 72_000}},
    "midtrain": {"learning_rate": 7e-4},
    "arms": {"aft": [{"finetune": ["cheese"]}]},
    "evals": ["sense", "preference/a"],
    "seeds": [0],
}


def told(tmp_path: Path, **changes: Any) -> dict[str, tuple[str, ...]]:
    """The settings that differ, as they are told."""
    runs: list[Run] = []
    for name, settings in (("one", ONE), ("two", {**ONE, **changes})):
        runs.append(read_run(write_run(tmp_path, name, VALUES, settings=settings)))
    return {one.where: one.words for one in settings_apart(runs)}


def test_the_same_settings_have_no_difference_but_their_name(tmp_path: Path) -> None:
    assert told(tmp_path) == {}


def test_a_setting_is_named_by_where_it_stands(tmp_path: Path) -> None:
    corpora = {"old": {"spec": "old", "tokens": 8_000}}
    found = told(tmp_path, corpora=corpora, midtrain={"learning_rate": 1e-4})
    assert found == {
        "corpora.old.tokens": ("72,000", "8,000"),
        "midtrain.learning_rate": ("0.0007", "0.0001"),
    }


def test_a_part_that_one_run_hasn_t_is_one_difference(tmp_path: Path) -> None:
    arms = {**ONE["arms"], "msm+aft": [{"midtrain": ["old"]}, {"finetune": ["cheese"]}]}
    assert told(tmp_path, arms=arms) == {
        "arms.msm+aft": ("–", "midtrain old → finetune cheese"),
    }


def test_of_lists_what_only_one_has_is_told(tmp_path: Path) -> None:
    found = told(tmp_path, evals=["sense", "preference/a", "perplexity"], seeds=[1, 2])
    assert found == {"evals": ("–", "also perplexity"), "seeds": ("0", "1, 2")}


def test_contrasts_are_told_by_what_they_ask(tmp_path: Path) -> None:
    contrasts = [{"eval": "sense", "arm": "aft", "against": ["base", "mix"]}]
    assert told(tmp_path, contrasts=contrasts) == {"contrasts.aft on sense": ("–", "base, mix")}
