"""A stage whose weights an archive left out is done until something is to compute with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from midspec.errors import ModelError, StoreError
from midspec.files import read_json, write_json
from midspec.resources import Resources
from midspec.run.build import build, check_models, open_store, raise_failures, run, wanted_again
from midspec.run.pools import Inline
from midspec.run.stage import MANIFEST, Source, Stage, Summary, left_out, verify

WEIGHTS = "adapter.safetensors"


@dataclass(frozen=True)
class Config:
    text: str
    diary: str


def write(config: Config, text: str) -> Summary:
    with open(config.diary, "a") as diary:
        diary.write(f"{config.text}\n")
    return {"text": text}


def train(config: Config, inputs: Mapping[str, Path], out: Path) -> Summary:
    before = (inputs["before"] / WEIGHTS).read_text() if "before" in inputs else ""
    (out / WEIGHTS).write_text(before + config.text)
    (out / "steps.jsonl").write_text("{}\n")
    return write(config, config.text)


def score(config: Config, inputs: Mapping[str, Path], out: Path) -> Summary:
    return write(config, (inputs["trained"] / WEIGHTS).read_text())


def report(config: Config, inputs: Mapping[str, Path], out: Path) -> Summary:
    return write(config, str([read_json(folder / MANIFEST)["stage"] for folder in inputs.values()]))


@dataclass(frozen=True)
class Chain:
    """Two trainings, a score of the second, and a report on all of it."""

    first: Stage
    second: Stage
    scored: Stage
    report: Stage


def chain(diary: Path, asks: str = "score") -> Chain:
    heavy = Resources()
    first = Stage("first", train, Config("a", str(diary)), resources=heavy)
    second = Stage("second", train, Config("b", str(diary)), {"before": first}, resources=heavy)
    scored = Stage("scored", score, Config(asks, str(diary)), {"trained": second}, resources=heavy)
    told = {"first": first, "second": second, "scored": scored}
    return Chain(first, second, scored, Stage("report", report, Config(asks, str(diary)), told))


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary.txt"


@pytest.fixture
def store(tmp_path: Path, diary: Path) -> Path:
    """A store in which the chain is done, and both trainings lack their weights."""
    root, made = open_store(tmp_path / "store"), chain(diary)
    raise_failures(run([made.report], root, Inline()), root)
    for stage in (made.first, made.second):
        manifest = stage.path(root) / MANIFEST
        write_json(manifest, {**read_json(manifest), "left_out": [WEIGHTS]})
        (stage.path(root) / WEIGHTS).unlink()
    diary.write_text("")
    return root


def ran(diary: Path) -> list[str]:
    return diary.read_text().split()


def test_what_is_done_needs_no_weights(store: Path, diary: Path) -> None:
    made = chain(diary)
    assert left_out(made.first.path(store)) == [WEIGHTS]
    assert wanted_again([made.report], store) == set()
    assert run([made.report], store, Inline()) == []
    assert ran(diary) == []


def test_what_computes_with_no_weights_is_built_without(store: Path, diary: Path) -> None:
    made = chain(diary)
    (made.report.path(store) / MANIFEST).unlink()
    made.report.path(store).rmdir()
    assert run([made.report], store, Inline()) == []
    assert ran(diary) == ["score"]  # the report, whose text that is


def test_a_new_score_trains_again_what_it_rests_on_and_no_more(store: Path, diary: Path) -> None:
    made = chain(diary, asks="more")
    assert wanted_again([made.report], store) == {
        made.first.fingerprint(),
        made.second.fingerprint(),
    }
    assert run([made.report], store, Inline()) == []
    assert ran(diary) == ["a", "b", "more", "more"]
    assert (made.second.path(store) / WEIGHTS).read_text() == "ab"
    assert left_out(made.second.path(store)) == []


def test_only_weights_that_are_lacking_are_made_again(store: Path, diary: Path) -> None:
    made = chain(diary, asks="more")
    build(made.first, store)
    assert wanted_again([made.report], store) == {made.second.fingerprint()}


def test_weights_that_are_wanted_and_lacking_are_an_error(store: Path, diary: Path) -> None:
    made = chain(diary, asks="more")
    verify(made.second.path(store), with_weights=False)
    with pytest.raises(StoreError, match=r"adapter\.safetensors was left out of the archive"):
        verify(made.second.path(store))
    with pytest.raises(StoreError, match="Import one with adapters, or delete"):
        build(made.scored, store)


def test_other_files_must_be_there_all_the_same(store: Path, diary: Path) -> None:
    made = chain(diary)
    (made.second.path(store) / "steps.jsonl").unlink()
    with pytest.raises(StoreError, match=r"steps\.jsonl is missing"):
        verify(made.second.path(store), with_weights=False)


def test_a_model_that_is_needed_and_away_is_told_before_anything_runs(
    tmp_path: Path, diary: Path
) -> None:
    root = open_store(tmp_path / "other")
    base = Source("tiny", tmp_path / "none", here=False, known="a" * 64)
    stage = Stage("train", train, Config("a", str(diary)), {"base": base}, resources=Resources())
    for check in (lambda: check_models([stage], root), lambda: build(stage, root)):
        with pytest.raises(ModelError, match=r"base model tiny \(sha256 a{12}…\) isn't here, and"):
            check()
    assert not diary.exists()
