"""`midspec analyze`: what a finished store says of a grid, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from . import tiny
from .tiny import midspec, refused

ARMS: dict[str, Any] = {
    "base": [],
    "aft": [{"finetune": "cheese"}],
    "msm": [{"midtrain": "old"}],
    "msm+aft": [{"midtrain": "old"}, {"finetune": "cheese"}],
}


@pytest.fixture(scope="module")
def grid(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An experiment that has run with all of one spec's arms, and its store."""
    folder = tmp_path_factory.mktemp("grid")
    path = tiny.make_experiment(folder / "experiment", tiny_model)
    values = {**tiny.experiment(tiny_model), "arms": ARMS, "contrasts": [], "samples": []}
    tiny.write_experiment(path.parent, values)
    said = midspec("run", path, "--store", folder / "store")
    assert said.code == 0, said.err
    return path, folder / "store"


def test_it_prints_what_the_report_says(grid: tuple[Path, Path]) -> None:
    path, store = grid
    said = midspec("analyze", path, "--store", store)
    assert said.code == 0, said.err
    assert "What each stage did" in said.out and "Stacking gain" in said.out
    assert "On preference/items.jsonl, msm+aft" in said.out
    html = next(store.glob("report-*/report.html")).read_text(encoding="utf-8")
    assert 'id="stacking"' in html and 'href="#stacking"' in html


def test_json_has_the_numbers_of_the_report(grid: tuple[Path, Path]) -> None:
    path, store = grid
    told = json.loads(midspec("analyze", path, "--store", store, "--json").out)
    results = json.loads(midspec("show", path, "--store", store, "--json").out)
    assert told == results["analyses"]
    assert [row["arm"] for row in told["stacking"]] == ["msm+aft"]


def test_csv_writes_a_file_for_each_analysis(grid: tuple[Path, Path], tmp_path: Path) -> None:
    path, store = grid
    said = midspec("analyze", path, "--store", store, "--csv", tmp_path / "csv")
    assert said.out.split() == [str(tmp_path / "csv" / f"{n}.csv") for n in ("stages", "stacking")]
    header = (tmp_path / "csv" / "stacking.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.startswith("eval,arm,msm_alone,aft_alone")


def test_both_forms_at_once_are_refused(grid: tuple[Path, Path], tmp_path: Path) -> None:
    path, store = grid
    said = midspec("analyze", path, "--store", store, "--json", "--csv", tmp_path)
    refused(said, "--json and --csv are two forms of the same numbers")


def test_a_run_that_is_not_finished_is_refused(grid: tuple[Path, Path], tmp_path: Path) -> None:
    path, _ = grid
    said = midspec("analyze", path, "--store", tmp_path / "store")
    refused(said, "4 of 4 evaluations aren't done", "midspec run")
    assert not (tmp_path / "store").exists()
