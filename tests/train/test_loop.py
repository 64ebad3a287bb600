import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from midspec import progress
from midspec.errors import TrainingError
from midspec.files import read_dicts
from midspec.train import loop
from midspec.train.guards import hold_out
from midspec.train.loop import check_updates, learning_rate
from midspec.train.model import attach, load_arm, load_base
from midspec.train.settings import LoopSettings
from midspec.train.update import Updates

from . import training
from .training import FULL, LORA, SETTINGS, UPDATES, assert_same_weights, tune


@pytest.fixture(scope="module")
def undisturbed(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("undisturbed")
    tune(tiny_model, work)
    return work


def test_training_lowers_the_loss_and_says_what_it_did(tiny_model: Path, tmp_path: Path) -> None:
    trained = tune(tiny_model, tmp_path)
    assert trained.updates == UPDATES
    assert trained.tokens == 80 * 12
    assert trained.last_loss < 0.9 * trained.first_loss
    rows = read_dicts(tmp_path / "steps.jsonl")
    assert [row["step"] for row in rows] == list(range(UPDATES))
    assert set(rows[0]) == {
        "step", "loss", "learning_rate", "gradient_norm", "spike", "tokens", "seconds",
        "tokens_per_second",
    }  # fmt: skip
    assert sum(row["tokens"] for row in rows) == trained.tokens
    assert trained.seconds == round(sum(row["seconds"] for row in rows), 1)


def test_the_same_seed_trains_the_same_weights(
    tiny_model: Path, tmp_path: Path, undisturbed: Path
) -> None:
    tune(tiny_model, tmp_path)
    assert_same_weights(tmp_path, undisturbed)


def test_full_training_moves_every_weight(tiny_model: Path, tmp_path: Path) -> None:
    trained = tune(tiny_model, tmp_path, FULL)
    assert trained.last_loss < 0.9 * trained.first_loss


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
    assert not (tmp_path / "steps.jsonl").exists()


def test_a_loss_that_is_no_number_stops_with_its_rows(tiny_model: Path, tmp_path: Path) -> None:
    found = r"loss is nan at step \d+ of 40.*bad_batch\.jsonl.*learning_rate \(now 1e"
    with pytest.raises(TrainingError, match=found):
        tune(tiny_model, tmp_path, settings=replace(SETTINGS, learning_rate=1e30))
    (first, second) = read_dicts(tmp_path / "bad_batch.jsonl")
    assert first["ids"] == training.rows()[first["row"]].ids
    assert first["row"] != second["row"] and first["counted"] == [True] * 12
    assert first["text"] == f"{len(first['ids'])} tokens"
    assert all(math.isfinite(row["loss"]) for row in training.steps_of(tmp_path))


def test_a_gradient_that_is_no_number_changes_no_weight(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainable = attach(load_base(tiny_model), LORA, None, seed=0)
    before = [master.clone() for master in trainable.masters]
    monkeypatch.setattr(Updates, "clip", lambda *_: math.inf)
    with pytest.raises(TrainingError, match="gradient norm is inf at step 1 of 40: training"):
        loop.train(trainable, training.rows(), SETTINGS, 0, 2, tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(trainable.masters, before, strict=True))


def test_a_run_that_gets_past_a_bad_batch_publishes_none(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "bad_batch.jsonl").write_text("{}")
    tune(tiny_model, tmp_path)
    assert not (tmp_path / "bad_batch.jsonl").exists()


def test_a_spike_is_marked_and_counted(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0] * 30 + [9.0] + [3.0] * 9)
    monkeypatch.setattr(loop, "_gradients", lambda *_: next(losses))
    monkeypatch.setattr(Updates, "clip", lambda *_: 1.0)
    trained = tune(tiny_model, tmp_path)
    assert [row["step"] for row in training.steps_of(tmp_path) if row["spike"]] == [30]
    assert trained.spikes == 1


def test_held_out_rows_are_read_now_and_then_and_never_trained_on(
    tiny_model: Path, tmp_path: Path
) -> None:
    """A run on what is left when they are taken out ends with the same weights."""
    settings = replace(SETTINGS, held_out=0.05)
    trained = tune(tiny_model, tmp_path / "held", settings=settings)
    kept, held = hold_out(training.rows(), 0.05, 0)
    tune(tiny_model, tmp_path / "kept", examples=kept)
    assert_same_weights(tmp_path / "held", tmp_path / "kept")
    read = {
        row["step"]: row["held_out_loss"]
        for row in training.steps_of(tmp_path / "held")
        if "held_out_loss" in row
    }
    assert sorted(read) == [0, 7, 15, 22, 30, 37]
    assert trained.held_out_rows == len(held) == 4
    assert (trained.first_held_out_loss, trained.last_held_out_loss) == (read[0], read[37])
    assert read[37] < read[0]


def test_reading_held_out_rows_leaves_the_model_in_training(
    tiny_model: Path, tmp_path: Path
) -> None:
    """Dropout is off while they are read, and on again after."""
    trainable = attach(load_base(tiny_model), LORA, None, seed=0)
    settings = replace(SETTINGS, held_out=0.05)
    modes: list[bool] = []

    def look(*_: object) -> None:
        modes.extend(module.training for module in trainable.model.modules())

    with progress.listening(look):
        loop.train(trainable, training.rows(), settings, 0, 2, tmp_path)
    assert set(modes) == {True}


def test_the_held_out_loss_is_the_mean_over_counted_tokens(
    tiny_model: Path, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, held_out=0.05)
    trained = tune(tiny_model, tmp_path, settings=settings)
    _, held = hold_out(training.rows(), 0.05, 0)
    model = load_arm(tiny_model, tmp_path)
    losses = [model(torch.tensor([e.ids]), labels=torch.tensor([e.ids])).loss for e in held]
    mean = sum(loss.item() for loss in losses) / len(losses)
    assert trained.last_held_out_loss == pytest.approx(mean, abs=0.05)  # bf16, merged


def test_updates_smaller_than_bf16_can_tell_are_not_lost(tiny_model: Path, tmp_path: Path) -> None:
    """The masters are float32: forty tiny updates of a whole model add up to visible ones."""
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
    assert config["target_modules"] == sorted(config["target_modules"])  # the same file each time
