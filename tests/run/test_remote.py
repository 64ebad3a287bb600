"""A store at a URL: what one machine finishes, another has."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from midspec.errors import StoreError
from midspec.files import digest_text
from midspec.run import carry
from midspec.run.bucket import Bucket
from midspec.run.build import run
from midspec.run.pools import Inline
from midspec.run.remote import Remote, bring, find_remote, mirror_of
from midspec.run.stage import Source, Stage, Summary

from ..stores import Machine
from ..waiting import until
from .recipe import Config, diamond, work
from .test_build import ran


def run_on(remote: Remote, stage: Stage) -> dict[str, str]:
    """What became of each stage, by name."""
    told: dict[str, str] = {}
    tell = lambda what, one: told.update({one.name: what})  # noqa: E731
    assert run([stage], remote.opened(), Inline(), tell, remote.build, remote.done) == []
    return told


def test_another_machine_has_what_one_has_finished(machine: Machine, tmp_path: Path) -> None:
    target, diary = diamond(tmp_path / "diary"), tmp_path / "diary"
    one, two = machine("one"), machine("two")
    assert set(run_on(one, target).values()) == {"done"}
    assert set(run_on(two, target).values()) == {"cached"}
    assert sum(ran(diary).values()) == 4
    assert [path for path in two.opened().iterdir() if path.name.startswith("both")] == []
    mirror = two.fetch([target])
    assert (target.path(mirror) / "whole.txt").read_text() == "toplefttoprightboth"


def test_a_machine_goes_on_with_what_another_has_made(machine: Machine, tmp_path: Path) -> None:
    target, diary = diamond(tmp_path / "diary"), tmp_path / "diary"
    left = target.inputs["left"]
    assert isinstance(left, Stage)
    run_on(machine("one"), left)
    assert run_on(machine("two"), target) == {
        "top": "cached", "left": "cached", "right": "done", "both": "done"
    }  # fmt: skip
    assert sum(ran(diary).values()) == 4


def test_at_the_url_a_stage_lies_as_in_a_folder_and_nothing_else_is_left(
    machine: Machine, tmp_path: Path
) -> None:
    target = diamond(tmp_path / "diary")
    one = machine("one")
    run_on(one, target)
    folder = target.path(Path()).name
    names = set(one.bucket.names(""))
    assert {f"{folder}/{name}" for name in ("manifest.json", "half.txt", "whole.txt")} <= names
    assert {name.partition("/")[0] for name in names} == {
        "store.json", *(stage.path(Path()).name for stage in [target, *target.stages()]),
        target.stages()[0].stages()[0].path(Path()).name,
    }  # fmt: skip


def test_a_stage_whose_manifest_did_not_arrive_is_not_there_and_is_sent_again(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, diary = Stage("a", work, Config("a", str(tmp_path / "diary"))), tmp_path / "diary"
    write = Bucket.write

    def cut_off(bucket: Bucket, name: str, text: str) -> None:
        if name.endswith("manifest.json"):
            raise StoreError("the network is gone")
        write(bucket, name, text)

    one, two = machine("one"), machine("two")
    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "write", cut_off)
        (failure,) = run([stage], one.opened(), Inline(), make=one.build, done=one.done)
    assert "the network is gone" in str(failure.error)
    assert not two.done(stage, two.opened())
    assert run_on(one, stage) == {"a": "done"}
    assert ran(diary)["a"] == 1 and two.done(stage, two.opened())


def test_a_stage_built_again_takes_the_place_of_the_old_one(
    machine: Machine, tmp_path: Path
) -> None:
    target, diary = diamond(tmp_path / "diary"), tmp_path / "diary"
    run_on(machine("one"), target)
    two = machine("two")
    two.bucket.write(f"{target.path(Path()).name}/whole.txt", "of another version")
    two.build(target, two.opened(), again=True)
    assert ran(diary)["both"] == 2 and sum(ran(diary).values()) == 5
    mirror = machine("three").fetch([target])
    assert (target.path(mirror) / "whole.txt").read_text() == "toplefttoprightboth"


def test_what_was_changed_at_the_url_is_a_store_error(machine: Machine, tmp_path: Path) -> None:
    target, two = diamond(tmp_path / "diary"), machine("two")
    run_on(machine("one"), target.stages()[0])
    name = target.stages()[0].path(Path()).name
    two.bucket.write(f"{name}/whole.txt", "tampered")
    (failure,) = run([target], two.opened(), Inline(), make=two.build, done=two.done)
    assert isinstance(failure.error, StoreError)
    assert f"{two.url}/{name} is not what its manifest says. Delete it there" in str(failure.error)


def fail_half_way(config: Config, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write a checkpoint and fail, unless there is one."""
    checkpoint = out / ".checkpoint/state"
    if not checkpoint.exists():
        checkpoint.parent.mkdir()
        checkpoint.write_text(config.text)
        raise OSError("the machine goes away")
    (out / "whole.txt").write_text(f"went on from {checkpoint.read_text()}")
    return {}


def test_another_machine_goes_on_from_a_checkpoint(machine: Machine) -> None:
    stage, one, two = Stage("a", fail_half_way, Config("step 7")), machine("one"), machine("two")
    (failure,) = run([stage], one.opened(), Inline(), make=one.build, done=one.done)
    assert "goes away" in str(failure.error)
    assert run_on(two, stage) == {"a": "done"}
    assert (stage.path(two.opened()) / "whole.txt").read_text() == "went on from step 7"
    assert not [name for name in two.bucket.names("") if name.startswith(".work/")]


