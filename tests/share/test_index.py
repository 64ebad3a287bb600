"""An index names what an archive may write, and nothing else."""

import json
from typing import Any

import pytest

from midspec.errors import StoreError
from midspec.share.index import Index, read_index

TOLD = {"bytes": 3, "sha256": "a" * 64}
STAGE = "stages/corpus-0123456789ab"
VALUES: dict[str, Any] = {
    "format": 1,
    "name": "tiny",
    "experiment": "experiment/tiny.yaml",
    "report": "report-0123456789ab",
    "finished": "2026-01-01T00:00:00+0000",
    "midspec": "0.1",
    "commit": None,
    "packages": {},
    "adapters": [],
    "files": {"experiment/tiny.yaml": TOLD, f"{STAGE}/manifest.json": TOLD},
}


def read(**changes: Any) -> Index:
    return read_index(json.dumps({**VALUES, **changes}).encode(), "x.tar.gz")


def with_file(name: str) -> Index:
    return read(files={**VALUES["files"], name: TOLD})


def test_an_index_is_read_as_it_was_written() -> None:
    index = read()
    assert read_index(index.text().encode(), "x.tar.gz") == index
    assert index.stages == ["corpus-0123456789ab"]
    assert index.bytes == 6
    assert list(index.below(STAGE)) == ["manifest.json"]


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "experiment/specs/a b (c).md",
        "experiment/LICENSE",
        f"{STAGE}/under/adapter-0/adapter_model.safetensors",
        f"{STAGE}/logs/answers.eval",
        "experiment/süß/日本.jsonl",
    ],
)
def test_names_of_stages_and_experiments_are_taken(name: str) -> None:
    assert name in with_file(name).files


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/passwd", "leaves the folder"),
        ("experiment/../../x.md", "leaves the folder"),
        ("experiment/./x.md", "leaves the folder"),
        ("experiment//x.md", "leaves the folder"),
        ("experiment/x.md/", "leaves the folder"),
        ("..", "leaves the folder"),
        ("", "leaves the folder"),
        ("experiment/.ssh/authorized_keys", "is hidden"),
        (f"{STAGE}/.partial.json", "is hidden"),
        ("experiment\\x.md", "some system takes for others"),
        ("experiment/C:x.md", "some system takes for others"),
        ("experiment/a\nb.md", "some system takes for others"),
        ("experiment/a\u202eb.md", "some system takes for others"),
        ("experiment/" + "x" * 300, "is too long"),
        ("experiment/" + "x/" * 600 + "y", "is too long"),
        ("x.md", "neither of the experiment nor of a stage"),
        ("store.json", "neither of the experiment nor of a stage"),
        ("experiment", "neither of the experiment nor of a stage"),
        ("stages/x.jsonl", "in no stage's folder"),
        ("stages/ledger/x.jsonl", "in no stage's folder"),
        ("stages/corpus-xyz/x.jsonl", "in no stage's folder"),
        (f"{STAGE}/model.bin", "no kind of file that a stage writes"),
        (f"{STAGE}/state.pkl", "no kind of file that a stage writes"),
        (f"{STAGE}/modeling.py", "no kind of file that a stage writes"),
        (f"{STAGE}/noending", "no kind of file that a stage writes"),
        ("experiment/run.sh", "no kind of file that an experiment names"),
    ],
)
def test_a_name_that_could_do_harm_is_refused(name: str, why: str) -> None:
    with pytest.raises(StoreError, match=why):
        with_file(name)


@pytest.mark.parametrize("twin", ["experiment/Tiny.yaml", "experiment/TINY.YAML"])
def test_names_that_one_system_takes_for_one_are_refused(twin: str) -> None:
    with pytest.raises(StoreError, match="twice"):
        with_file(twin)


def test_a_file_that_would_be_a_folder_is_refused() -> None:
    with pytest.raises(StoreError, match="below a file of that name"):
        with_file("experiment/tiny.yaml/x.md")


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {"experiment/tiny.yaml": {"bytes": -1, "sha256": "a" * 64}}},
        {"files": {"experiment/tiny.yaml": {"bytes": 1, "sha256": "no digest"}}},
        {"files": []},
        {"report": "../report"},
        {"format": "one"},
        {"packages": {"a": 1}},
    ],
)
def test_an_index_of_another_form_can_t_be_read(changes: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match=r"The index of x\.tar\.gz can't be read"):
        read(**changes)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_index_can_t_be_read(raw: bytes) -> None:
    with pytest.raises(StoreError, match=r"The index of x\.tar\.gz can't be read"):
        read_index(raw, "x.tar.gz")


def test_the_experiment_must_be_there() -> None:
    with pytest.raises(StoreError, match="doesn't hold its experiment"):
        read(experiment="experiment/other.yaml")


def test_a_newer_archive_says_who_wrote_it() -> None:
    with pytest.raises(StoreError, match=r"midspec '9\.9' in format 2.*Upgrade midspec"):
        read(format=2, midspec="9.9")
