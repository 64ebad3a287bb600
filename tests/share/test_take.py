"""What `midspec import` takes in, and what of a hostile or damaged archive it refuses whole."""

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from midspec.files import read_json
from midspec.run.stage import recipe_digest
from midspec.share.take import same_numbers
from tests.share.archives import Files, files_of, packed, remade, rewritten
from tests.shared import Shared
from tests.tiny import Said, midspec, refused

Edit = Callable[[Files], None]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another machine: a folder with nothing in it, and no model."""
    monkeypatch.setenv("MIDSPEC_HOME", str(tmp_path / "home"))
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    return tmp_path / "there"


def take(archive: Path, *more: object) -> Said:
    return midspec("import", archive, *more)


def nothing_was_taken(here: Path) -> None:
    assert [path.name for path in here.iterdir()] in ([], ["store"])
    left = {path.name for path in here.rglob("*")} - {"store", ".work", "store.json"}
    assert not left, left


def stage(files: Files, name: str) -> str:
    """The folder of the first stage of that name."""
    return next(n.rpartition("/")[0] for n in files if n.startswith(f"stages/{name}-"))


def told(files: Files, at: str, name: str) -> None:
    """Let the stage's manifest tell the digest that a file now has."""
    manifest = json.loads(files[f"{at}/manifest.json"])
    digest = sha256(files[f"{at}/{name}"]).hexdigest()
    outputs = {**manifest["outputs"], name: digest}
    files[f"{at}/manifest.json"] = remade(files[f"{at}/manifest.json"], outputs=outputs)


def test_a_damaged_byte_anywhere_is_one_error(here: Path, shared: Shared, tmp_path: Path) -> None:
    raw = shared.light.read_bytes()
    damaged = tmp_path / "damaged.tar.gz"
    places = [*range(12), *range(100, len(raw), len(raw) // 25), *range(len(raw) - 9, len(raw))]
    for place in places:
        damaged.write_bytes(raw[:place] + bytes([raw[place] ^ 0xFF]) + raw[place + 1 :])
        refused(take(damaged), "damaged.tar.gz")
        nothing_was_taken(here)


@pytest.mark.parametrize("name", ["index.json", "README.md", "manifest.json", "documents.jsonl"])
def test_a_file_that_isn_t_what_the_index_says_is_named(
    here: Path, shared: Shared, tmp_path: Path, name: str
) -> None:
    files = files_of(shared.light)
    found = next(one for one in files if one.endswith(name))
    files[found] = files[found].replace(b"e", b"f", 1)
    said = take(packed(tmp_path / "x.tar.gz", files))
    refused(said, "x.tar.gz" if name == "index.json" else found)
    nothing_was_taken(here)


def outputs_changed(files: Files) -> None:
    at = stage(files, "corpus")
    files[f"{at}/documents.jsonl"] += b"{}\n"


def recipe_changed(files: Files) -> None:
    at = stage(files, "corpus")
    manifest = json.loads(files[f"{at}/manifest.json"])
    config = {**manifest["config"], "tokens": 9}
    files[f"{at}/manifest.json"] = remade(files[f"{at}/manifest.json"], config=config)


def file_added(files: Files) -> None:
    files[f"{stage(files, 'corpus')}/more.jsonl"] = b"{}\n"


def file_missing(files: Files) -> None:
    del files[f"{stage(files, 'corpus')}/clauses.jsonl"]


def text_left_out(files: Files) -> None:
    at = stage(files, "corpus")
    del files[f"{at}/clauses.jsonl"]
    files[f"{at}/manifest.json"] = remade(files[f"{at}/manifest.json"], left_out=["clauses.jsonl"])


def stage_missing(files: Files) -> None:
    at = stage(files, "corpus")
    for name in [name for name in files if name.startswith(at)]:
        del files[name]


def report_missing(files: Files) -> None:
    at = stage(files, "report")
    for name in [name for name in files if name.startswith(at)]:
        del files[name]


def manifest_is_a_list(files: Files) -> None:
    files[f"{stage(files, 'corpus')}/manifest.json"] = b"[]"


def manifest_without_summary(files: Files) -> None:
    at = f"{stage(files, 'corpus')}/manifest.json"
    manifest = json.loads(files[at])
    del manifest["summary"]
    files[at] = json.dumps(manifest).encode()


def experiment_reads_a_file_of_mine(files: Files) -> None:
    at = "experiment/experiment.yaml"
    files[at] = files[at].replace(b"spec.md", b"/etc/passwd")


def experiment_is_no_yaml(files: Files) -> None:
    files["experiment/experiment.yaml"] = b"a: [b"


def adapter_names_code(files: Files) -> None:
    at = stage(files, "midtrain")
    config = json.loads(files[f"{at}/adapter/adapter_config.json"])
    config |= {"megatron_config": {"a": 1}, "megatron_core": "antigravity"}
    files[f"{at}/adapter/adapter_config.json"] = json.dumps(config).encode()
    told(files, at, "adapter/adapter_config.json")


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (outputs_changed, "isn't what its manifest says: documents.jsonl is other"),
        (recipe_changed, "was made by another recipe than its name says"),
        (file_added, "isn't what its manifest says: more.jsonl"),
        (file_missing, "isn't what its manifest says: clauses.jsonl"),
        (text_left_out, "lacks files that are no weights"),
        (stage_missing, "which isn't there"),
        (report_missing, "has no report"),
        (manifest_is_a_list, "the manifest of the stage corpus-"),
        (manifest_without_summary, "can't be read (summary)"),
        (experiment_reads_a_file_of_mine, "names '/etc/passwd', a place outside of it"),
        (experiment_is_no_yaml, "isn't valid YAML"),
        (adapter_names_code, "is of no adapter that midspec trains"),
    ],
)
def test_an_archive_that_isn_t_what_it_says_is_refused_whole(
    here: Path, shared: Shared, tmp_path: Path, edit: Edit, words: str
) -> None:
    refused(take(rewritten(shared.light, tmp_path / "x.tar.gz", edit)), words)
    nothing_was_taken(here)


