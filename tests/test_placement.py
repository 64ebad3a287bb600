"""Where stages run is said in the experiment file or by flags, and is no part of what they are."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from midspec.cli_build import open_plan
from midspec.config import load_experiment
from midspec.errors import ConfigError
from midspec.experiment import Plan, plan
from midspec.files import read_json
from midspec.placement import StageResources
from midspec.reported import resolved_yaml
from midspec.resources import Resources, given_resources, using
from midspec.run.build import build, graph, open_store
from midspec.run.stage import Stage

from .tiny import midspec, refused

Planned = Callable[..., Plan]
Changed = Callable[[Callable[[dict[str, Any]], None]], Path]


def on(values: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda experiment: experiment.update(resources=values)


def test_what_is_set_outside_of_a_kind_holds_for_all() -> None:
    found = StageResources.model_validate(
        {
            "processes": 8,
            "sharding": "fsdp",
            "finetune": {"processes": 2},
            "evals": {"device": "cpu"},
        }
    )
    assert found.of("midtrain") == Resources(processes=8, sharding="fsdp")
    assert found.of("interleave") == found.of("midtrain")
    assert found.of("finetune") == Resources(processes=2, sharding="fsdp")
    assert found.of("evals") == Resources(device="cpu", sharding="fsdp")  # in one process


def test_flags_change_every_kind() -> None:
    said = StageResources.model_validate({"finetune": {"processes": 2}})
    changed = said.changed({"device": "cpu", "tokens_per_pass": 4096})
    assert changed.finetune == Resources(processes=2, device="cpu", tokens_per_pass=4096)
    assert changed.midtrain == Resources(device="cpu", tokens_per_pass=4096)
    with pytest.raises(ConfigError) as caught:
        said.changed({"sharding": "zero", "processes": 0})
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("--processes 0: input should be greater than 0")
    assert lines[1].startswith("--sharding zero: input should be 'ddp' or 'fsdp'")


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"proceses": 2}, "resources.proceses is not a known key; did you mean 'processes'?"),
        ({"midtrain": {"devise": "cpu"}}, "resources.devise is not a known key; did you mean"),
        ({"processes": 0}, "resources.processes: input should be greater than 0, got '0'."),
        ({"evals": {"device": "tpu"}}, "resources.device: input should be 'auto', 'cpu', 'cuda'"),
        ({"midtrain": 2}, "resources.midtrain"),
    ],
)
def test_a_mistake_is_told_once(changed: Changed, resources: dict[str, Any], said: str) -> None:
    path = changed(on(resources))
    with pytest.raises(ConfigError) as caught:
        load_experiment(path)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_no_stage_is_another_for_where_it_runs(planned: Planned) -> None:
    """Else a training on a cluster would not be found by whoever evaluates it on a laptop."""
    everywhere = {
        "device": "cpu",
        "processes": 4,
        "machines": 2,
        "host": "first:29500",
        "sharding": "fsdp",
        "precision": "fp32",
        "gradient_checkpointing": True,
        "attention": "sdpa",
        "tokens_per_pass": 512,
    }
    assert set(everywhere) == {field.name for field in fields(Resources)}
    here, there = planned(), planned(on(everywhere))
    assert set(graph([here.report])) == set(graph([there.report]))
    assert resolved_yaml(here.experiment) == resolved_yaml(there.experiment)


def test_each_stage_that_computes_with_weights_is_told_where(planned: Planned) -> None:
    found = planned(
        on({"device": "cpu", "midtrain": {"processes": 2}, "finetune": {"processes": 3}})
    )
    cpu = Resources(device="cpu")
    by_name = {stage.name: stage.resources for stage in graph([found.report]).values()}
    assert by_name["midtrain"] == replace(cpu, processes=2)
    assert by_name["finetune"] == replace(cpu, processes=3)
    assert by_name["choices"] == by_name["replay"] == cpu
    for name in ("spec", "corpus", "leaks", "report"):
        assert by_name[name] is None


def test_flags_of_a_run_go_before_its_file(changed: Changed) -> None:
    path = changed(on({"processes": 2, "precision": "fp32"}))
    found = open_plan(path, {"processes": 4, "sharding": "fsdp", "device": None})
    trained = found.arms["msm", 0]
    assert trained
    assert trained.resources == Resources(processes=4, sharding="fsdp", precision="fp32")
    assert found.experiment.folder == load_experiment(path).folder
    same = plan(load_experiment(path), found.base.location)
    assert found.report.fingerprint() == same.report.fingerprint()


def test_a_wrong_flag_is_refused_before_anything_runs(
    tiny_experiment: Path, tmp_path: Path
) -> None:
    said = midspec("run", tiny_experiment, "--processes", 0, "--store", tmp_path / "store")
    refused(said, "--processes 0: input should be greater than 0")
    said = midspec("run", tiny_experiment, "--device", "tpu", "--store", tmp_path / "store")
    refused(said, "--device tpu: input should be 'auto', 'cpu', 'cuda' or 'mps'")
    assert not (tmp_path / "store").exists()


def test_what_is_given_holds_inside_of_its_block() -> None:
    with using(Resources(processes=2)):
        assert given_resources().processes == 2
        with using(Resources(processes=3)):
            assert given_resources().processes == 3
        assert given_resources().processes == 2
    assert given_resources() == Resources()


def processes(config: object, inputs: object, out: Path) -> dict[str, object]:
    return {"processes": given_resources().processes}


def test_a_stage_is_given_its_resources_and_its_manifest_tells_them(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for config, resources in (("a", Resources(processes=3)), ("b", None)):
        stage = Stage("count", processes, config, resources=resources)
        manifest = read_json(build(stage, store) / "manifest.json")
        assert manifest["summary"]["processes"] == (3 if resources else 1)
        assert (manifest["resources"] or {}).get("processes") == (3 if resources else None)
    assert given_resources() == Resources()
