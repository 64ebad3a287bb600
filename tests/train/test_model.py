import re
import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError

from midspec.errors import MidspecError, ModelError, StoreError
from midspec.train.model import attach, load_arm, load_base, load_tokenizer, save
from midspec.train.stack import find_stack

from .training import FULL, LORA, tune, weights

IDS = torch.tensor([[5, 8, 11, 14, 17, 20]])


@pytest.fixture(scope="module")
def midtrained(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA stage's output."""
    work = tmp_path_factory.mktemp("midtrained")
    tune(tiny_model, work)
    return work


@pytest.fixture(scope="module")
def fully(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full stage's output."""
    work = tmp_path_factory.mktemp("fully")
    tune(tiny_model, work, FULL)
    return work


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS).logits.float()


def test_a_base_model_is_bf16_and_frozen(tiny_model: Path) -> None:
    model = load_base(tiny_model)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert not any(p.requires_grad for p in model.parameters())
    assert not model.training


def test_a_folder_that_holds_no_model_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="can't be loaded as a causal language model"):
        load_base(tmp_path)


@pytest.mark.parametrize(
    ("file", "load", "words"),
    [
        ("model.safetensors", load_base, "can't be loaded as a causal language model"),
        ("tokenizer.json", load_tokenizer, "The tokenizer in .* can't be loaded"),
    ],
)
def test_a_damaged_file_of_a_model_is_a_model_error(
    tiny_model: Path, tmp_path: Path, file: str, load: Any, words: str
) -> None:
    shutil.copytree(tiny_model, tmp_path / "damaged")
    (tmp_path / "damaged" / file).write_bytes(b"{" * 99)
    with pytest.raises(ModelError, match=words):
        load(tmp_path / "damaged")


def test_a_model_in_pickle_is_not_read(tiny_model: Path, tmp_path: Path) -> None:
    """Only safetensors are: reading a pickle runs whatever is in it."""
    shutil.copytree(tiny_model, tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").unlink()
    weights = load_base(tiny_model).state_dict()
    torch.save(weights, tmp_path / "pickled" / "pytorch_model.bin")
    with pytest.raises(ModelError, match="can't be loaded"):
        load_base(tmp_path / "pickled")


def test_a_tokenizer_without_a_chat_template_is_a_model_error(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "plain"
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("*.jinja"))
    with pytest.raises(ModelError, match=r"no chat template.*Use the instruct variant"):
        load_tokenizer(folder)


def test_a_new_adapter_changes_nothing_before_training(tiny_model: Path) -> None:
    trainable = attach(load_base(tiny_model), LORA, None, seed=0)
    assert torch.equal(logits(trainable.model), logits(load_base(tiny_model)))


def test_an_adapter_is_on_every_projection_and_nothing_else_is_trained(tiny_model: Path) -> None:
    trainable = attach(load_base(tiny_model), LORA, None, seed=0)
    names = [name for name, p in trainable.model.named_parameters() if p.requires_grad]
    projections = {name.split(".lora_")[0].rsplit(".", 1)[1] for name in names}
    assert projections == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"
    }  # fmt: skip
    assert {p.dtype for p in trainable.parameters} == {torch.bfloat16}
    assert {master.dtype for master in trainable.masters} == {torch.float32}


def test_layers_below_the_first_are_left_as_they_are(tiny_model: Path) -> None:
    trainable = attach(load_base(tiny_model), replace(LORA, first_layer=1), None, seed=0)
    names = [name for name, p in trainable.model.named_parameters() if p.requires_grad]
    assert {re.findall(r"layers\.(\d+)\.", name)[0] for name in names} == {"1"}
    assert len(names) == len(attach(load_base(tiny_model), LORA, None, seed=0).parameters) // 2


def test_a_first_layer_that_the_model_lacks_is_refused_with_words(tiny_model: Path) -> None:
    with pytest.raises(MidspecError, match=r"first_layer .*2 .*layers"):
        attach(load_base(tiny_model), replace(LORA, first_layer=2), None, seed=0)


