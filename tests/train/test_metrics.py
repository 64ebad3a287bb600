import errno
import json
import os
from pathlib import Path

import pytest

from midspec.errors import StoreError
from midspec.train.metrics import LOSSES, Metrics, Tail, read_metrics


def row(step: int) -> dict[str, object]:
    return {"step": step, "loss": float(step)}


def written(path: Path, count: int) -> list[int]:
    """A file of so many rows; its size after each."""
    metrics, sizes = Metrics(path), []
    for step in range(count):
        metrics.add(row(step))
        sizes.append(metrics.sync())
    metrics.close()
    return sizes


class FullDisk:
    """A file of which only `room` bytes can still be written."""

    def __init__(self, file: object, room: int) -> None:
        self.file, self.room = file, room

    def write(self, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = data[: self.room]
        self.room -= len(taken)
        return self.file.write(taken)  # type: ignore[attr-defined, no-any-return]

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


def test_a_row_is_on_the_disk_as_soon_as_it_is_there(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "m.jsonl")
    for step in range(3):
        metrics.add(row(step))
        assert read_metrics(tmp_path / "m.jsonl") == [row(n) for n in range(step + 1)]


def test_going_on_from_a_checkpoint_cuts_off_what_came_after_it(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    sizes = written(path, 5)
    with open(path, "a") as file:
        file.write('{"step": 5, "lo')  # what a kill has torn
    metrics = Metrics(path, sizes[2])
    assert metrics.rows == [row(0), row(1), row(2)]
    metrics.add(row(3))
    assert read_metrics(path) == [row(0), row(1), row(2), row(3)]


def test_without_a_checkpoint_it_begins_anew(tmp_path: Path) -> None:
    written(tmp_path / "m.jsonl", 5)
    assert Metrics(tmp_path / "m.jsonl").rows == []
    assert read_metrics(tmp_path / "m.jsonl") == []


def test_a_full_disk_loses_no_row_and_tears_none(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    metrics = Metrics(path)
    metrics.add(row(0))
    file = metrics._file
    metrics._file = FullDisk(file, 10)  # type: ignore[assignment]
    for step in (1, 2):
        metrics.add(row(step))
    assert read_metrics(path) == [row(0)]
    with pytest.raises(StoreError, match=r"disk is full.*m\.jsonl"):
        metrics.sync()
    metrics._file = file
    metrics.add(row(3))
    assert metrics.sync() == path.stat().st_size
    assert read_metrics(path) == metrics.rows == [row(n) for n in range(4)]


def test_the_losses_are_the_last_ones(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "m.jsonl")
    for step in range(LOSSES + 5):
        metrics.add(row(step))
    assert metrics.losses() == [float(step) for step in range(5, LOSSES + 5)]


def test_who_looks_on_sees_whole_rows_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    tail = Tail(path)
    assert tail.refresh() == []
    line = json.dumps(row(0)) + "\n"
    for text, seen in ((line[:5], 0), (line[5:], 1), (json.dumps(row(1)), 1), ("\n", 2)):
        with open(path, "a") as file:
            file.write(text)
        assert tail.refresh() == [row(n) for n in range(seen)]


def test_who_looks_on_follows_a_run_back_to_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    sizes = written(path, 5)
    tail = Tail(path)
    assert len(tail.refresh()) == 5
    metrics = Metrics(path, sizes[1])
    assert tail.refresh() == [row(0), row(1)]
    metrics.add(row(2))
    assert tail.refresh() == [row(0), row(1), row(2)]
    path.unlink()
    assert tail.refresh() == []
