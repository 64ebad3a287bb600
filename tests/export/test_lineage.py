from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import pytest

from midspec.export.lineage import _license, _public, find_lineage, hub_id
from midspec.files import read_json
from tests.arms import HOSTILE, Finished


def test_a_lineage_has_every_stage_that_the_arm_rests_on(finished: Finished) -> None:
    found = find_lineage(finished.planned, "msm+aft", 0, finished.store)
    assert {stage.stage for stage in found.stages} == {
        "spec", "corpus", "demos", "replay", "midtrain", "finetune"
    }  # fmt: skip
    spec = next(stage for stage in found.stages if stage.stage == "spec")
    text = (finished.file.parent / "spec.md").read_bytes()
    assert spec.sources["spec"] == sha256(text).hexdigest()
    tuned = found.stages[-1]
    stage = finished.planned.arms["msm+aft", 0]
    assert stage and tuned.fingerprint == stage.fingerprint()
    manifest = read_json(stage.path(finished.store) / "manifest.json")
    assert tuned.summary == manifest["summary"]
    assert tuned.packages == manifest["packages"]
    assert tuned.config["loop"]["learning_rate"] == 0.01


def test_scores_of_the_arm_stand_beside_the_base_model_s(finished: Finished) -> None:
    found = find_lineage(finished.planned, "msm+aft", 0, finished.store)
    (first, *_) = found.scores
    stage = finished.planned.evals["msm+aft", "preference/items.jsonl", 0]
    manifest = read_json(stage.path(finished.store) / "manifest.json")
    assert first.eval == "preference/items.jsonl"
    assert first.mean == pytest.approx(manifest["summary"]["score"])
    assert first.n == manifest["summary"]["items"]
    assert first.base is not None
    assert first.low is not None and first.high is not None
    assert first.low <= first.mean <= first.high
    assert find_lineage(finished.planned, "fresh", 0, finished.store).scores == []


def test_a_stage_whose_folder_is_gone_is_told_by_its_recipe(
    finished: Finished, tmp_path: Path
) -> None:
    found = find_lineage(finished.planned, "msm+aft", 0, tmp_path)
    corpus = next(stage for stage in found.stages if stage.stage == "corpus")
    assert corpus.config["tokens"] == 1500
    assert (corpus.summary, corpus.packages) == ({}, {})


def test_no_path_of_this_machine_is_in_it(finished: Finished) -> None:
    for arm in ("msm+aft", HOSTILE):
        text = str(asdict(find_lineage(finished.planned, arm, 0, finished.store)))
        assert str(finished.file.parent) not in text
        assert str(finished.model.parent) not in text
    assert _public("preference//home/me/items.jsonl") == "preference/items.jsonl"
    assert _public("perplexity") == "perplexity"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("smollm2-135m", "HuggingFaceTB/SmolLM2-135M-Instruct"),
        ("owner/name-1.5B_x", "owner/name-1.5B_x"),
        ("/home/me/owner/name", ""),
        ("name", ""),
    ],
)
def test_only_a_hub_id_is_one(model: str, expected: str) -> None:
    assert hub_id(model) == expected


def test_a_folder_that_looks_like_a_hub_id_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert hub_id("owner/name") == ""


def test_a_base_model_s_own_card_tells_its_licence(tmp_path: Path) -> None:
    assert _license(tmp_path) == ""
    (tmp_path / "README.md").write_text("---\ntags: [a]\nlicense: llama3.1\n---\nlicense: mit\n")
    assert _license(tmp_path) == "llama3.1"
    (tmp_path / "README.md").write_text("license: mit\n")
    assert _license(tmp_path) == ""
