"""What a run can be named by, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest

from midspec.compare.comparison import compare
from midspec.compare.run import named_apart, read_run
from midspec.errors import ConfigError

from .runs import EVAL, write_run

VALUES = {"base": {0: [0.0, 1.0, 0.5]}, "aft": {0: [1.0, 1.0, 0.0]}}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return write_run(tmp_path / "store", "one", VALUES, wanted=[(EVAL, "aft", "base")])


def test_a_report_s_folder_its_results_and_its_store_are_the_same_run(report: Path) -> None:
    named = [read_run(path) for path in (report, report / "results.json", report.parent)]
    assert {run.label for run in named} == {"one"}
    assert all(len(run.measured) == 1 for run in named)
    assert named[0].place == f"store/{report.name}"  # no path of this machine
    assert named[0].made == "midspec 0.1.0, torch 2.13.0+cpu"


def test_results_alone_have_the_same_values_and_no_settings(report: Path, tmp_path: Path) -> None:
    alone = tmp_path / "mailed" / "results.json"
    alone.parent.mkdir()
    shutil.copyfile(report / "results.json", alone)
    whole, mailed = read_run(report), read_run(alone)
    assert mailed.label == "mailed"
    assert mailed.measured == [] and mailed.settings == {}
    assert [(r.arm, r.rate, r.low) for r in mailed.results] == [
        (r.arm, r.rate, r.low) for r in whole.results
    ]
    assert [r.difference for r in mailed.contrasts] == [r.difference for r in whole.contrasts]


def test_a_store_with_several_reports_asks_which(report: Path) -> None:
    other = write_run(report.parent, "two", VALUES)
    with pytest.raises(ConfigError) as caught:
        read_run(report.parent)
    assert "holds 2 reports" in str(caught.value)
    assert f"{report} (one)" in str(caught.value) and f"{other} (two)" in str(caught.value)


def test_what_is_no_run_is_refused(report: Path, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(json.dumps({"results": []}))
    rows = {**json.loads((report / "results.json").read_text()), "results": [{"arm": "msm"}]}
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    evaluated = next(report.parent.glob("choices-*"))
    for path, words in (
        (tmp_path / "nowhere", "is no run. Name an experiment file"),
        (tmp_path / "other.json", "is no results.json of a report"),
        (tmp_path / "rows.json", "is no results.json of a report: its results are others"),
        (evaluated, "is the folder of a choices, no report"),
    ):
        with pytest.raises(ConfigError, match=words):
            read_run(path)


def test_two_runs_of_one_name_are_told_apart(report: Path) -> None:
    runs = named_apart([read_run(report), read_run(report)])
    assert [run.label for run in runs] == ["one (1)", "one (2)"]
    found = compare(runs)
    assert all(pair.same for pair in found.between[0].pairs)
    assert not found.settings


def test_one_run_alone_is_refused(report: Path) -> None:
    with pytest.raises(ConfigError, match="takes two runs or more"):
        compare([read_run(report)])
