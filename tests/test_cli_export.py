"""`midspec export` from the outside: what it writes, what it refuses, and what it leaves alone."""

import json
from pathlib import Path

import pytest

from .arms import HOSTILE, Finished
from .tiny import midspec, refused


def export(finished: Finished, arm: str, out: Path, *more: object) -> tuple[object, ...]:
    return ("export", arm, "-e", finished.file, "--store", finished.store, "--out", out, *more)


def test_a_model_is_exported_with_its_card_and_lineage(finished: Finished, tmp_path: Path) -> None:
    out = tmp_path / "new" / "model"
    said = midspec(*export(finished, "msm+aft", out))
    assert said.code == 0, said
    assert f"{out}  (model in bfloat16, " in said.out
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "lineage.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert list(out.parent.iterdir()) == [out]
    lineage = json.loads((out / "lineage.json").read_text())
    assert (lineage["arm"], lineage["seed"], lineage["experiment"]) == ("msm+aft", 0, "tiny")
    mode = (out / "README.md").stat().st_mode
    assert (out / "model.safetensors").stat().st_mode == mode


@pytest.mark.parametrize("flags", [(), ("--adapter-only",)])
def test_nothing_of_this_machine_is_in_what_is_exported(
    finished: Finished, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    assert midspec(*export(finished, HOSTILE, out, *flags)).code == 0
    for file in out.rglob("*"):
        content = file.read_bytes()
        for place in (finished.file.parent, finished.store, finished.model.parent, tmp_path):
            assert str(place).encode() not in content, file


def test_an_adapter_is_exported_alone(finished: Finished, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = midspec(*export(finished, "fresh", out, "--adapter-only"))
    assert "(adapter in float32, " in said.out
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "lineage.json",
    ]
    config = json.loads((out / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == finished.model.name


def test_a_second_export_replaces_the_first_whole(finished: Finished, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert midspec(*export(finished, "msm+aft", out)).code == 0
    assert midspec(*export(finished, "fresh", out, "--adapter-only")).code == 0
    assert not (out / "model.safetensors").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_holds_something_else_is_left_alone(
    finished: Finished, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    refused(midspec(*export(finished, "msm+aft", tmp_path)), "is no exported model", "empty folder")
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_failure_leaves_the_export_before_it(finished: Finished, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert midspec(*export(finished, "msm+aft", out)).code == 0
    card = (out / "README.md").read_text()
    refused(midspec(*export(finished, "full", out, "--adapter-only")), "has no adapter")
    assert (out / "README.md").read_text() == card
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("arm", "more", "words"),
    [
        ("base", (), "base trains nothing, so there is nothing to export"),
        ("reference", (), "its weights are those of tiny"),
        ("mms", (), "has no arm 'mms'. Its arms: base, reference"),
        ("msm+aft", ("--seed", 7), "seed 7 isn't trained yet"),
        ("msm+aft", ("--seed", 3), "has no seed 3"),
        ("msm+aft", ("--dtype", "int8"), "--dtype int8 is not known. Use bfloat16, float16"),
        ("merged", ("--adapter-only",), "Export it without --adapter-only"),
    ],
)
def test_what_can_t_be_exported_is_one_sentence(
    finished: Finished, tmp_path: Path, arm: str, more: tuple[object, ...], words: str
) -> None:
    refused(midspec(*export(finished, arm, tmp_path / "out", *more)), words)
    assert not (tmp_path / "out").exists()
