"""Trackers are stood in for by modules of the same names: what is tested is what they are told."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from midspec.errors import ConfigError
from midspec.files import write_rows
from midspec.run.build import open_store
from midspec.run.remote import find_remote, mirror_of
from midspec.run.stage import Stage
from midspec.track import TRACKERS, Tracker, tracking
from midspec.train.metrics import Metrics

from .tiny import midspec, refused


def nothing(config: object, inputs: object, out: Path) -> dict[str, object]:
    return {}


STAGE = Stage("midtrain", nothing, {"lr": 0.1}, title="midtrain old, seed 0")


class Told:
    """What a tracker was told: how it was opened, and its rows."""

    def __init__(self) -> None:
        self.opened: list[dict[str, Any]] = []
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.finished = 0
        self.logins = 0

    def init(self, **how: Any) -> Any:
        self.opened.append(how)
        return SimpleNamespace(log=self.log, finish=self.finish)

    def log(self, values: dict[str, float], step: int) -> None:
        self.rows.append((step, values))

    def finish(self) -> None:
        self.finished += 1

    def login(self) -> None:
        self.logins += 1

    def writer(self, log_dir: str) -> Any:
        def add(name: str, value: float, step: int) -> None:
            self.rows.append((step, {name: value}))

        self.opened.append({"log_dir": log_dir})
        return SimpleNamespace(add_scalar=add, close=self.finish)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    for name in TRACKERS.values():
        module: Any = ModuleType(name)
        module.init, module.login, module.SummaryWriter = told.init, told.login, told.writer
        monkeypatch.setitem(sys.modules, name, module)
    return told


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return open_store(tmp_path / "store")


def row(step: int) -> dict[str, Any]:
    return {"step": step, "loss": 3.0 - step, "spike": step == 1}


def train(store: Path, *steps: int, size: int = 0) -> int:
    """Have the stage write such rows after the first `size` bytes; the size then."""
    work = store / ".work" / STAGE.path(store).name
    work.mkdir(exist_ok=True)
    metrics = Metrics(work / "steps.jsonl", size)
    for step in steps:
        metrics.add(row(step))
    metrics.close()
    return (work / "steps.jsonl").stat().st_size


def publish(store: Path) -> None:
    (store / ".work" / STAGE.path(store).name).rename(STAGE.path(store))


def test_each_step_is_told_once_and_the_last_ones_when_the_stage_is_done(
    store: Path, told: Told
) -> None:
    tracker = Tracker("wandb", "cheese", store)
    tracker("start", STAGE)
    tracker.look()
    assert not told.opened  # a stage without metrics is nobody's
    size = train(store, 0, 1)
    tracker.look()
    tracker.look()
    assert told.rows == [(0, {"loss": 3.0, "spike": 0.0}), (1, {"loss": 2.0, "spike": 1.0})]
    train(store, 2, size=size)
    publish(store)
    tracker("done", STAGE)
    assert [step for step, _ in told.rows] == [0, 1, 2]
    assert told.finished == 1


def test_it_is_named_by_its_title_and_known_by_its_folder(store: Path, told: Told) -> None:
    for kind in TRACKERS:
        tracker = Tracker(kind, "cheese", store)
        tracker("start", STAGE)
        train(store, 0)
        tracker.close()
    trackio, wandb, tensorboard = told.opened
    key = STAGE.fingerprint()
    assert trackio["name"] == f"midtrain old, seed 0 {key}"
    assert (wandb["name"], wandb["id"]) == ("midtrain old, seed 0", f"midtrain-{key}")
    for one in (trackio, wandb):
        assert one["project"] == "cheese" and one["resume"] == "allow"
        assert one["config"] == STAGE.recipe
    folder = store / "tensorboard" / f"midtrain-old-seed-0 midtrain-{key}"
    assert tensorboard == {"log_dir": str(folder)}
    assert told.logins == 1


def test_after_a_kill_no_step_is_told_twice(store: Path, told: Told) -> None:
    first = Tracker("trackio", "cheese", store)
    first("start", STAGE)
    sizes = [train(store, 0), train(store, 0, 1, 2)]
    first.look()
    del first  # killed: nothing is closed
    again = Tracker("trackio", "cheese", store)
    again("start", STAGE)
    train(store, 1, 2, 3, size=sizes[0])  # it went back to a checkpoint
    again.look()
    assert [step for step, _ in told.rows] == [0, 1, 2, 3]


def test_a_tracker_that_fails_is_let_go_and_the_run_goes_on(
    store: Path, told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("no network")

    sys.modules["wandb"].init = fail  # type: ignore[attr-defined]
    tracker = Tracker("wandb", "cheese", store)
    tracker("start", STAGE)
    train(store, 0)
    for _ in range(3):
        tracker.look()
    publish(store)
    tracker("done", STAGE)
    assert capsys.readouterr().out.count("no network") == 1


def test_of_a_store_at_a_url_trainings_of_every_machine_are_followed(
    tmp_path: Path, told: Told
) -> None:
    mirror = mirror_of(f"memory://{uuid4().hex}/store", tmp_path / "home")
    remote = find_remote(mirror)
    assert remote
    bucket, name = remote.bucket, STAGE.path(remote.opened()).name
    lines = [json.dumps(row(step)) + "\n" for step in range(4)]
    tracker = Tracker("wandb", "cheese", mirror)
    tracker("start", STAGE)
    bucket.write(f".work/{name}.progress", "{}")
    bucket.write(f".work/{name}.steps/000000", "".join(lines[:2]))
    tracker.look()
    assert [step for step, _ in told.rows] == [0, 1]
    bucket.write(f"{name}/steps.jsonl", "".join(lines))
    about = {"began": "2026-01-01T00:00:00+0000", "seconds": 75.0, "outputs": {"steps.jsonl": ""}}
    bucket.write(f"{name}/manifest.json", json.dumps(about))
    tracker("done", STAGE)
    assert [step for step, _ in told.rows] == [0, 1, 2, 3]
    assert told.finished == 1


def test_neither_a_board_that_won_t_close_nor_a_torn_mark_stops_the_run(
    store: Path,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(self: Told) -> None:
        raise OSError("the network is gone")

    monkeypatch.setattr(Told, "finish", fail)
    tracker = Tracker("wandb", "cheese", store)
    tracker("start", STAGE)
    train(store, 0, 1)
    publish(store)
    tracker("done", STAGE)
    assert capsys.readouterr().out.count("the network is gone") == 1
    (mark,) = (store / ".work").glob("*.wandb")
    mark.write_text("")
    Tracker("wandb", "cheese", store)("start", STAGE)


def test_without_a_tracker_nothing_is_followed(store: Path) -> None:
    with tracking("", "cheese", store) as beside:
        beside("start", STAGE)
        beside("done", STAGE)


def test_one_that_is_not_known_or_not_installed_is_an_error(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"--track mlflow is not known\. Use trackio, wandb"):
        Tracker("mlflow", "cheese", store)
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ConfigError, match=r"--track wandb.*pip install wandb"):
        Tracker("wandb", "cheese", store)


def test_the_verb_tells_a_tracker_of_every_training(
    tiny_experiment: Path, tmp_path: Path, told: Told
) -> None:
    store = tmp_path / "store"
    said = midspec("run", tiny_experiment, "--store", store, "--track", "tensorboard")
    assert said.code == 0, said.err
    assert len(told.opened) == told.finished == 3
    steps = {step for step, _ in told.rows}
    assert steps == set(range(max(steps) + 1)) and max(steps) >= 19


def test_the_verb_refuses_before_anything_runs(tiny_experiment: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    refused(midspec("run", tiny_experiment, "--store", store, "--track", "mlflow"), "mlflow")
    assert not store.exists()


def test_what_is_sent_is_what_is_published(store: Path, told: Told) -> None:
    tracker = Tracker("trackio", "cheese", store)
    tracker("start", STAGE)
    STAGE.path(store).mkdir()
    write_rows(STAGE.path(store) / "steps.jsonl", [row(0), row(1)])
    tracker("done", STAGE)
    assert [step for step, _ in told.rows] == [0, 1]
