"""An experiment file as another machine can use it: its own words, and no place of this one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from midspec.config import load_experiment
from midspec.errors import ConfigError
from midspec.experiment import Plan, plan
from midspec.share.portable import Portable, _is_far, make_portable, scalars


def portable(file: Path, model: Path) -> Portable:
    return make_portable(planned(file, model), file)


def planned(file: Path, model: Path) -> Plan:
    return plan(load_experiment(file), model)


def edited(file: Path, edit: Callable[[dict[str, Any]], None], at: Path | None = None) -> Path:
    values = yaml.safe_load(file.read_text())
    edit(values)
    at = at or file
    at.parent.mkdir(parents=True, exist_ok=True)
    at.write_text(yaml.safe_dump(values, sort_keys=False))
    return at


def test_the_file_stays_as_it_was_written_but_for_the_model_s_folder(
    tiny_experiment: Path, tiny_model: Path
) -> None:
    text = "# why: to see whether\n" + tiny_experiment.read_text()
    tiny_experiment.write_text(text)
    found = portable(tiny_experiment, tiny_model)
    assert found.file == "experiment/experiment.yaml"
    assert found.text == text.replace(f"model: {tiny_model}", f'model: "{tiny_model.name}"')


def test_the_files_that_it_names_go_along_and_no_others(
    tiny_experiment: Path, tiny_model: Path
) -> None:
    (tiny_experiment.parent / "tiny").write_text("a file that is called as the experiment is")
    (tiny_experiment.parent / "notes.md").write_text("nobody's business")
    found = portable(tiny_experiment, tiny_model)
    assert sorted(found.named) == [
        "experiment/contrasts.jsonl", "experiment/items.jsonl", "experiment/spec.md"
    ]  # fmt: skip
    assert [member.name for member in found.members()][:2] == [
        "experiment/experiment.yaml", "experiment/experiment.bases.json"
    ]  # fmt: skip


def test_the_model_is_known_by_its_digest(tiny_experiment: Path, tiny_model: Path) -> None:
    here = planned(tiny_experiment, tiny_model)
    beside = portable(tiny_experiment, tiny_model).members()[1].content
    assert isinstance(beside, bytes)
    known = {tiny_model.name: {"digest": here.base.digest, "origin": ""}}
    assert json.loads(beside) == known


def test_files_beside_and_above_keep_their_places(
    tiny_experiment: Path, tiny_model: Path, tmp_path: Path
) -> None:
    def edit(values: dict[str, Any]) -> None:
        values["specs"] = {"old": "../../experiment/spec.md"}
        values["corpora"]["old"]["items"] = "../../experiment/contrasts.jsonl"
        values["evals"] = ["preference/../../experiment/items.jsonl"]
        values["contrasts"] = []

    file = edited(tiny_experiment, edit, tmp_path / "runs" / "first" / "tiny.yaml")
    found = portable(file, tiny_model)
    assert found.file == "experiment/runs/first/tiny.yaml"
    assert "experiment/experiment/spec.md" in found.named
    assert "../../experiment/spec.md" in found.text


def test_a_file_elsewhere_comes_beside_the_experiment(
    tiny_experiment: Path, tiny_model: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere" / "spec.md"
    elsewhere.parent.mkdir()
    elsewhere.write_text((tiny_experiment.parent / "spec.md").read_text())
    file = edited(tiny_experiment, lambda values: values["specs"].update(old=str(elsewhere)))
    found = portable(file, tiny_model)
    (name,) = [name for name in found.named if name.endswith("spec.md")]
    assert name.startswith("experiment/files/")
    assert f'old: "{name.removeprefix("experiment/")}"' in found.text
    assert str(tmp_path) not in found.text


@pytest.mark.parametrize(
    ("path", "place", "far"),
    [
        ("../shared/spec.md", "/home/alice", True),
        ("../../shared/spec.md", "/home/alice/exp", True),
        ("../shared/spec.md", "/home/alice/exp", False),
        ("../../shared/spec.md", "/data", False),  # nobody's folder
        ("../../../spec.md", "/home/alice/a/b/c", True),
    ],
)
def test_what_leads_out_of_the_users_folder_is_elsewhere(
    monkeypatch: pytest.MonkeyPatch, path: str, place: str, far: bool
) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    assert _is_far(path, Path(place)) == far


def test_an_eval_s_file_elsewhere_is_refused_since_its_name_is_the_stage_s(
    tiny_experiment: Path, tiny_model: Path, tmp_path: Path
) -> None:
    items = tmp_path / "far.jsonl"
    items.write_text((tiny_experiment.parent / "items.jsonl").read_text())

    def edit(values: dict[str, Any]) -> None:
        values |= {"evals": [f"preference/{items}"], "contrasts": []}

    with pytest.raises(ConfigError, match="an eval's name is part of its stages"):
        portable(edited(tiny_experiment, edit), tiny_model)


def test_a_teacher_s_folder_and_a_host_are_no_part_of_it(
    tiny_experiment: Path, tiny_model: Path
) -> None:
    def edit(values: dict[str, Any]) -> None:
        values |= {"resources": {"host": "gpu1.lab:29500"}, "judge": f"hf/{tiny_model}"}

    text = portable(edited(tiny_experiment, edit), tiny_model).text
    assert "gpu1" not in text and str(tiny_model.parent) not in text
    assert f'judge: "hf/{tiny_model.name}"' in text


def test_a_value_that_is_referred_to_often_is_met_once() -> None:
    laughs = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20)
    )
    assert len(list(scalars(laughs))) == 2
    assert [at for at, _ in scalars("a: {b: [c, d]}")] == [("a", "b"), ("a", "b")]
