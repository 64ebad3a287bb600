import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from midspec.errors import StoreError
from midspec.train import checkpoint
from midspec.train.checkpoint import load_checkpoint, save_checkpoint, steps


def saved(folder: Path, *numbers: int) -> Path:
    for number in numbers:
        save_checkpoint(folder, number, {"a": torch.full((100,), float(number))})
    return folder


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10])


def test_the_newest_checkpoint_comes_back(tmp_path: Path) -> None:
    found = load_checkpoint(saved(tmp_path / "c", 3, 7))
    assert found is not None
    assert found[0] == 7
    assert torch.equal(found[1]["a"], torch.full((100,), 7.0))


def test_two_are_kept(tmp_path: Path) -> None:
    assert sorted(steps(saved(tmp_path / "c", 8, 9, 10, 11))) == [10, 11]


def test_none_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "c") is None


@pytest.mark.parametrize("tear", [truncate, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_torn_newest_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, tear: Callable[[Path], object]
) -> None:
    folder = saved(tmp_path / "c", 3, 7)
    tear(folder / "7" / "state.safetensors")
    found = load_checkpoint(folder)
    assert found is not None
    assert found[0] == 3
    assert steps(folder) == [3]


def test_when_all_are_torn_training_starts_afresh(tmp_path: Path) -> None:
    folder = saved(tmp_path / "c", 3, 7)
    for number in (3, 7):
        truncate(folder / str(number) / "state.safetensors")
    assert load_checkpoint(folder) is None


def test_what_a_kill_left_half_written_never_counts(tmp_path: Path) -> None:
    folder = saved(tmp_path / "c", 3)
    (folder / ".7.partial").mkdir()
    (folder / ".7.partial" / "state.safetensors").write_bytes(b"half")
    found = load_checkpoint(folder)
    assert found is not None and found[0] == 3
    saved(folder, 7)
    assert sorted(steps(folder)) == [3, 7]


def test_a_full_disk_is_a_store_error_and_leaves_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path / "c", 3)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(StoreError, match="disk is full"):
        saved(folder, 7)
    found = load_checkpoint(folder)
    assert found is not None and found[0] == 3
