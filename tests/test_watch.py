import fcntl
import json
import platform
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console

from midspec import watch as watching
from midspec.errors import StoreError
from midspec.files import write_json, write_rows
from midspec.run.bucket import Bucket
from midspec.run.build import open_store
from midspec.run.remote import find_remote, mirror_of
from midspec.run.under_way import UnderWay
from midspec.watch import Watched, curve, watch_folder, watch_url

from .tiny import midspec, refused


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return open_store(tmp_path / "store")


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Locks of stages that some process builds; they end with the test."""
    with ExitStack() as stack:
        yield stack


def rows(losses: list[float]) -> list[dict[str, Any]]:
    return [
        {"step": n, "loss": loss, "tokens": 300, "seconds": 0.5, "spike": loss > 8}
        for n, loss in enumerate(losses)
    ]


def working(store: Path, name: str, held: ExitStack | None = None, **changes: Any) -> None:
    """A stage in progress, at 12 of 50 after 20 s; `held` is whether a process works on it."""
    now = time.time()
    state = UnderWay(
        name, changes.pop("title", name), platform.node(), now - 20, now, 12, 50, "note", 2
    )
    path = store / ".work" / f"{name}.progress"
    path.write_text(json.dumps({**asdict(state), **changes}))
    (store / ".work" / name).mkdir()
    lock = open(store / ".work" / f"{name}.lock", "w")  # noqa: SIM115
    if held:
        held.enter_context(lock)
        fcntl.flock(lock, fcntl.LOCK_EX)


def finished(store: Path, name: str, title: str, losses: list[float] | None = None) -> None:
    (store / name).mkdir()
    write_json(store / name / "manifest.json", {"title": title, "seconds": 75.0})
    if losses:
        write_rows(store / name / "steps.jsonl", rows(losses))


def seen(watched: Watched | None) -> tuple[list[str], bool]:
    """The lines that are shown, and whether that was the end."""
    assert watched is not None
    shown, ended = watched.frame()
    console = Console(width=150, color_system=None)
    with console.capture() as capture:
        console.print(shown)
    lines = [" ".join(line.split()) for line in capture.get().splitlines()]
    return [line for line in lines if line and set(line) != {"─"}], ended


def test_a_training_is_shown_with_its_loss_speed_and_time_left(
    store: Path, held: ExitStack
) -> None:
    working(store, "midtrain-1", held, title="midtrain old")
    write_rows(store / ".work" / "midtrain-1" / "steps.jsonl", rows([4.0, 3.0, 2.0]))
    lines, ended = seen(watch_folder(store))
    assert "0 stages done, 1 under way" in lines[0]
    assert lines[2] == "midtrain old runs █▅▁ 2.00 12/50 600 1 min 16 s left"
    assert not ended


def test_spikes_and_the_held_out_loss_are_shown_beside_it(store: Path, held: ExitStack) -> None:
    working(store, "midtrain-1", held)
    told = rows([4.0, 9.0, 2.0])
    told[0]["held_out_loss"], told[2]["held_out_loss"] = 4.5, 3.25
    write_rows(store / ".work" / "midtrain-1" / "steps.jsonl", told)
    lines, _ = seen(watch_folder(store))
    assert "2.00 held out 3.25 1 spike" in lines[2]


def test_other_stages_say_how_far_they_are(store: Path, held: ExitStack) -> None:
    working(store, "choices-1", held, title="aft: preference", note="answers")
    working(store, "corpus-1", held, title="corpus", done=0.25, total=1.0, first=None)
    lines, _ = seen(watch_folder(store))
    assert lines[2] == "aft: preference runs answers 12/50 1 min 16 s left"
    assert lines[3] == "corpus runs note 25%"


def test_what_failed_and_what_was_killed_is_told_apart(store: Path) -> None:
    working(store, "a-1", error="No chat has an answer. Look at them.")
    working(store, "b-1")
    lines, _ = seen(watch_folder(store))
    assert lines[2] == "a-1 failed No chat has an answer 12/50"
    assert lines[3] == "b-1 stopped 12/50"


def test_finished_stages_are_shown_the_last_ones_only(store: Path) -> None:
    for number in range(10):
        finished(store, f"midtrain-{number}", f"midtrain {number}", [3.0, 2.0])
    lines, _ = seen(watch_folder(store))
    assert "10 stages done, 0 under way" in lines[0]
    assert len(lines) == 2 + watching.FINISHED_SHOWN
    assert lines[2] == "midtrain 2 done █▁ 2.00 1 min 15 s"


def test_one_stage_is_watched_by_its_folder_until_it_is_finished(
    store: Path, held: ExitStack
) -> None:
    working(store, "midtrain-1", held, title="old")
    working(store, "midtrain-2", held, title="other")
    for path in (store / "midtrain-1", store / ".work" / "midtrain-1"):
        watched = watch_folder(path)
        lines, ended = seen(watched)
        assert [line.split()[0] for line in lines[2:]] == ["old"] and not ended
    finished(store, "midtrain-1", "old", [2.0])
    lines, ended = seen(watched)
    assert lines[2:] == ["old done ▁ 2.00 1 min 15 s"] and ended


@pytest.fixture
def elsewhere(tmp_path: Path) -> tuple[Path, Bucket]:
    """This machine's mirror of a store at a URL, and the store."""
    mirror = mirror_of(f"memory://{uuid4().hex}/store", tmp_path / "home")
    remote = find_remote(mirror)
    assert remote
    remote.opened()
    return mirror, remote.bucket


