"""A run that was killed, told to stop, or short of disk goes on to the same weights to the bit."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from midspec import progress
from midspec.errors import StoreError
from midspec.train import checkpoint, forward, loop
from midspec.train.batches import Example

from . import training
from .training import LORA, UPDATES, WAYS, assert_same_weights, steps_of, tune, weights

ROOT = Path(__file__).resolve().parents[2]
KILLS = 8


@pytest.fixture(scope="module")
def undisturbed(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("undisturbed")
    tune(tiny_model, work)
    return work


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every step."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)


def interrupt_at(step: int) -> progress.Listener:
    def listener(done: float, total: float, note: str) -> None:
        if done == step:
            raise KeyboardInterrupt

    return listener


def go_on(model: Path, work: Path) -> list[float]:
    """Run again what was interrupted; the steps that it did."""
    done: list[float] = []
    with progress.listening(lambda now, total, note: done.append(now)):
        assert tune(model, work).updates == UPDATES
    return done


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_half_way(tensors: object, path: Path) -> None:
    """As safetensors fails, which has an error of its own."""
    path.write_bytes(b"half of it")
    raise SafetensorError('I/O error: Os { code: 28, message: "No space left on device" }')


@pytest.mark.parametrize("way", WAYS)
def test_a_run_killed_at_any_line_goes_on_to_the_same_weights_and_metrics(
    tiny_model: Path, tmp_path: Path, way: str
) -> None:
    """Killed without warning while it trains, writes a checkpoint or its metrics, or resumes; every
    third time when half of a checkpoint's tensors are on the disk."""
    seed = list(WAYS).index(way)
    runs = {}
    for name, most in (("calm", 0), ("killed", KILLS)):
        work = tmp_path / name
        command = [sys.executable, "-m", training.__name__, tiny_model, work, way, most, seed]
        found = subprocess.run(
            [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stderr
        runs[name] = json.loads(found.stdout.splitlines()[-1])
    assert runs["calm"]["ended"] == runs["killed"]["ended"] == 0
    assert len(set(runs["killed"]["at"])) >= 3  # it got on in between
    assert_same_weights(tmp_path / "calm", tmp_path / "killed")
    assert steps_of(tmp_path / "calm") == steps_of(tmp_path / "killed")
    assert [row["step"] for row in steps_of(tmp_path / "killed")] == list(range(UPDATES))
    assert not list(tmp_path.glob("killed/.checkpoint/.*"))


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("step", [1, 13, UPDATES])
def test_an_interrupted_run_repeats_no_step(
    tiny_model: Path, tmp_path: Path, undisturbed: Path, step: int
) -> None:
    with pytest.raises(KeyboardInterrupt), progress.listening(interrupt_at(step)):
        tune(tiny_model, tmp_path)
    assert go_on(tiny_model, tmp_path) == list(range(step + 1, UPDATES + 1))
    assert_same_weights(tmp_path, undisturbed)
    assert steps_of(tmp_path) == steps_of(undisturbed)


@pytest.mark.usefixtures("every_step")
def test_a_torn_newest_checkpoint_costs_one_interval_and_no_bit(
    tiny_model: Path, tmp_path: Path, undisturbed: Path
) -> None:
    with pytest.raises(KeyboardInterrupt), progress.listening(interrupt_at(13)):
        tune(tiny_model, tmp_path)
    (tmp_path / ".checkpoint" / "13" / checkpoint.STATE).write_bytes(b"torn")
    assert go_on(tiny_model, tmp_path)[0] == 13
    assert_same_weights(tmp_path, undisturbed)
    assert steps_of(tmp_path) == steps_of(undisturbed)


@pytest.mark.usefixtures("every_step")
def test_a_checkpoint_without_its_metrics_is_not_gone_on_from(
    tiny_model: Path, tmp_path: Path, undisturbed: Path
) -> None:
    with pytest.raises(KeyboardInterrupt), progress.listening(interrupt_at(13)):
        tune(tiny_model, tmp_path)
    (tmp_path / "steps.jsonl").unlink()
    assert go_on(tiny_model, tmp_path)[0] == 1
    assert steps_of(tmp_path) == steps_of(undisturbed)


@pytest.mark.usefixtures("every_step")
def test_other_rows_under_the_same_settings_begin_anew(tiny_model: Path, tmp_path: Path) -> None:
    """As when another version of a tokenizer cuts the same texts in another way."""
    with pytest.raises(KeyboardInterrupt), progress.listening(interrupt_at(13)):
        tune(tiny_model, tmp_path / "other")
    others = [Example([*row.ids[:-1], 3], row.counted) for row in training.rows()]
    tune(tiny_model, tmp_path / "fresh", examples=others)
    tune(tiny_model, tmp_path / "other", examples=others)
    assert_same_weights(tmp_path / "other", tmp_path / "fresh")


@pytest.mark.usefixtures("every_step")
def test_what_draws_at_random_in_a_step_goes_on_with_the_same_draws(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = forward.next_token_loss

    def noisy(*arguments: Any) -> torch.Tensor:
        return plain(*arguments) * (1 + torch.rand(()) + random.gauss(0, 0.1))

    monkeypatch.setattr(forward, "next_token_loss", noisy)
    random.seed(0)
    tune(tiny_model, tmp_path / "whole")
    random.seed(0)
    with pytest.raises(KeyboardInterrupt), progress.listening(interrupt_at(13)):
        tune(tiny_model, tmp_path / "parts")
    random.seed(1)
    tune(tiny_model, tmp_path / "parts")
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_told_to_stop_saves_its_last_step_and_goes_on_from_there(
    tiny_model: Path, tmp_path: Path, undisturbed: Path, number: int
) -> None:
    """A cluster's notice, or Ctrl-C, long before a checkpoint would be due."""

    def tell(done: float, total: float, note: str) -> None:
        if done == 12:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt), progress.listening(tell):
        tune(tiny_model, tmp_path)
    assert [row["step"] for row in steps_of(tmp_path)] == list(range(13))
    assert go_on(tiny_model, tmp_path)[0] == 14
    assert_same_weights(tmp_path, undisturbed)


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("full", [full_disk, full_half_way])
def test_a_disk_that_is_full_for_a_while_costs_no_step_and_is_told_once(
    tiny_model: Path,
    tmp_path: Path,
    undisturbed: Path,
    monkeypatch: pytest.MonkeyPatch,
    full: Callable[..., None],
) -> None:
    said: list[str] = []
    with monkeypatch.context() as patched:

        def until_30(done: float, total: float, note: str) -> None:
            if done == 30:
                patched.undo()

        patched.setattr(checkpoint, "save_file", full)
        with progress.listening(until_30, said.append):
            tune(tiny_model, tmp_path)
    assert len(said) == 1 and "Training goes on" in said[0]
    assert not list(tmp_path.glob(".checkpoint/.*"))
    assert_same_weights(tmp_path, undisturbed)
    assert sorted(checkpoint.steps(tmp_path / ".checkpoint")) == [39, 40]


@pytest.mark.usefixtures("every_step")
def test_a_disk_that_is_full_at_the_end_is_an_error_and_the_rerun_goes_on(
    tiny_model: Path, tmp_path: Path, undisturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def from_30(done: float, total: float, note: str) -> None:
            if done == 30:
                patched.setattr("midspec.train.metrics.Metrics._write", full_disk)

        with pytest.raises(StoreError, match="disk is full"), progress.listening(from_30):
            tune(tiny_model, tmp_path)
    assert go_on(tiny_model, tmp_path)[0] == 31
    assert_same_weights(tmp_path, undisturbed)
    assert steps_of(tmp_path) == steps_of(undisturbed)


def test_the_test_of_weights_can_fail(tiny_model: Path, tmp_path: Path, undisturbed: Path) -> None:
    tune(tiny_model, tmp_path, LORA, examples=training.rows()[::-1])
    with pytest.raises(AssertionError):
        assert_same_weights(tmp_path, undisturbed)
    assert weights(tmp_path).keys() == weights(undisturbed).keys()