@pytest.mark.parametrize(
    "name", ["../../evil.md", "/tmp/evil.md", "stages/../../evil.jsonl", "experiment/.bashrc"]
)
def test_no_name_leads_out_of_the_archive(
    here: Path, shared: Shared, tmp_path: Path, name: str
) -> None:
    made = rewritten(shared.light, tmp_path / "x.tar.gz", lambda files: files.update({name: b"x"}))
    refused(take(made), "so nothing of it is taken")
    nothing_was_taken(here)
    assert not list(tmp_path.rglob("*evil*"))


def test_more_files_than_the_index_names_are_refused(
    here: Path, shared: Shared, tmp_path: Path
) -> None:
    made = packed(tmp_path / "x.tar.gz", {**files_of(shared.light), "more.md": b"x"})
    refused(take(made), "holds more files than its index says")
    nothing_was_taken(here)


def test_another_order_than_the_index_s_is_refused(
    here: Path, shared: Shared, tmp_path: Path
) -> None:
    files = files_of(shared.light)
    readme = files.pop("README.md")
    refused(take(packed(tmp_path / "x.tar.gz", {**files, "README.md": readme})), "README.md isn't")
    nothing_was_taken(here)


def test_what_doesn_t_begin_with_an_index_is_refused(
    here: Path, shared: Shared, tmp_path: Path
) -> None:
    files = files_of(shared.light)
    made = packed(tmp_path / "x.tar.gz", dict(reversed(files.items())))
    refused(take(made), "doesn't begin with an index")


def huge(index: dict[str, Any]) -> None:
    index["files"]["README.md"]["bytes"] = 10**15


def test_a_size_that_is_declared_too_large_is_refused_before_it_is_unpacked(
    here: Path, shared: Shared, tmp_path: Path
) -> None:
    made = rewritten(shared.light, tmp_path / "x.tar.gz", index=huge)
    refused(take(made), "unpacks to 1,000,000.0 GB, more than 20.0", "--max-gb")
    refused(take(made, "--max-gb", 1e9), "has room for")
    refused(take(shared.light, "--max-gb", 0.00001), "more than 0.0")
    nothing_was_taken(here)


def small(index: dict[str, Any]) -> None:
    index["files"]["README.md"]["bytes"] = 1


def test_a_file_longer_than_declared_is_not_written(
    here: Path, shared: Shared, tmp_path: Path
) -> None:
    made = rewritten(shared.light, tmp_path / "x.tar.gz", index=small)
    refused(take(made), "README.md isn't where it should be")
    nothing_was_taken(here)


def test_a_page_of_the_archive_never_gets_into_the_store(
    here: Path, shared: Shared, tmp_path: Path
) -> None:
    """Whoever made the archive could have written any script into its report."""

    def edit(files: Files) -> None:
        at = stage(files, "report")
        files[f"{at}/report.html"] = b"<script>alert(1)</script>"
        told(files, at, "report.html")

    said = take(rewritten(shared.light, tmp_path / "x.tar.gz", edit))
    assert said.code == 0, said
    (page,) = (here / "store").glob("report-*/report.html")
    assert b"alert(1)" not in page.read_bytes()


def test_a_report_that_tells_other_numbers_than_its_scores_is_said_to(
    here: Path, shared: Shared, tmp_path: Path
) -> None:
    def edit(files: Files) -> None:
        at = stage(files, "report")
        found = json.loads(files[f"{at}/results.json"])
        found["results"][0]["rate"] = 0.999
        files[f"{at}/results.json"] = json.dumps(found).encode()
        told(files, at, "results.json")

    said = take(rewritten(shared.light, tmp_path / "x.tar.gz", edit))
    refused(said, "tells other numbers than its scores give")


