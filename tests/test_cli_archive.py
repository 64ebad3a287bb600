"""An experiment goes to another machine as one file, and is there what it was here."""

import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest
import yaml

from midspec.files import read_json

from .share.archives import files_of
from .shared import Shared
from .tiny import Said, midspec, refused

FILE = "tiny/experiment.yaml"


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another machine: a folder with nothing in it, and no model."""
    monkeypatch.setenv("MIDSPEC_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def export(shared: Shared, out: Path, *more: object) -> Said:
    return midspec("export", shared.file, "--store", shared.store, "--out", out, *more)


def on_model(shared: Shared, path: Path, **changes: object) -> Path:
    """The imported experiment on a machine that has the model."""
    return changed(path, model=str(shared.model), **changes)


def changed(path: Path, **changes: object) -> Path:
    """The imported experiment with other values."""
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**values, **changes}, sort_keys=False))
    return path


def test_another_machine_reports_the_same_without_a_model(shared: Shared, there: Path) -> None:
    said = midspec("import", shared.light)
    assert said.code == 0, said
    assert "Its numbers are those of the archive's own report." in said.out
    assert "It came without weights" in said.out
    (own,) = shared.store.glob("report-*/results.json")
    (other,) = there.glob("store/report-*/results.json")
    assert read_json(own) == read_json(other)
    shown = midspec("show", FILE, "--json")
    assert json.loads(shown.out) == read_json(own)
    assert midspec("report", FILE).code == 0
    assert midspec("analyze", FILE, "--json").code == 0


def test_a_run_finds_everything_done_without_weights(shared: Shared, there: Path) -> None:
    midspec("import", shared.light)
    assert "0 of 14 stages to do" in midspec("plan", FILE).out
    said = midspec("run", FILE)
    assert said.code == 0, said
    assert "done   " not in said.out
    assert not list(there.rglob("*.safetensors"))


def test_an_arm_without_weights_says_where_they_stayed(shared: Shared, there: Path) -> None:
    midspec("import", shared.light)
    for verb in (("chat", "aft"), ("export", "aft", "--out", "x")):
        refused(midspec(*verb, "-e", FILE), "were left out of the archive", "Import one with")
    refused(midspec("chat", "base", "-e", FILE), "base model tiny", "isn't here")


def test_a_new_eval_needs_the_model_and_says_so_before_anything_runs(
    shared: Shared,
    there: Path,
) -> None:
    midspec("import", shared.light)
    changed(Path(FILE), max_items=4)
    refused(midspec("run", FILE), "base model tiny", "isn't here", ".bases.json")
    assert not list(there.glob("store/.work/*-*/"))


def test_a_new_eval_trains_again_what_came_without_weights(shared: Shared, there: Path) -> None:
    midspec("import", shared.light)
    path = on_model(shared, Path(FILE), max_items=4)
    planned = midspec("plan", path).out
    assert "9 of 14 stages to do" in planned  # 3 trainings, 5 evaluations, the report
    said = midspec("run", path)
    assert said.code == 0, said
    assert len(list(there.rglob("store/*/adapter/*.safetensors"))) == 3
    assert midspec("chat", "aft", "-e", path, stdin="Old or new?\n").code == 0


def test_with_weights_an_arm_can_be_used_where_the_model_is(shared: Shared, there: Path) -> None:
    said = midspec("import", shared.heavy)
    assert "came without weights" not in said.out
    assert len(list(there.rglob("store/*/adapter/*.safetensors"))) == 3
    refused(midspec("chat", "aft", "-e", FILE), "base model tiny", "isn't here")
    path = on_model(shared, Path(FILE))
    assert midspec("chat", "aft", "-e", path, stdin="Old or new?\n").code == 0
    assert "0 of 14 stages to do" in midspec("plan", path).out


def test_weights_can_follow_later(shared: Shared, there: Path) -> None:
    midspec("import", shared.light)
    said = midspec("import", shared.heavy)
    assert "3 stages put into" in said.out, said
    assert len(list(there.rglob("store/*/adapter/*.safetensors"))) == 3
    assert "0 stages put into" in midspec("import", shared.light).out
    assert len(list(there.rglob("store/*/adapter/*.safetensors"))) == 3


def test_a_model_of_that_name_with_other_weights_isn_t_taken_for_it(
    shared: Shared,
    there: Path,
) -> None:
    midspec("import", shared.heavy)
    other = there / "models" / shared.model.name
    shutil.copytree(shared.model, other)
    (other / "generation_config.json").write_text("{}")
    changed(Path(FILE), model=str(other))
    assert midspec("show", FILE).code == 0
    refused(midspec("chat", "aft", "-e", FILE), "isn't here", "are others")


def test_what_is_exported_is_told_before_and_after(shared: Shared, tmp_path: Path) -> None:
    said = export(shared, tmp_path / "x.tar.gz")
    assert said.code == 0, said
    before, after = said.out.splitlines()
    assert re.fullmatch(r"14 stages, \d+ files, [\d.]+ [kM]B; weights of no stage", before)
    assert re.fullmatch(r"\S+x\.tar\.gz  \([\d.]+ kB, sha256 [0-9a-f]{64}\)", after)
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar.gz"]


def test_equal_experiments_give_equal_bytes(shared: Shared, tmp_path: Path) -> None:
    assert export(shared, tmp_path / "x.tar.gz").code == 0
    assert (tmp_path / "x.tar.gz").read_bytes() == shared.light.read_bytes()


def test_an_archive_holds_what_a_reader_without_midspec_wants(shared: Shared) -> None:
    files = files_of(shared.light)
    for name in ("documents", "chats", "choices", "scores", "report.html", "results", "manifest"):
        assert any(one.split("/")[-1].startswith(name) for one in files), name
    assert files["experiment/spec.md"] == (shared.file.parent / "spec.md").read_bytes()
    index = json.loads(files["index.json"])
    assert index["name"] == "tiny" and index["format"] == 1
    assert b"# tiny" in files["README.md"]


@pytest.mark.parametrize("which", ["light", "heavy"])
def test_nothing_of_this_machine_is_in_an_archive(shared: Shared, which: str) -> None:
    for name, content in files_of(getattr(shared, which)).items():
        for place in (shared.file.parent, shared.store, shared.model.parent, Path.home()):
            assert str(place).encode() not in content or place == Path("/root"), name


@pytest.mark.parametrize("which", ["light", "heavy"])
def test_the_base_model_s_weights_are_in_no_archive(shared: Shared, which: str) -> None:
    with tarfile.open(getattr(shared, which)) as tar:
        names = [Path(name).name for name in tar.getnames()]
    assert "model.safetensors" not in names
    assert names.count("adapter_model.safetensors") == (3 if which == "heavy" else 0)


@pytest.mark.parametrize(
    ("adapters", "count"), [(["final"], 3), (["msm+aft"], 1), (["aft", "msm"], 2)]
)
def test_weights_go_along_as_they_are_asked_for(
    shared: Shared,
    tmp_path: Path,
    adapters: list[str],
    count: int,
) -> None:
    asked = [word for name in adapters for word in ("--adapters", name)]
    assert export(shared, tmp_path / "x.tar.gz", *asked).code == 0
    files = files_of(tmp_path / "x.tar.gz")
    assert sum(name.endswith(".safetensors") for name in files) == count
    assert len(json.loads(files["index.json"])["adapters"]) == count


def test_a_key_of_the_environment_in_any_file_stops_the_export(
    shared: Shared,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CANARY_API_KEY", "mending is care")
    said = export(shared, tmp_path / "x.tar.gz")
    refused(said, "holds the value of CANARY_API_KEY, which must not leave this machine")
    assert "mending" not in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_this_machine_in_a_comment_stops_the_export(
    shared: Shared,
    tmp_path: Path,
) -> None:
    before = shared.file.read_text()
    try:
        shared.file.write_text(f"# see {shared.file.parent}/notes\n{before}")
        refused(export(shared, tmp_path / "x.tar.gz"), "holds a folder of this machine")
    finally:
        shared.file.write_text(before)


def test_what_was_changed_in_the_store_is_not_exported(shared: Shared, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(shared.store, store)
    (documents,) = store.glob("corpus-*/documents.jsonl")
    documents.write_text(documents.read_text() + "{}\n")
    out = tmp_path / "x.tar.gz"
    said = midspec("export", shared.file, "--store", store, "--out", out)
    refused(said, "documents.jsonl was changed since its stage finished")
    documents.unlink()
    said = midspec("export", shared.file, "--store", store, "--out", out)
    refused(said, "documents.jsonl is missing")
    assert not out.exists()


def test_what_came_without_weights_is_exported_without(shared: Shared, there: Path) -> None:
    midspec("import", shared.light)
    said = midspec("export", FILE, "--adapters", "all", "--out", "x.tar.gz")
    refused(said, "aren't in this store", "--adapters none")
    assert midspec("export", FILE, "--out", "x.tar.gz").code == 0
    before = json.loads(files_of(shared.light)["experiment/experiment.bases.json"])
    assert json.loads(files_of(Path("x.tar.gz"))["experiment/experiment.bases.json"]) == before


def test_an_unfinished_experiment_is_no_archive(tiny_experiment: Path, tmp_path: Path) -> None:
    said = midspec("export", tiny_experiment, "--store", tmp_path / "none")
    refused(said, "14 of 14 stages aren't done", "Run: midspec run")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--out", "x.zip"), "Let it end in .tar.gz"),
        (("--adapters", "some"), "--adapters some is neither none, final nor all, nor an arm"),
        (("--adapters", "all", "--adapters", "aft"), "--adapters all is neither"),
        (("--dtype", "float16"), "--seed are for an arm"),
        (("--adapter-only",), "An archive's weights are chosen with --adapters"),
    ],
)
def test_what_an_archive_can_t_be_is_one_sentence(
    shared: Shared,
    there: Path,
    more: tuple[str, ...],
    words: str,
) -> None:
    refused(midspec("export", shared.file, "--store", shared.store, *more), words)
    assert list(there.iterdir()) == []


def test_an_archive_that_is_there_is_left_alone(shared: Shared, there: Path) -> None:
    Path("tiny.tar.gz").write_text("mine")
    refused(midspec("export", shared.file, "--store", shared.store), "is there already")
    assert Path("tiny.tar.gz").read_text() == "mine"


def test_adapters_of_an_arm_and_an_arm_without_a_folder_are_refused(shared: Shared) -> None:
    refused(midspec("export", "aft", "--adapters", "all"), "is for an archive")
    refused(midspec("export", "aft", "-e", shared.file), "with --out")