def test_the_adapter_s_start_is_a_function_of_the_seed(tiny_model: Path) -> None:
    one, same, other = (
        attach(load_base(tiny_model), LORA, None, seed).masters for seed in (0, 0, 1)
    )
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_second_stage_starts_from_the_first_one_s_weights(
    tiny_model: Path, midtrained: Path
) -> None:
    trainable = attach(load_base(tiny_model), LORA, find_stack(tiny_model, midtrained), seed=5)
    saved = weights(midtrained)
    names = [name for name, p in trainable.model.named_parameters() if p.requires_grad]
    assert len(names) == len(saved)
    for name, master in zip(names, trainable.masters, strict=True):
        assert torch.equal(master, saved[name.replace(".default", "")])


def test_a_second_full_stage_starts_from_the_first_one_s_weights(
    tiny_model: Path, fully: Path
) -> None:
    before = find_stack(tiny_model, fully)
    trainable = attach(load_base(before.weights), FULL, before, seed=5)
    assert torch.equal(logits(trainable.model), logits(load_arm(tiny_model, fully)))


def test_merging_equals_the_adapter_s_forward_pass(tiny_model: Path, midtrained: Path) -> None:
    """Merged weights are rounded to bf16 once: a small error beside what training changed."""
    apart = attach(load_base(tiny_model), LORA, find_stack(tiny_model, midtrained), seed=0)
    for parameter, master in zip(apart.parameters, apart.masters, strict=True):
        parameter.data = master
    adapted = logits(apart.model.float())
    merged = logits(deepcopy(load_arm(tiny_model, midtrained)).float())
    base = logits(load_base(tiny_model).float())
    assert (merged - adapted).norm() < 0.03 * (adapted - base).norm()


def test_an_arm_is_bf16_frozen_and_has_no_adapter_left(tiny_model: Path, midtrained: Path) -> None:
    arm = load_arm(tiny_model, midtrained)
    assert {p.dtype for p in arm.parameters()} == {torch.bfloat16}
    assert not any("lora" in name for name, _ in arm.named_parameters())


def test_merging_leaves_rotary_frequencies_exact(tiny_model: Path, midtrained: Path) -> None:
    base: Any = load_base(tiny_model)
    arm: Any = load_arm(tiny_model, midtrained)
    frequencies = arm.model.rotary_emb.inv_freq
    assert frequencies.dtype == torch.float32
    assert torch.equal(frequencies, base.model.rotary_emb.inv_freq)


def test_an_arm_without_training_is_the_base_model(tiny_model: Path) -> None:
    assert torch.equal(logits(load_arm(tiny_model, None)), logits(load_base(tiny_model)))


def test_a_fully_trained_arm_is_its_own_model(tiny_model: Path, fully: Path) -> None:
    assert not (fully / "adapter" / "adapter_config.json").exists()
    assert not torch.equal(logits(load_arm(tiny_model, fully)), logits(load_base(tiny_model)))


def test_what_is_saved_holds_no_path_of_this_machine(
    tiny_model: Path, midtrained: Path, fully: Path
) -> None:
    for work in (midtrained, fully):
        for file in (work / "adapter").glob("*.json"):
            assert str(tiny_model.parent) not in file.read_text(), file
    assert (
        '"base_model_name_or_path": "tiny"'
        in (midtrained / "adapter" / "adapter_config.json").read_text()
    )
    assert not (midtrained / "adapter" / "README.md").exists()


def test_an_adapter_is_saved_in_float32(midtrained: Path) -> None:
    assert {tensor.dtype for tensor in weights(midtrained).values()} == {torch.float32}


def test_a_full_disk_while_saving_is_a_store_error(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainable = attach(load_base(tiny_model), LORA, None, seed=0)

    def full(*_: object, **__: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(trainable.model, "save_pretrained", full)
    with pytest.raises(StoreError, match="disk is full"):
        save(trainable, tmp_path, "tiny")


def test_pickled_weights_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "pickled")
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no file named model\.safetensors"):
        load_base(folder)
