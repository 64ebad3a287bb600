import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from midspec import progress
from midspec.errors import DataError
from midspec.run import under_way
from midspec.run.build import build, open_store
from midspec.run.stage import Stage
from midspec.run.under_way import UnderWay, is_running, read_under_way


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return open_store(tmp_path / "store")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(under_way, "TELL_SECONDS", -1.0)
    yield


def seen_while(store: Path, reports: int = 1) -> tuple[list[UnderWay], list[bool]]:
    """What somebody sees who looks while a stage is built that reported so often."""
    seen: list[UnderWay] = []
    runs: list[bool] = []

    def work(config: int, inputs: Mapping[str, Path], out: Path) -> dict[str, object]:
        for done in range(reports):
            progress.report(10 + done, 50, f"loss {done}")
        seen.extend(read_under_way(store))
        runs.extend(is_running(state, store) for state in seen)
        return {}

    build(Stage("train", work, 1, title="midtrain old"), store)
    return seen, runs


def test_a_stage_tells_how_far_it_is_while_it_is_built(store: Path) -> None:
    (state,), runs = seen_while(store, reports=3)
    assert state.title == "midtrain old" and state.name.startswith("train-")
    assert (state.done, state.total, state.note, state.first) == (12, 50, "loss 2", 10)
    assert runs == [True]


def test_it_is_there_before_the_first_report_and_gone_at_the_end(store: Path) -> None:
    (state,), runs = seen_while(store, reports=0)
    assert (state.done, state.first, runs) == (0, None, [True])
    assert read_under_way(store) == []
    assert not list((store / ".work").glob("*.p*"))


def test_who_listens_already_hears_it_too(store: Path) -> None:
    heard: list[tuple[float, float, str]] = []
    with progress.listening(lambda *what: heard.append(what)):
        seen_while(store, reports=2)
    assert heard == [(10, 50, "loss 0"), (11, 50, "loss 1")]


def test_a_failure_leaves_its_reason(store: Path) -> None:
    def fail(config: int, inputs: Mapping[str, Path], out: Path) -> dict[str, object]:
        raise DataError("No chat has an answer.")

    with pytest.raises(DataError):
        build(Stage("train", fail, 1), store)
    (state,) = read_under_way(store)
    assert (state.title, state.error) == ("train", "No chat has an answer.")
    assert not is_running(state, store)


def test_what_was_interrupted_is_neither_failed_nor_running(store: Path) -> None:
    def interrupt(config: int, inputs: Mapping[str, Path], out: Path) -> dict[str, object]:
        progress.report(3, 4, "")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(Stage("train", interrupt, 1), store)
    (state,) = read_under_way(store)
    assert (state.done, state.error) == (3, "")
    assert not is_running(state, store)


def test_a_process_on_another_machine_is_alive_while_it_is_heard_of(store: Path) -> None:
    now = time.time()
    state = UnderWay("train-1", "old", "elsewhere", now, now)
    assert is_running(state, store)
    assert not is_running(replace(state, at=now - 121), store)


def test_one_on_this_machine_is_alive_while_it_holds_its_lock(store: Path) -> None:
    now = time.time()
    state = UnderWay("train-1", "old", under_way.platform.node(), now, now)
    with open(store / ".work" / "train-1.lock", "w") as lock:
        assert not is_running(state, store)
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert is_running(state, store)
    assert not is_running(state, store)


def test_one_that_locks_in_another_folder_is_alive_while_it_is_heard_of(store: Path) -> None:
    """As under another home folder, with the store at a URL."""
    now = time.time()
    state = UnderWay("train-1", "old", under_way.platform.node(), now, now)
    assert is_running(state, store)
    assert not is_running(replace(state, at=now - 121), store)


def test_the_time_left_is_at_the_pace_of_this_process() -> None:
    state = UnderWay("t", "t", "m", began=100.0, at=130.0, done=60, total=100, first=50)
    assert state.seconds_left == pytest.approx(120.0)
    assert replace(state, first=None).seconds_left is None
    assert replace(state, first=60).seconds_left is None


def test_files_that_cannot_be_read_are_no_stages(store: Path) -> None:
    now = time.time()
    good = UnderWay("train-1", "old", "m", now, now)
    for name, text in (
        ("a", json.dumps({**asdict(good), "of": "a newer version"})),
        ("b", "{"),
        ("c", "[]"),
        ("d", "{}"),
    ):
        (store / ".work" / f"{name}.progress").write_text(text)
    assert read_under_way(store) == [good]


def test_a_disk_that_takes_nothing_stops_no_stage(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(under_way.os, "replace", full)
        with progress.overhearing(lambda *_: None):
            stage = Stage("t", lambda c, i, o: {}, 1)
            with under_way.telling(stage, store / ".work" / "t-1"):
                progress.report(1, 2, "")
    assert read_under_way(store) == []