def test_a_machine_goes_on_from_its_own_work_where_no_other_has_worked(machine: Machine) -> None:
    stage, one = Stage("a", fail_half_way, Config("step 7")), machine("one")
    run([stage], one.opened(), Inline(), make=one.build, done=one.done)
    checkpoint = one.opened() / ".work" / stage.path(Path()).name / ".checkpoint/state"
    checkpoint.write_text("step 9")  # it went on, and was killed before it sent that
    run_on(one, stage)
    assert (stage.path(one.opened()) / "whole.txt").read_text() == "went on from step 9"


def test_work_is_sent_while_a_stage_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(carry, "CARRY_SECONDS", 0.01)
    bucket, folder = Bucket(str(tmp_path / "bucket")), tmp_path / "work"
    sent = tmp_path / "bucket/.work/work"
    folder.mkdir()
    with carry.carried(bucket, folder, "me"):
        (folder / ".7.partial").write_text("half of it")
        (folder / "old").write_text("1")
        until((sent / "old").exists)
        (folder / "old").rename(folder / "new")
        until(lambda: [path.name for path in sent.iterdir()] == ["new"])


def test_what_lies_at_the_url_counts_where_two_machines_made_a_stage(
    machine: Machine, tmp_path: Path
) -> None:
    target, one, two = diamond(tmp_path / "diary"), machine("one"), machine("two")
    left = target.stages()[0]
    run_on(two, left)
    folder = left.path(two.opened())
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "whole.txt").write_text("another draw")  # what an LLM writes has no second copy
    manifest["outputs"]["whole.txt"] = digest_text("another draw")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    run_on(two, target)
    assert (target.path(two.opened()) / "whole.txt").read_text() == "toplefttoprightboth"
    assert set(run_on(one, target).values()) == {"cached"}


def read_source(config: Config, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Copy what a source says, and what it is called."""
    base = inputs["base"]
    text = (base / "config.json").read_text() if base.is_dir() else base.read_text()
    (out / "whole.txt").write_text(f"{base.name}: {text}")
    return {}


@pytest.mark.parametrize("is_folder", [True, False])
def test_what_lies_outside_the_store_is_sent_for_machines_that_lack_it(
    machine: Machine, tmp_path: Path, is_folder: bool
) -> None:
    here = tmp_path / "models/tiny"
    text = here / "config.json" if is_folder else here
    text.parent.mkdir(parents=True)
    text.write_text("the base model")
    stage = Stage("read", read_source, Config("x"), {"base": Source("tiny", here)})
    stage.fingerprint()  # a stage arrives with the digests of its sources
    one, two = machine("one"), machine("two")
    one.send_sources([stage])
    text.write_text("another model at the same place")
    assert run_on(two, stage) == {"read": "done"}
    assert (stage.path(two.opened()) / "whole.txt").read_text() == "tiny: the base model"


def test_a_source_that_is_nowhere_is_a_store_error(machine: Machine, tmp_path: Path) -> None:
    here = tmp_path / "spec.md"
    here.write_text("x")
    stage = Stage("read", read_source, Config("x"), {"base": Source("spec.md", here)})
    stage.fingerprint()
    here.unlink()
    one = machine("one")
    (failure,) = run([stage], one.opened(), Inline(), make=one.build, done=one.done)
    assert "spec.md isn't on this machine, and not at" in str(failure.error)


def test_ledgers_of_all_machines_are_joined_and_none_is_lost(machine: Machine) -> None:
    one, two = machine("one"), machine("two")
    first, second = (remote.opened() / "ledger/corpus.jsonl" for remote in (one, two))
    with one.ledger(one.opened()):
        first.parent.mkdir()
        first.write_text('{"key": "a"}\n')
    with two.ledger(two.opened()):
        assert second.read_text() == '{"key": "a"}\n'
        with open(second, "a") as file:
            file.write('{"key": "b\u2028"}\n{"key": "torn')
    with one.ledger(one.opened()):
        assert first.read_text() == '{"key": "a"}\n{"key": "b\u2028"}\n'
    with two.ledger(two.opened()):
        assert second.read_text() == '{"key": "a"}\n{"key": "b\u2028"}\n'


def test_a_plan_needs_no_more_than_manifests(machine: Machine, tmp_path: Path) -> None:
    target, two = diamond(tmp_path / "diary"), machine("two")
    left, right = target.stages()
    run_on(machine("one"), left)
    index = two.index([target, left, right], whole=("top",))
    assert left.done(index) and not right.done(index) and not target.done(index)
    assert [path.name for path in left.path(index).iterdir()] == ["manifest.json"]
    assert not left.done(two.opened())


def test_finished_stages_are_brought_and_others_are_no_error(
    machine: Machine, tmp_path: Path
) -> None:
    target, two = diamond(tmp_path / "diary"), machine("two")
    left, right = target.stages()
    run_on(machine("one"), left)
    bring([left, right], two.opened())
    assert left.done(two.opened()) and not right.done(two.opened())
    bring([left], tmp_path)  # a folder is where it is


def test_a_store_of_a_newer_midspec_is_a_store_error(machine: Machine) -> None:
    one = machine("one")
    one.bucket.write("store.json", '{"format": 2, "midspec": "9.1"}')
    with pytest.raises(StoreError, match=r"written by midspec 9\.1"):
        one.opened()


def test_a_folder_of_stages_is_no_mirror(tmp_path: Path) -> None:
    assert find_remote(tmp_path) is None


def test_a_mirror_in_the_home_folder_is_told_other_machines_without_its_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    remote = find_remote(mirror_of("memory://x", tmp_path / "cache"))
    assert remote and remote.place.startswith("~/cache/stores/")