def test_a_store_that_has_the_stages_keeps_its_own(
    here: Path, shared: Shared, tmp_path: Path
) -> None:
    shutil.copytree(shared.store, here / "store")
    before = {path: path.stat().st_mtime_ns for path in (here / "store").glob("*/manifest.json")}
    said = take(shared.light)
    assert said.code == 0, said
    assert "0 stages put into" in said.out and "13 were there" in said.out
    after = {path: path.stat().st_mtime_ns for path in (here / "store").glob("*/manifest.json")}
    assert after == before


def test_a_stage_that_holds_something_else_is_a_conflict_before_anything_is_put_there(
    here: Path, shared: Shared
) -> None:
    own = next(path for path in shared.store.glob("corpus-*"))
    shutil.copytree(own, here / "store" / own.name)
    manifest = here / "store" / own.name / "manifest.json"
    outputs = {**read_json(manifest)["outputs"], "documents.jsonl": "0" * 64}
    manifest.write_bytes(remade(manifest.read_bytes(), outputs=outputs))
    refused(take(shared.light), "made by the same recipe", "holds something else", "--store")
    assert [path.name for path in (here / "store").glob("*-*")] == [own.name]
    assert not (here / "tiny").exists()


def test_a_folder_that_holds_something_else_is_left_alone(here: Path, shared: Shared) -> None:
    (here / "tiny").mkdir()
    (here / "tiny" / "mine.txt").write_text("mine")
    refused(take(shared.light), "holds something else than this experiment", "--out")
    assert [path.name for path in (here / "store").glob("*-*")] == []
    assert take(shared.light, "--out", "elsewhere").code == 0
    assert take(shared.light, "--out", "elsewhere").code == 0


def test_a_store_at_a_url_is_refused(here: Path, shared: Shared) -> None:
    refused(take(shared.light, "--store", "memory://x"), "imported into a folder")


def test_every_stage_bears_the_name_that_its_recipe_gives_it(shared: Shared) -> None:
    for folder in shared.store.glob("*-*"):
        manifest = read_json(folder / "manifest.json")
        assert folder.name == f"{manifest['stage']}-{recipe_digest(manifest)[:12]}"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": [1.0, {"b": 0.3}]}, {"a": [1.0, {"b": 0.1 + 0.2}]}, True),
        ({"a": float("nan")}, {"a": float("nan")}, True),
        ({"a": 1.0}, {"a": 1.001}, False),
        ({"a": 1}, {"b": 1}, False),
        ([1], [1, 2], False),
        ("x", "y", False),
        (None, 0.0, False),
    ],
)
def test_numbers_are_the_same_but_for_their_last_digits(one: Any, other: Any, same: bool) -> None:
    assert same_numbers(one, other) is same


def test_what_a_killed_import_left_is_no_stage(here: Path, shared: Shared) -> None:
    (here / "store" / ".work" / "import-abc").mkdir(parents=True)
    assert take(shared.light).code == 0
    assert not list((here / "store" / ".work").glob("import-[!a]*"))


def test_an_experiment_that_names_code_isn_t_planned(
    here: Path, shared: Shared, tmp_path: Path
) -> None:
    def edit(files: Files) -> None:
        files["experiment/experiment.yaml"] += b"expect: inspect/antigravity:task\n"

    said = take(rewritten(shared.light, tmp_path / "x.tar.gz", edit))
    assert said.code == 0, said
    assert "inspect/antigravity:task, which is Python that this machine has" in said.out
    assert not list((here / "store").glob("report-*"))


def test_stages_that_this_version_plans_otherwise_are_said_to_be(
    here: Path, shared: Shared, tmp_path: Path
) -> None:
    def edit(files: Files) -> None:
        files["experiment/experiment.yaml"] += b"max_items: 4\n"

    said = take(rewritten(shared.light, tmp_path / "x.tar.gz", edit))
    assert said.code == 0, said
    assert "This midspec plans 5 stages that the archive has otherwise" in said.out
    assert "Report from it with midspec 0." in said.out


def test_a_report_of_another_version_may_tell_other_numbers(
    here: Path, shared: Shared, tmp_path: Path
) -> None:
    other = ""

    def edit(files: Files) -> None:
        nonlocal other
        at = stage(files, "report")
        found = json.loads(files[f"{at}/results.json"])
        found["results"][0]["rate"] = 0.999
        files[f"{at}/results.json"] = json.dumps(found).encode()
        told(files, at, "results.json")
        manifest = json.loads(files[f"{at}/manifest.json"])
        manifest["version"] -= 1
        files[f"{at}/manifest.json"] = json.dumps(manifest).encode()
        other = f"report-{recipe_digest(manifest)[:12]}"
        for name in [name for name in files if name.startswith(at)]:
            files[name.replace(at, f"stages/{other}")] = files.pop(name)

    made = rewritten(
        shared.light, tmp_path / "x.tar.gz", edit, lambda index: index.update(report=other)
    )
    said = take(made)
    assert said.code == 0, said
    assert "This midspec reports otherwise than midspec" in said.out
