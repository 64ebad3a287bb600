import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from midspec.config import load_experiment
from midspec.errors import ConfigError
from tests import tiny
from tests.tiny import midspec, refused

EVAL = "preference/items.jsonl"
ARMS = ["base:tiny", "msm:tiny", "msm+aft:tiny", "base:other", "msm:other", "msm+aft:other"]


@dataclass(frozen=True)
class Run:
    """A grid of two models that was run."""

    file: Path
    store: Path

    def results(self) -> dict[str, Any]:
        (folder,) = self.store.glob("report-*")
        found: dict[str, Any] = json.loads((folder / "results.json").read_text())
        return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Run:
    """Two models, the second a copy of the first with one more file, and a dose of documents."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(tiny_model, folder / "other")
    (folder / "other" / "NOTE.md").write_text("Another one.")
    file = tiny.make_experiment(folder / "experiment", tiny_model)
    values = tiny.experiment(tiny_model)
    del values["arms"]
    values["grid"] = {
        "msm": ["none", "old"],
        "aft": ["none", "cheese"],
        "with": ["chat"],
        "dose": {"msm": 2050, "aft": 20},
        "model": [str(tiny_model), "../other"],
        "exclude": [{"msm": "none", "aft": "cheese"}],
    }
    values["corpora"]["old"]["tokens"] = 3000
    for step in ("midtrain", "finetune"):
        values[step] |= {"tokens_per_step": 60, "epochs": 2}
    values["contrasts"] = [
        {"eval": EVAL, "arm": "msm+aft:tiny", "against": ["base:tiny"]},
        {"eval": EVAL, "arm": "msm+aft:other", "against": ["base:other", "msm+aft:tiny"]},
    ]
    file = tiny.write_experiment(file.parent, values)
    done = midspec("run", file, "--store", folder / "store")
    assert done.code == 0, done.err
    return Run(file, folder / "store")


def manifests(run: Run, stage: str) -> list[dict[str, Any]]:
    return [json.loads((f / "manifest.json").read_text()) for f in run.store.glob(f"{stage}-*")]


def test_each_model_has_its_own_stages_and_what_no_model_made_is_shared(run: Run) -> None:
    names = ("corpus", "demos", "replay", "cut", "midtrain", "finetune", "choices")
    assert [len(manifests(run, name)) for name in names] == [1, 1, 2, 2, 2, 2, 6]
    titles = sorted(one["title"] for one in manifests(run, "midtrain"))
    assert titles == ["midtrain old@2050 on other", "midtrain old@2050 on tiny"]
    assert {one["config"]["model"] for one in manifests(run, "finetune")} == {"tiny", "other"}


def test_a_dose_is_what_was_trained_on(run: Run) -> None:
    for cut, trained in zip(manifests(run, "cut"), manifests(run, "midtrain"), strict=True):
        assert 1_950 < cut["summary"]["tokens"] < 2_150
        assert cut["summary"]["set_aside"] > 0
        assert trained["summary"]["tokens"] >= 2 * cut["summary"]["tokens"]  # padding counts


def test_the_report_tells_the_arms_of_all_models(run: Run) -> None:
    found = run.results()
    assert list(dict.fromkeys(row["arm"] for row in found["results"])) == ARMS
    contrasts = {(row["arm"], row["against"]) for row in found["contrasts"] if row["tier"] == "all"}
    assert ("msm+aft:other", "msm+aft:tiny") in contrasts
    # Two copies of one model trained alike answer alike, though they are two.
    rates = {row["arm"]: row["rate"] for row in found["results"] if row["tier"] == "all"}
    assert rates["base:other"] == rates["base:tiny"]


def test_an_arm_is_talked_to_and_exported_on_its_own_model(run: Run, tmp_path: Path) -> None:
    told = midspec("chat", "base:other", "-e", run.file, "--store", run.store, stdin="Old?\n")
    assert told.code == 0, told.err
    where = ("-e", run.file, "--store", run.store)
    done = midspec("export", "msm:other", "--out", tmp_path / "out", "--adapter-only", *where)
    assert done.code == 0, done.err
    lineage = json.loads((tmp_path / "out" / "lineage.json").read_text())
    assert lineage["base"]["name"] == "other"
    assert {one["eval"] for one in lineage["scores"]} == {EVAL}
    assert all(one["base"] is not None for one in lineage["scores"])
    refused(midspec("export", "base:other", "--out", tmp_path / "no", *where), "those of other")


def test_a_plan_tells_a_model_that_is_not_there_yet(run: Run) -> None:
    text = run.file.read_text().replace("../other", "Some/Model-1B")
    path = run.file.with_name("missing.yaml")
    path.write_text(text.replace(":other", ":Model-1B"))
    told = midspec("plan", path, "--store", run.store)
    assert "The model Some/Model-1B isn't here yet" in told.out
    assert "6 arms, 1 seed: 6 evaluations" in told.out


@pytest.mark.parametrize(
    ("arm", "words"),
    [
        ([{"midtrain": "old"}, {"model": "Some/Model"}], "model must be an arm's first step"),
        ([{"model": "Some/Model", "rank": 5}], "a model trains nothing, so it takes no rank"),
        ([{"midtrain": "old/reasoning"}], "old is a corpus and has no reasoning"),
        ([{"midtrain": "old@0"}], "0 tokens of old are wanted, which is to have 1,500"),
        ([{"midtrain": ["old", "old@900"]}], "step 1: old is listed twice. List it once"),
        ([{"midtrain": "young@5"}], "names the corpus 'young', which is not defined"),
    ],
)
def test_a_step_that_can_t_be_meant_is_one_sentence(
    tiny_experiment: Path, tiny_model: Path, arm: list[Any], words: str
) -> None:
    values = tiny.experiment(tiny_model) | {"arms": {"one": arm}, "contrasts": []}
    with pytest.raises(ConfigError, match=words):
        load_experiment(tiny.write_experiment(tiny_experiment.parent, values))
