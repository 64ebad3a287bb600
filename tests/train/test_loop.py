import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from midspec import progress
from midspec.errors import TrainingError
from midspec.files import read_dicts
from midspec.train import loop
from midspec.train.loop import check_updates, learning_rate
from midspec.train.settings import LoopSettings

from . import training
from .training import FULL, LORA, SETTINGS, tune, weights

ROOT = Path(__file__).resolve().parents[2]
UPDATES = 40


@pytest.fixture(scope="module")
def undisturbed(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("undisturbed")
    tune(tiny_model, work)
    return work


def assert_same_weights(one: Path, other: Path) -> None:
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def interrupt_at(step: int) -> progress.Listener:
    def listener(done: float, total: float, note: str) -> None:
        if done == step:
            raise KeyboardInterrupt

    return listener


def test_training_lowers_the_loss_and_says_what_it_did(tiny_model: Path, tmp_path: Path) -> None:
    trained = tune(tiny_model, tmp_path)
    assert trained.updates == UPDATES
    assert trained.tokens == 80 * 12
    assert trained.last_loss < 0.9 * trained.first_loss
    log = read_dicts(tmp_path / "log.jsonl")
    assert [row["step"] for row in log] == list(range(UPDATES))
    assert set(log[0]) == {"step", "loss", "lr", "seconds"}


def test_the_same_seed_trains_the_same_weights(
    tiny_model: Path, tmp_path: Path, undisturbed: Path
) -> None:
    tune(tiny_model, tmp_path)
    assert_same_weights(tmp_path, undisturbed)


@pytest.mark.parametrize("step", [1, 13, UPDATES])
def test_an_interrupted_run_goes_on_to_bit_identical_weights(
    tiny_model: Path,
    tmp_path: Path,
    undisturbed: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    with pytest.raises(KeyboardInterrupt), progress.listening(interrupt_at(step)):
        tune(tiny_model, tmp_path)
    done: list[float] = []
    with progress.listening(lambda now, total, note: done.append(now)):
        trained = tune(tiny_model, tmp_path)
    assert done == list(range(step + 1, UPDATES + 1))
    assert_same_weights(tmp_path, undisturbed)
    losses = [[row["loss"] for row in read_dicts(w / "log.jsonl")] for w in (tmp_path, undisturbed)]
    assert losses[0] == losses[1]
    assert trained.updates == UPDATES


def test_a_killed_run_goes_on_to_bit_identical_weights(
    tiny_model: Path, tmp_path: Path, undisturbed: Path
) -> None:
    command = [sys.executable, "-m", training.__name__, str(tiny_model), str(tmp_path), "17"]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "adapter").exists()
    done: list[float] = []
    with progress.listening(lambda now, total, note: done.append(now)):
        tune(tiny_model, tmp_path)
    assert done[0] == 18
    assert_same_weights(tmp_path, undisturbed)


def test_a_torn_newest_checkpoint_costs_one_interval_and_no_bit(
    tiny_model: Path, tmp_path: Path, undisturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    with pytest.raises(KeyboardInterrupt), progress.listening(interrupt_at(13)):
        tune(tiny_model, tmp_path)
    (tmp_path / ".checkpoint" / "13" / "state.safetensors").write_bytes(b"torn")
    done: list[float] = []
    with progress.listening(lambda now, total, note: done.append(now)):
        tune(tiny_model, tmp_path)
    assert done[0] == 13
    assert_same_weights(tmp_path, undisturbed)


def test_full_training_moves_every_weight_and_resumes(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = tune(tiny_model, tmp_path / "whole", FULL)
    assert trained.last_loss < 0.9 * trained.first_loss
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    with pytest.raises(KeyboardInterrupt), progress.listening(interrupt_at(13)):
        tune(tiny_model, tmp_path / "parts", FULL)
    tune(tiny_model, tmp_path / "parts", FULL)
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")


def test_warm_up_is_linear_and_the_end_is_near_zero() -> None:
    settings = LoopSettings(learning_rate=1.0, warmup_fraction=0.1)
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert max(rates) == rates[9] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[55] == pytest.approx(0.5, abs=0.01)
    assert 0 < rates[-1] < 0.001


def test_without_warm_up_the_first_rate_is_not_zero() -> None:
    assert learning_rate(0, 30, LoopSettings(warmup_fraction=0)) == LoopSettings().learning_rate


def test_fewer_than_20_updates_are_refused_with_what_would_make_more() -> None:
    check_updates(20, 1000, SETTINGS)
    with pytest.raises(TrainingError) as caught:
        check_updates(19, 1234, SETTINGS)
    for words in ("19 updates", "1,234 tokens", "24 tokens_per_step", "1 epochs", "smaller"):
        assert words in str(caught.value)


def test_too_little_data_is_refused_before_any_step(tiny_model: Path, tmp_path: Path) -> None:
    few = replace(SETTINGS, tokens_per_step=2400)
    with pytest.raises(TrainingError, match="This run would make 1 updates"):
        tune(tiny_model, tmp_path, settings=few)
    assert not (tmp_path / "log.jsonl").exists()


def test_a_loss_that_is_no_number_names_the_step_and_the_rate(
    tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        TrainingError, match=r"loss is nan at step \d+ of 40.*learning_rate \(now 1e"
    ):
        tune(tiny_model, tmp_path, settings=replace(SETTINGS, learning_rate=1e30))


def test_updates_smaller_than_bf16_can_tell_are_not_lost(tiny_model: Path, tmp_path: Path) -> None:
    """The masters are float32: forty tiny updates of a whole model add up to visible ones."""
    from midspec.train.model import attach, load_base

    slow = replace(SETTINGS, learning_rate=1e-4, warmup_fraction=0.0, weight_decay=0.0)
    trainable = attach(load_base(tiny_model), FULL, None, seed=0)
    before = [master.clone() for master in trainable.masters]
    loop.train(trainable, training.rows(), slow, 0, 2, tmp_path)
    moved = [(a - b).abs().max().item() for a, b in zip(trainable.masters, before, strict=True)]
    assert min(moved) > 5e-4


def test_progress_tells_steps_loss_and_speed(tiny_model: Path, tmp_path: Path) -> None:
    told: list[tuple[float, float, str]] = []
    with progress.listening(lambda *what: told.append(what)):
        tune(tiny_model, tmp_path)
    assert [done for done, _, _ in told] == list(range(1, UPDATES + 1))
    assert all(total == UPDATES for _, total, _ in told)
    assert told[-1][2].startswith("loss ")


def test_the_adapter_s_settings_are_saved(undisturbed: Path) -> None:
    config = json.loads((undisturbed / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (LORA.rank, LORA.alpha)
    assert config["lora_dropout"] == 0
