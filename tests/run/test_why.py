from pathlib import Path

import pytest

from midspec.errors import StoreError
from midspec.run.build import build, open_store
from midspec.run.stage import Source, Stage
from midspec.run.why import differences

from .recipe import Config, work


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return open_store(tmp_path / "store")


def test_the_same_folder_has_no_differences(store: Path) -> None:
    folder = build(Stage("work", work, Config("a")), store)
    assert differences(folder, folder) == []


def test_a_difference_names_the_field_and_both_values(store: Path) -> None:
    one = build(Stage("work", work, Config("a", hold="x")), store)
    two = build(Stage("work", work, Config("b")), store)
    assert differences(one, two) == ["config.hold: 'x' against ''", "config.text: 'a' against 'b'"]


def test_versions_and_names_are_told(store: Path) -> None:
    one = build(Stage("work", work, Config("a")), store)
    two = build(Stage("play", work, Config("a"), version=2), store)
    assert differences(one, two) == ["stage: 'work' against 'play'", "version: 1 against 2"]


def test_a_difference_is_followed_to_the_input_where_it_began(store: Path) -> None:
    folders = []
    for text in "ab":
        spec = Stage("spec", work, Config(text))
        corpus = Stage("corpus", work, Config("same"), {"spec": spec})
        model = Stage("model", work, Config("same"), {"data": corpus})
        folders.append([build(stage, store) for stage in (spec, corpus, model)][-1])
    assert differences(*folders) == ["data › spec › config.text: 'a' against 'b'"]


def test_an_outside_file_and_a_missing_input_are_told_by_digest(
    store: Path, tmp_path: Path
) -> None:
    folders = []
    for name, text in (("a", "one"), ("b", "two")):
        (tmp_path / name).write_text(text)
        source = Source("file", tmp_path / name)
        folders.append(build(Stage("work", read, None, {"file": source}), store))
    bare = build(Stage("work", read, None), store)
    digests = [Source("file", tmp_path / name).fingerprint() for name in "ab"]
    assert differences(*folders) == [f"file: {digests[0]} against {digests[1]}"]
    assert differences(folders[0], bare) == [f"file: {digests[0]} against nothing"]


def read(config: None, inputs: object, out: Path) -> dict[str, object]:
    return {}


def test_a_folder_without_a_manifest_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"manifest\.json is missing"):
        differences(tmp_path, tmp_path)
