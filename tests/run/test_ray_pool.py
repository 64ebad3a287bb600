"""Stages on a Ray cluster of this machine, one of whose workers is killed."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest

from midspec import progress
from midspec.errors import ConfigError, DataError, MidspecError, StoreError
from midspec.resources import Resources
from midspec.run import ray_pool
from midspec.run.build import open_store, run
from midspec.run.ray_pool import Around, Listener, RayPool
from midspec.run.stage import Source, Stage, Summary

from ..waiting import until
from .recipe import Config, diamond, kill_itself, work
from .test_build import ran

ray = pytest.importorskip("ray", reason="ray isn't installed")


class Heard:
    """All that a pool told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.reports: list[tuple[str, float, float, str]] = []

    def report(self, stage: Stage, done: float, total: float, note: str) -> None:
        self.reports.append((stage.name, done, total, note))


@pytest.fixture(scope="module")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def pool(heard: Heard) -> Iterator[RayPool]:
    """A cluster of two CPUs; stages named `here` stay in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", uuid4().hex)  # or Ray would write one into the home folder
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        around = Around(nullcontext, {"MIDSPEC_SETTING": "told"})
        listener = Listener(heard.report, heard.said.append)
        with RayPool(None, around, lambda stage: stage.name == "here", listener) as pool:
            yield pool


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return open_store(tmp_path / "store")


def kill_when_held(work_folder: Path, hold: Path | None) -> Thread:
    """Kill the process that holds there, as soon as it does, and then let the next one go on."""

    def kill() -> None:
        held = work_folder / ".held"
        until(held.exists)
        number = int(held.read_text())
        held.unlink()
        if hold:
            hold.unlink()
        os.kill(number, signal.SIGKILL)

    thread = Thread(target=kill)
    thread.start()
    return thread


def test_a_stage_whose_worker_is_killed_is_run_again_and_no_other_is(
    pool: RayPool, heard: Heard, store: Path, tmp_path: Path
) -> None:
    hold, diary = tmp_path / "hold", tmp_path / "diary"
    hold.touch()
    target = diamond(diary, hold)
    right = target.inputs["right"].path(store)
    killing = kill_when_held(store / ".work" / right.name, hold)
    assert run([target], store, pool) == []
    killing.join()
    assert (target.path(store) / "whole.txt").read_text() == "toplefttoprightboth"
    assert ran(diary) == {"top": 1, "left": 1, "right": 2, "both": 1}
    (told,) = heard.said
    assert told.startswith("The worker of right died; it is run again. Ray says: The worker died")


def test_a_stage_that_kills_every_worker_is_given_up(
    pool: RayPool, heard: Heard, store: Path, tmp_path: Path
) -> None:
    heard.said.clear()
    deadly = Stage("deadly", kill_itself, Config("once", str(tmp_path / "diary")), title="an arm")
    (failure,) = run([deadly], store, pool)
    assert isinstance(failure.error, MidspecError)
    assert "3 workers died over it. Ray says of the last one: The worker " in str(failure.error)
    assert ran(tmp_path / "diary")["once"] == ray_pool.ATTEMPTS
    assert len(heard.said) == ray_pool.ATTEMPTS - 1  # the last one isn't run again


def tell(config: Config, inputs: Mapping[str, Path], out: Path) -> Summary:
    progress.report(3, 4, "loss 1.5")
    progress.say(f"setting: {os.environ.get('MIDSPEC_SETTING')}")
    (out / "process").write_text(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}")
    return {}


def test_progress_of_workers_arrives_and_some_stages_stay_in_this_process(
    pool: RayPool, heard: Heard, store: Path
) -> None:
    there, here = (Stage(name, tell, Config(name)) for name in ("there", "here"))
    heard.said.clear()
    assert run([there, here], store, pool) == []
    processes = [(stage.path(store) / "process").read_text() for stage in (there, here)]
    assert processes[0].split()[1] == "1"
    assert processes[0].split()[0] != str(os.getpid()) == processes[1].split()[0]
    until(lambda: "setting: told" in heard.said)
    assert "setting: None" in heard.said  # this process has its own environment
    assert ("here", 3, 4, "loss 1.5") in heard.reports
    until(lambda: [row for row in heard.reports if row[0] == "there"])


def raise_(config: Config, inputs: Mapping[str, Path], out: Path) -> Summary:
    raise DataError("spec.md has no clauses.") if config.text == "kind" else ValueError("a bug")


def test_what_a_stage_raises_arrives_as_it_is_and_isn_t_tried_again(
    pool: RayPool, store: Path
) -> None:
    stages = [Stage("bad", raise_, Config(text)) for text in ("kind", "unkind")]
    errors = {type(failure.error): failure.error for failure in run(stages, store, pool)}
    assert set(errors) == {DataError, ValueError}
    assert str(errors[DataError]) == "spec.md has no clauses."
    assert "in raise_" in "".join(errors[ValueError].__notes__)  # where in the worker


def test_a_store_that_another_machine_does_not_see_is_a_store_error(
    pool: RayPool, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "no store here"
    (failure,) = run([Stage("a", work, Config("a"))], elsewhere, pool)
    assert isinstance(failure.error, StoreError)
    assert "store.json isn't on the machine" in str(failure.error)
    assert not elsewhere.exists()


def test_a_source_that_another_machine_does_not_see_is_a_store_error(
    pool: RayPool, store: Path, tmp_path: Path
) -> None:
    spec = tmp_path / "spec.md"
    spec.write_text("x")
    stage = Stage("a", work, Config("a"), {"spec": Source("spec.md", spec)})
    stage.fingerprint()
    spec.unlink()
    (failure,) = run([stage], store, pool)
    assert "spec.md isn't on the machine" in str(failure.error)


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        (Resources(device="cuda", processes=64), "needs 64 GPUs and Ray has"),
        (Resources(device="cpu", processes=4096), "needs 4096 CPUs and Ray has"),
        (Resources(machines=2), "Set machines: 1"),
    ],
)
def test_what_no_machine_has_is_a_config_error(
    pool: RayPool, store: Path, resources: Resources, words: str
) -> None:
    (failure,) = run([Stage("a", work, Config("a"), resources=resources)], store, pool)
    assert isinstance(failure.error, ConfigError)
    assert words in str(failure.error)


def test_the_needs_of_a_stage(pool: RayPool, monkeypatch: pytest.MonkeyPatch) -> None:
    has = {"CPU": 64.0}
    monkeypatch.setattr(pool.ray, "cluster_resources", lambda: has)
    monkeypatch.setattr(pool, "around", replace(pool.around, cores=4))

    def needs(resources: Resources | None) -> tuple[int, int]:
        return pool._needs(Stage("a", work, Config("a"), resources=resources))

    assert needs(None) == (1, 0)
    assert needs(Resources()) == (4, 0)
    assert needs(Resources(processes=8)) == (8, 0)
    has["GPU"] = 8.0
    assert needs(None) == (1, 0)
    assert needs(Resources()) == (1, 1)
    assert needs(Resources(processes=8)) == (8, 8)
    assert needs(Resources(device="cpu")) == (4, 0)


def test_another_midspec_in_a_worker_is_a_config_error(
    pool: RayPool, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "around", replace(pool.around, version="9.1"))
    (failure,) = run([Stage("a", work, Config("a"))], store, pool)
    assert isinstance(failure.error, ConfigError)
    assert "the run was started with 9.1. Install one version everywhere." in str(failure.error)


def test_without_ray_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_pool, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'midspec\[ray\]'"):
        RayPool(None, Around(nullcontext, {}), lambda stage: False, Listener(print, print))
