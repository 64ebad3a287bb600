"""What a user can mend is one sentence and exit code 2, without a traceback."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from . import tiny
from .tiny import midspec, refused

Change = Callable[[Callable[[dict[str, Any]], None]], Path]


@pytest.mark.parametrize("verb", ["run", "plan", "report", "show"])
def test_a_missing_experiment_is_one_sentence(verb: str, tmp_path: Path) -> None:
    refused(midspec(verb, tmp_path / "gone.yaml"), "gone.yaml does not exist")


def test_an_unknown_key_is_one_sentence(changed: Change) -> None:
    path = changed(lambda values: values.update(seed=[0]))
    said = midspec("run", path)
    refused(said, "seed is not a known key", "did you mean 'seeds'?")
    assert len(said.err.splitlines()) == 1


def test_an_unknown_model_is_one_sentence(changed: Change) -> None:
    path = changed(lambda values: values.update(model="smollm3"))
    refused(midspec("plan", path), "model 'smollm3' is unknown")


def test_a_default_model_that_is_not_here_says_how_to_fetch_it(
    changed: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIDSPEC_HOME", str(tmp_path / "home"))
    path = changed(lambda values: values.pop("model"))
    refused(midspec("plan", path), "Run: midspec model get smollm2-135m")


def test_a_model_folder_is_found_beside_the_experiment(
    changed: Change, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = changed(lambda values: values.update(model="./model"))
    shutil.copytree(tiny_model, path.parent / "model")
    monkeypatch.chdir(tmp_path)
    assert midspec("plan", path, "--store", tmp_path / "store").code == 0


def test_chat_with_an_unknown_arm_names_the_arms(tiny_experiment: Path) -> None:
    said = midspec("chat", "msn", "-e", tiny_experiment)
    refused(said, "no arm 'msn'", "base, aft, msm, msm+aft, reference")


def test_chat_with_an_unknown_seed_names_the_seeds(tiny_experiment: Path) -> None:
    said = midspec("chat", "msm", "-e", tiny_experiment, "--seed", 9)
    refused(said, "no seed 9", "[0]")


@pytest.mark.parametrize("arm", ["msm", "reference"])
def test_chat_before_the_run_is_one_sentence(
    tiny_experiment: Path, tmp_path: Path, arm: str
) -> None:
    said = midspec("chat", arm, "-e", tiny_experiment, "--store", tmp_path / "store", stdin="x\n")
    refused(said, arm, "Run the experiment")


@pytest.mark.parametrize(
    ("verb", "words"), [("show", "no results yet"), ("report", "5 of 5 evaluations aren't done")]
)
def test_results_before_the_run_are_one_sentence(
    tiny_experiment: Path, tmp_path: Path, verb: str, words: str
) -> None:
    refused(midspec(verb, tiny_experiment, "--store", tmp_path / "store"), words, "midspec run")


def test_why_of_a_folder_that_is_no_stage_is_one_sentence(tmp_path: Path) -> None:
    refused(midspec("why", tmp_path, tmp_path), "manifest.json is missing")


def test_an_unknown_source_of_a_model_is_one_sentence() -> None:
    refused(midspec("model", "get", "--source", "ftp"), "--source ftp", "auto, hub or wheel")


def test_model_get_prints_the_folder(tiny_model: Path) -> None:
    assert midspec("model", "get", tiny_model).out.strip() == str(tiny_model)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no items"),
        (tiny.item_rows(1), "no item in its held-out half"),
        ([*tiny.item_rows(), tiny.item_rows()[0]], "'old-0' twice"),
        ([{"id": "a", "tier": "direct"}], "row 1: has id, tier; a Item has"),
    ],
)
def test_an_item_set_that_cannot_be_asked_is_refused_before_training(
    tiny_experiment: Path, tmp_path: Path, rows: list[dict[str, str]], words: str
) -> None:
    tiny.write_jsonl(tiny_experiment.parent / "items.jsonl", rows)
    store = tmp_path / "store"
    refused(midspec("run", tiny_experiment, "--store", store), "items.jsonl", words)
    assert not list(store.glob("midtrain-*"))
