"""What the kill benchmark compares: everything but what a clock writes."""

import json
from pathlib import Path
from typing import Any

from benchmarks.kills import Place, differences, report_without_times

PAGE = (
    '<li>{whole}</li><section id="training"><tr><td>40</td><td>{loss}</td>'
    '<td>{time}</td><td>{speed}</td>\n</tr></section><section id="reproduce">'
    "<p>All stages together took {whole}, also those</p>"
)


def page(**changes: str) -> str:
    return PAGE.format(**{"whole": "14 s", "loss": "2.00", "time": "3 s", "speed": "99", **changes})


def place(folder: Path, loss: float = 2.0, seconds: float = 14.0, **files: str) -> Place:
    """A store with a training and a report, as a run would have left it."""
    rows = {
        "midtrain-1/steps.jsonl": json.dumps({"step": 0, "loss": loss, "seconds": seconds}),
        "report-1/report.html": page(whole=f"{seconds:.0f} s", time=f"{seconds / 2:.0f} s"),
        "report-1/results.json": json.dumps({"rate": 0.5, "seconds": seconds}),
    }
    for name in ("midtrain-1", "report-1"):
        manifest: dict[str, Any] = {"seconds": seconds, "began": str(seconds), "commit": "a"}
        manifest |= {"outputs": {"steps.jsonl": str(seconds)}, "summary": {"seconds": seconds}}
        rows[f"{name}/manifest.json"] = json.dumps(manifest)
    for name, text in {**rows, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return Place(folder / "experiment.yaml", folder, 0.0)


def test_times_may_differ(tmp_path: Path) -> None:
    assert differences(place(tmp_path / "a"), place(tmp_path / "b", seconds=20.0)) == []


def test_nothing_else_may(tmp_path: Path) -> None:
    calm = place(tmp_path / "a")
    found = differences(calm, place(tmp_path / "b", loss=2.1))
    assert found == ["midtrain-1/steps.jsonl"]
    adapter = place(tmp_path / "c", **{"midtrain-1/adapter/model": "weights"})
    assert differences(calm, adapter) == ["midtrain-1/adapter/model: only in one store"]
    more = place(tmp_path / "d", **{"choices-1/manifest.json": "{}"})
    assert differences(calm, more) == ["choices-1: only in one store"]
    results = json.dumps({"rate": 0.4, "seconds": 14.0})
    found = differences(calm, place(tmp_path / "e", **{"report-1/results.json": results}))
    assert found == ["report-1/results.json"]


def test_of_a_page_the_times_of_trainings_are_left_out_and_their_losses_are_not() -> None:
    one = report_without_times(page(), "14 s")
    assert one == report_without_times(page(whole="20 s", time="5 s", speed="60"), "20 s")
    assert one != report_without_times(page(loss="2.01"), "14 s")
