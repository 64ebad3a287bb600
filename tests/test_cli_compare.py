"""`midspec compare`: finished runs side by side, from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from . import tiny
from .tiny import midspec, refused

Two = tuple[Path, Path, Path]


@pytest.fixture(scope="module")
def two(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Two:
    """Two experiments that differ in how many chats they fine-tune on, and their store."""
    folder = tmp_path_factory.mktemp("two")
    files = []
    for name, chats in (("few", 40), ("many", 60)):
        values: dict[str, Any] = tiny.experiment(tiny_model) | {"name": name, "samples": []}
        values["demos"] = {"cheese": {"kind": "opaque", "spec": "old", "n": chats}}
        values["arms"] = {"base": [], "aft": [{"finetune": "cheese"}]}
        values["contrasts"][0] |= {"arm": "aft", "against": ["base"]}
        tiny.make_experiment(folder / name, tiny_model)
        files.append(tiny.write_experiment(folder / name, values))
        said = midspec("run", files[-1], "--store", folder / "store")
        assert said.code == 0, said.err
    return files[0], files[1], folder / "store"


def test_settings_values_and_differences_stand_side_by_side(two: Two) -> None:
    first, other, store = two
    said = midspec("compare", first, other, "--store", store)
    assert said.code == 0, said.err
    assert said.out.index("few") < said.out.index("many")
    assert any(line.split() == ["demos.cheese.n", "40", "60"] for line in said.out.splitlines())
    assert "many − few" in said.out
    base = next(line for line in said.out.splitlines() if line.strip().startswith("base "))
    assert "same model" in base
    assert "aft − base" in said.out and "Comparisons within each run" in said.out
    assert "With one seed a difference is about these very models" in said.out


def test_an_experiment_file_and_its_report_are_the_same_run(two: Two) -> None:
    first, _, store = two
    report = next(
        at.parent for at in store.glob("report-*/manifest.json") if '"few"' in at.read_text()
    )
    told = json.loads(midspec("compare", first, report, "--store", store, "--json").out)
    assert [run["name"] for run in told["runs"]] == ["few (1)", "few (2)"]
    assert told["settings"] == []
    assert all(pair["same"] for pair in told["arms"])
    (table,) = told["evals"]
    for row in table["arms"]:
        one, again = row["by_run"].values()
        assert one == again and set(row["differences"].values()) == {None}


def test_json_has_what_show_has(two: Two) -> None:
    first, other, store = two
    told = json.loads(midspec("compare", first, other, "--store", store, "--json").out)
    shown = json.loads(midspec("show", other, "--store", store, "--json").out)
    rates = {row["arm"]: row["rate"] for row in shown["results"] if row["tier"] == "all"}
    (table,) = told["evals"]
    assert {row["arm"]: row["by_run"]["many"]["rate"] for row in table["arms"]} == rates


def test_a_page_is_written(two: Two, tmp_path: Path) -> None:
    first, other, store = two
    out = tmp_path / "pages" / "compared.html"
    said = midspec("compare", first, other, "--store", store, "--out", out)
    assert said.out.strip() == str(out)
    assert "few and many" in out.read_text(encoding="utf-8")
    assert str(store) not in out.read_text(encoding="utf-8")


def test_experiments_may_lie_in_stores_of_their_own(two: Two, tmp_path: Path) -> None:
    first, other, store = two
    said = midspec("compare", first, other, "--store", store, "--store", store)
    assert said.code == 0, said.err
    said = midspec("compare", first, other, "--store", store, "--store", store, "--store", store)
    refused(said, "--store is given 3 times for 2 experiment files")


def test_what_can_t_be_compared_is_refused(two: Two, tmp_path: Path) -> None:
    first, other, store = two
    refused(midspec("compare", first, "--store", store), "takes two runs or more")
    refused(midspec("compare", first, tmp_path, "--store", store), f"{tmp_path} is no run")
    said = midspec("compare", first, other, "--store", tmp_path / "empty")
    refused(said, "evaluations aren't done", "midspec run")
    assert not (tmp_path / "empty").exists()
    said = midspec("compare", first, other, "--store", store, "--json", "--out", tmp_path / "x")
    refused(said, "--json and --out are two forms")
