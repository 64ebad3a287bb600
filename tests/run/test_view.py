"""What is under way in a store at a URL, seen from another machine."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from midspec import progress
from midspec.errors import DataError, StoreError
from midspec.run import view as views
from midspec.run.bucket import Bucket
from midspec.run.build import run
from midspec.run.pools import Inline
from midspec.run.remote import Remote
from midspec.run.stage import Stage, Summary
from midspec.run.under_way import UnderWay, read_under_way
from midspec.run.view import ROWS, View, showing
from midspec.train.metrics import FILE, Metrics, read_metrics

from ..stores import Machine
from ..waiting import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is to see is sent all the time."""
    monkeypatch.setattr(views, "SHOW_SECONDS", 0.01)


class Training:
    """A training on one machine, and what is seen of it on another."""

    def __init__(self, here: Remote, there: Remote, steps: int) -> None:
        self.here, self.steps = here, steps
        self.view = View(there.bucket)
        self.stage = Stage("midtrain", self.train, steps, title="midtrain old")
        self.name = self.stage.path(Path()).name
        self.during: Callable[[], None] = lambda: None

    def train(self, config: int, inputs: Mapping[str, Path], out: Path) -> Summary:
        """Write a row a step."""
        metrics = Metrics(out / FILE)
        for step in range(self.steps):
            metrics.add({"step": step, "loss": 5.0 - step})
        metrics.close()
        progress.report(self.steps, 2 * self.steps, "half of it")
        self.during()
        return {}

    def go(self) -> list[Any]:
        """Build it; what failed."""
        mirror = self.here.opened()
        return run([self.stage], mirror, Inline(), make=self.here.build, done=self.here.done)

    def seen(self) -> UnderWay | None:
        """What is known of it elsewhere by now."""
        self.view.refresh({self.name})
        return next(iter(read_under_way(self.view.root)), None)

    def steps_seen(self) -> list[int]:
        """The steps whose metrics are known elsewhere by now."""
        self.view.refresh({self.name})
        return [row["step"] for row in read_metrics(self.view.root / ".work" / self.name / FILE)]


@pytest.fixture
def training(machine: Machine) -> Training:
    return Training(machine("one"), machine("two"), 3 * ROWS // 2)


def test_another_machine_sees_how_far_a_stage_is_and_its_metrics(training: Training) -> None:
    seen: list[UnderWay] = []

    def look() -> None:
        until(lambda: (now := training.seen()) and now.done and not seen.append(now))
        until(lambda: training.steps_seen() == list(range(training.steps)))

    training.during = look
    assert training.go() == []
    state = seen[0]
    assert (state.name, state.title) == (training.name, "midtrain old")
    assert (state.done, state.total, state.note) == (96, 192, "half of it")


def test_when_it_is_finished_its_manifest_and_metrics_are_there_and_nothing_else(
    training: Training,
) -> None:
    training.during = lambda: until(training.seen)
    assert training.seen() is None
    assert training.go() == []
    assert training.seen() is None
    folder = training.view.root / training.name
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]
    training.view.fetch_metrics(training.name)
    assert len(read_metrics(folder / FILE)) == training.steps
    assert not [name for name in training.view.bucket.names("") if name.startswith(".work")]


def test_one_that_failed_says_why(training: Training) -> None:
    def fail() -> None:
        raise DataError("No chat has an answer.")

    training.during = fail
    assert len(training.go()) == 1
    state = training.seen()
    assert state and state.error == "No chat has an answer."


def test_of_a_long_training_only_the_last_rows_are_sent_again(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrote: list[str] = []
    write = Bucket.write

    def count(bucket: Bucket, name: str, text: str) -> None:
        if ".steps/" in name:
            wrote.append(name.rpartition("/")[2])
        write(bucket, name, text)

    def add() -> None:
        until(lambda: len(training.steps_seen()) == training.steps)
        assert {*wrote} == {"000000", "000001"}
        assert wrote == sorted(wrote)  # a full one is never sent again
        wrote.clear()
        work = training.here.opened() / ".work" / training.name
        with open(work / FILE, "a") as file:
            file.write('{"step": 96, "loss": 1.0}\n{"step": 97, "lo')
        until(lambda: training.steps_seen()[-1] == 96)

    monkeypatch.setattr(Bucket, "write", count)
    training.during = add
    assert training.go() == []
    assert wrote == ["000001"]


def test_what_a_killed_process_had_sent_beyond_its_checkpoint_goes(training: Training) -> None:
    """And as long as it is there, no step is missing among those that are seen."""
    bucket, at = training.view.bucket, f".work/{training.name}"
    for part in range(4):
        rows = [f'{{"step": {step}}}\n' for step in range(part * ROWS, (part + 1) * ROWS)]
        bucket.write(f"{at}.steps/{part:06}", "".join(rows))
    bucket.write(f"{at}.progress", "{}")
    assert training.steps_seen() == list(range(4 * ROWS))
    bucket.write(f"{at}.steps/000001", '{"step": 64}\n')
    assert training.steps_seen() == list(range(ROWS + 1))
    training.during = lambda: until(lambda: len(bucket.names(f"{at}.steps")) == 2)
    assert training.go() == []


def test_a_network_that_fails_stops_no_stage(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[str] = []
    write = Bucket.write

    def fail(bucket: Bucket, name: str, text: str) -> None:
        if ".progress" in name or ".steps/" in name:
            failed.append(name)
            raise StoreError("the network is gone")
        write(bucket, name, text)

    monkeypatch.setattr(Bucket, "write", fail)
    training.during = lambda: until(lambda: len(failed) > 2)
    assert training.go() == []


def test_only_what_is_wanted_is_fetched(training: Training, machine: Machine) -> None:
    other = Training(training.here, machine("two"), 1)
    assert training.go() == other.go() == []
    training.view.refresh({other.name})
    folders = {path.name for path in training.view.root.iterdir()}
    assert folders == {".work", other.name}
    training.view.refresh(None)
    assert (training.view.root / training.name / "manifest.json").exists()


def test_a_stage_waits_for_nothing_that_is_sent(tmp_path: Path) -> None:
    """A report is only remembered; a thread sends it."""
    bucket, work = Bucket(str(tmp_path / "bucket")), tmp_path / "work"
    stage = Stage("midtrain", lambda *_: {}, 1)
    with showing(bucket, stage, work):
        write, bucket.write = bucket.write, None  # type: ignore[assignment, method-assign]
        progress.report(1, 2, "no error here")
        bucket.write = write  # type: ignore[method-assign]