def sent(bucket: Bucket, name: str, losses: list[float], **changes: Any) -> None:
    """What another machine tells of a stage."""
    now = time.time()
    state = UnderWay(name, "midtrain old", "another", now - 20, now, 12, 50, "note", 2)
    bucket.write(f".work/{name}.progress", json.dumps({**asdict(state), **changes}))
    told = "".join(json.dumps(row) + "\n" for row in rows(losses))
    bucket.write(f".work/{name}.steps/000000", told)


def test_of_a_store_at_a_url_stages_of_every_machine_are_seen(
    elsewhere: tuple[Path, Bucket],
) -> None:
    mirror, bucket = elsewhere
    running, failed, done = (f"midtrain-{digit * 12}" for digit in "abc")
    sent(bucket, running, [4.0, 3.0, 2.0])
    sent(bucket, failed, [], title="other", error="The disk is full. Free some.")
    manifest = {"title": "old, done", "began": "2026-01-01T00:00:00+0000", "seconds": 75.0}
    bucket.write(f"{done}/manifest.json", json.dumps({**manifest, "outputs": {"steps.jsonl": ""}}))
    bucket.write(f"{done}/steps.jsonl", "".join(json.dumps(row) + "\n" for row in rows([3.0, 2.0])))
    watched = watch_folder(mirror)
    lines, ended = seen(watched)
    assert lines[2:] == [
        "old, done done █▁ 2.00 1 min 15 s",
        "midtrain old runs █▅▁ 2.00 12/50 600 1 min 16 s left",
        "other failed The disk is full 12/50",
    ]
    assert not ended
    sent(bucket, running, [4.0, 3.0, 2.0], at=time.time() - 121)
    assert "midtrain old stopped" in seen(watched)[0][3]


def test_a_store_at_a_url_or_a_stage_of_it_is_watched_by_its_address(
    elsewhere: tuple[Path, Bucket],
) -> None:
    mirror, bucket = elsewhere
    name = f"midtrain-{'a' * 12}"
    sent(bucket, name, [2.0])
    find = {bucket.url: mirror}.__getitem__
    for url in (bucket.url, f"{bucket.url}/{name}"):
        lines, _ = seen(watch_url(url, find))
        assert "midtrain old runs ▁ 2.00" in lines[2]
    assert watch_url(f"{bucket.url}/other", find) is None
    assert watch_url("memory://nothing", find) is None


def test_a_network_that_comes_back_is_waited_for(
    elsewhere: tuple[Path, Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror, bucket = elsewhere
    name = f"midtrain-{'a' * 12}"
    sent(bucket, name, [2.0])
    looks: list[int] = []
    names = Bucket.names

    def fail_once(bucket: Bucket, below: str) -> dict[str, int]:
        looks.append(1)
        if len(looks) == 2:
            raise StoreError("the network is gone")
        if len(looks) == 4:  # and the stage is finished
            about = {"began": "2026-01-01T00:00:00+0000", "seconds": 75.0, "outputs": {}}
            bucket.write(f"{name}/manifest.json", json.dumps(about))
        return names(bucket, below)

    monkeypatch.setattr(Bucket, "names", fail_once)
    monkeypatch.setattr("midspec.cli_watch.find_store", lambda url: mirror)
    monkeypatch.setattr("midspec.watch.SHOW_SECONDS", 0.0)
    said = midspec("watch", f"{bucket.url}/{name}")
    assert said.code == 0 and len(looks) == 4
    assert "1 of 1 stages done" in said.out


def test_a_run_ends_when_nothing_has_been_under_way_for_a_while(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    with ExitStack() as held:
        working(store, "a-1", held)
        watched = watch_folder(store)
        assert watched is not None
        watched.began = 0.0
        now[0] = 100.0
        assert not seen(watched)[1]
    now[0] += watching.QUIET_SECONDS
    assert not seen(watched)[1]
    now[0] += 1.0
    lines, ended = seen(watched)
    assert ended and "The run has stopped." in lines[0]


def test_a_run_that_has_not_begun_is_waited_for(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    watched = watch_folder(store)
    assert watched is not None
    watched.began = 0.0
    now[0] = watching.START_SECONDS
    assert not seen(watched)[1]
    now[0] += 1.0
    assert seen(watched)[1]


def test_a_curve_is_as_wide_as_asked_and_as_long_as_there_are_values() -> None:
    assert curve([1.0, 2.0, 3.0]) == "▁▅█"
    assert curve([5.0] * 3) == "▁▁▁"
    assert curve([]) == ""
    long = curve([float(n) for n in range(1000)])
    assert len(long) == watching.WIDTH and long[0] == "▁" and long[-1] == "█"


def test_the_verb_shows_an_experiment_s_stages(tiny_experiment: Path, tmp_path: Path) -> None:
    said = midspec("watch", tiny_experiment, "--store", tmp_path / "store", "--once")
    assert said.code == 0
    assert "tiny" in said.out and "0 of 14 stages done, 0 under way" in said.out
    assert not (tmp_path / "store").exists()


def test_the_verb_refuses_what_is_neither_an_experiment_nor_a_store(
    tmp_path: Path, store: Path
) -> None:
    for path in (tmp_path, tmp_path / "nothing.yaml", store / ".work"):
        refused(midspec("watch", path), str(path), "no store", "--store")
