import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from midspec import progress
from midspec.errors import StoreError
from midspec.train import checkpoint
from midspec.train.checkpoint import Checkpoint, Checkpoints, save_checkpoint, steps

RUN = "a run's digest"


def saved(folder: Path, *numbers: int) -> Path:
    for number in numbers:
        values = {"run": RUN, "metrics_bytes": 10 * number}
        save_checkpoint(folder, number, {"a": torch.full((100,), float(number))}, values)
    return folder


def newest(folder: Path, run: str = RUN, usable: Callable[[Any], bool] = bool) -> Checkpoint | None:
    return Checkpoints(folder, run, 60.0).load(usable)


def step_of(found: Checkpoint | None) -> int | None:
    return found.step if found else None


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10])


def blank(path: Path) -> None:
    """As long as it was and without its end: what a power cut can leave."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_newest_checkpoint_comes_back_with_its_values(tmp_path: Path) -> None:
    found = newest(saved(tmp_path / "c", 3, 7))
    assert found is not None
    assert found.step == 7
    assert torch.equal(found.tensors["a"], torch.full((100,), 7.0))
    assert found.values == {"run": RUN, "metrics_bytes": 70}


def test_two_are_kept(tmp_path: Path) -> None:
    assert sorted(steps(saved(tmp_path / "c", 8, 9, 10, 11))) == [10, 11]


def test_none_is_none(tmp_path: Path) -> None:
    assert newest(tmp_path / "c") is None


@pytest.mark.parametrize("tear", [truncate, blank, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", [checkpoint.STATE, checkpoint.ABOUT])
def test_a_torn_newest_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, tear: Callable[[Path], object], name: str
) -> None:
    folder = saved(tmp_path / "c", 3, 7)
    tear(folder / "7" / name)
    assert step_of(newest(folder)) == 3
    assert steps(folder) == [3]


def test_when_all_are_torn_training_starts_afresh(tmp_path: Path) -> None:
    folder = saved(tmp_path / "c", 3, 7)
    for number in (3, 7):
        truncate(folder / str(number) / checkpoint.STATE)
    assert newest(folder) is None


def test_what_a_kill_left_half_written_never_counts_and_is_cleared_away(tmp_path: Path) -> None:
    folder = saved(tmp_path / "c", 3)
    (folder / ".7.partial").mkdir()
    (folder / ".7.partial" / checkpoint.STATE).write_bytes(b"half")
    assert step_of(newest(folder)) == 3
    assert [path.name for path in folder.iterdir()] == ["3"]


def test_a_checkpoint_of_other_data_or_settings_is_not_used_and_that_is_said(
    tmp_path: Path,
) -> None:
    folder, said = saved(tmp_path / "c", 3), []
    with progress.listening(lambda *_: None, said.append):
        assert newest(folder, run="another") is None
    assert len(said) == 1
    assert f"The checkpoint of step 3 in {folder} is of other data or settings" in said[0]


def test_one_whose_values_cannot_be_used_falls_back_to_the_one_before(tmp_path: Path) -> None:
    folder = saved(tmp_path / "c", 3, 7)
    assert step_of(newest(folder, usable=lambda values: values["metrics_bytes"] < 70)) == 3


def test_a_full_disk_is_a_store_error_and_leaves_the_last_checkpoint_and_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path / "c", 3)
    monkeypatch.setattr(checkpoint, "write_text", full_disk)  # after the tensors were written
    with pytest.raises(StoreError, match="disk is full"):
        saved(folder, 7)
    assert [path.name for path in folder.iterdir()] == ["3"]
    assert step_of(newest(folder)) == 3


def test_a_full_disk_is_told_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, said = tmp_path / "c", []
    checkpoints = Checkpoints(folder, RUN, 60.0)
    with progress.listening(lambda *_: None, said.append):
        checkpoints.save(3, lambda: ({"a": torch.zeros(1)}, {}))
        with monkeypatch.context() as patched:
            patched.setattr(checkpoint, "save_file", full_disk)
            for step in (4, 5):
                checkpoints.save(step, lambda: ({"a": torch.zeros(1)}, {}))
        checkpoints.save(6, lambda: ({"a": torch.zeros(1)}, {}))
    assert len(said) == 1
    for words in (str(folder), "No space left", "Training goes on", "trained since step 3"):
        assert words in said[0]
    assert sorted(steps(folder)) == [3, 6]


def test_one_is_due_after_its_time_and_later_where_writing_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    checkpoints = Checkpoints(tmp_path / "c", RUN, 15.0)

    def due_from(start: float) -> float:
        now[0] = start
        while not checkpoints.due():
            now[0] += 0.5
        return now[0] - start

    def slow() -> tuple[dict[str, torch.Tensor], dict[str, object]]:
        now[0] += 3.0
        return {}, {}

    assert due_from(0.0) == 15.0
    checkpoints.save(1, lambda: ({}, {}))
    assert due_from(now[0]) == 15.0
    checkpoints.save(2, slow)
    assert due_from(now[0]) == pytest.approx(150.0)  # 2% of the time for writing
    checkpoints.save(3, lambda: ({}, {}))
    assert due_from(now[0]) == 15.0
