"""Who builds a stage, among machines that share a store and no kernel."""

import errno
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from midspec.errors import StoreError
from midspec.run import lease as leases
from midspec.run.bucket import Bucket
from midspec.run.build import build, open_store
from midspec.run.lease import Lease, leased, locked
from midspec.run.stage import Stage, Summary

from .recipe import Config

WAIT = 60.0  # seconds that anything may take on a busy machine


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(str(tmp_path))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Holders are looked at, and beat, all the time; how long one may be silent is a test's."""
    monkeypatch.setattr(leases, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.01)
    yield monkeypatch


def taken(bucket: Bucket, lock: str) -> Lease:
    """A lease whose holder is never heard of again."""
    lease = Lease(bucket, "stage.lease", lock)
    lease.take()
    return lease


def test_a_lease_is_gone_when_it_is_given_up(bucket: Bucket, tmp_path: Path) -> None:
    with leased(bucket, "stage.lease", "lock a"):
        assert [path.name for path in tmp_path.iterdir()] == ["stage.lease-1"]
    assert list(tmp_path.iterdir()) == []


def test_a_holder_that_is_heard_of_is_waited_for(bucket: Bucket, quick: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def second() -> None:
        with leased(bucket, "stage.lease", "lock b"):
            order.append("second")

    with leased(bucket, "stage.lease", "lock a") as held:
        waiting = threading.Thread(target=second)
        waiting.start()
        while held.beats < 5:  # the second one has looked at it by then, or soon will
            assert waiting.is_alive()
            waiting.join(0.01)
        order.append("first")
    waiting.join(WAIT)
    assert order == ["first", "second"]


def test_a_silent_holder_loses_it_and_learns_so(bucket: Bucket, quick: pytest.MonkeyPatch) -> None:
    old = taken(bucket, "lock a")
    old.check()
    quick.setattr(leases, "STALE_SECONDS", 0.05)
    new = taken(bucket, "lock b")
    new.check()
    with pytest.raises(StoreError, match="another machine took the stage over"):
        old.check()
    old.release()
    new.check()  # what was lost can't be given up


def test_a_beat_that_is_being_written_is_no_lost_lease(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is empty for a moment while it is written again."""
    lease, write = taken(bucket, "lock a"), bucket.write
    emptied, go_on = threading.Event(), threading.Event()

    def in_two_steps(name: str, text: str) -> None:
        write(name, "")
        emptied.set()
        assert go_on.wait(WAIT)
        write(name, text)

    monkeypatch.setattr(bucket, "write", in_two_steps)
    beating = threading.Thread(target=lease.beat)
    beating.start()
    assert emptied.wait(WAIT)
    threading.Timer(0.2, go_on.set).start()
    lease.check()
    beating.join(WAIT)
    assert not lease.lost


def test_a_holder_under_the_same_lock_is_dead_and_nobody_waits_for_it(bucket: Bucket) -> None:
    taken(bucket, "lock a")
    taken(bucket, "lock a").check()  # else it would wait for two minutes


def test_one_of_many_takes_over(bucket: Bucket, quick: pytest.MonkeyPatch) -> None:
    taken(bucket, "lock")
    quick.setattr(leases, "STALE_SECONDS", 0.05)
    entered, most, inside = 0, 0, 0
    guard = threading.Lock()

    def work(number: int) -> None:
        nonlocal entered, most, inside
        with leased(bucket, "stage.lease", f"lock {number}"):
            quick.setattr(leases, "STALE_SECONDS", 1e9)
            with guard:
                entered, inside = entered + 1, inside + 1
                most = max(most, inside)
            with guard:
                inside -= 1

    racing = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join(WAIT)
    assert (entered, most) == (6, 1)


def test_two_locks_of_one_machine_differ_and_one_lock_is_always_the_same(tmp_path: Path) -> None:
    with locked(tmp_path / "a") as a, locked(tmp_path / "b") as b:
        assert a != b
    with locked(tmp_path / "a") as again:
        assert again == a


def test_where_a_folder_knows_no_locks_the_lease_does_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(leases.fcntl, "flock", unknown)
    with locked(tmp_path / "a") as a, locked(tmp_path / "a") as again:
        assert a != again  # so that neither takes the other for dead


def rob(config: Config, inputs: Mapping[str, Path], out: Path) -> Summary:
    """A stage during which another machine takes over."""
    name = f"{out.name}.lease-2"
    assert Bucket(str(out.parent)).create(name, '{"lock": "another", "id": "robber"}')
    return {}


def test_a_stage_that_another_machine_took_over_is_not_published(tmp_path: Path) -> None:
    store, stage = open_store(tmp_path / "store"), Stage("rob", rob, Config("x"))
    with pytest.raises(StoreError, match="another machine took the stage over"):
        build(stage, store)
    assert not stage.path(store).exists()
    left = [path.name for path in (store / ".work").glob("*.lease-2")]
    assert len(left) == 1  # it is the other machine's


def sleep_until_interrupted(config: Config, inputs: Mapping[str, Path], out: Path) -> Summary:
    """A stage that loses its lease and would go on for long."""
    rob(config, inputs, out)
    threading.Event().wait(WAIT)
    raise AssertionError("nobody interrupted it")


@pytest.mark.usefixtures("heard_signals")
def test_a_stage_that_lost_its_lease_is_interrupted(
    tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path / "store")
    with pytest.raises(StoreError, match="another machine took the stage over"):
        build(Stage("rob", sleep_until_interrupted, Config("x")), store)
