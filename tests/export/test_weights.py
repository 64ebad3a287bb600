"""What an exported folder holds is the arm, for every program that is said to read it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from midspec.errors import ConfigError, ModelError
from midspec.export.weights import Dtype, write_adapter, write_merged
from midspec.files import read_json
from midspec.train.model import load_arm, load_base, load_tokenizer
from tests.arms import HOSTILE, Finished

IDS = torch.tensor([[5, 8, 11, 14, 17, 20] * 20])
ARMS = ["msm+aft", "fresh", "part", "merged", "full", "full+lora", HOSTILE]
SUMS = ["msm+aft", "fresh", "part", HOSTILE]  # of the base model and adapters


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS).logits.float()  # type: ignore[no-any-return]


def trained(finished: Finished, arm: str) -> Path:
    stage = finished.planned.arms[arm, 0]
    assert stage
    return stage.path(finished.store)


def merged(finished: Finished, arm: str, out: Path, dtype: Dtype = "bfloat16") -> Path:
    out.mkdir(exist_ok=True)
    write_merged(finished.model, trained(finished, arm), dtype, out)
    return out


def adapter(finished: Finished, arm: str, out: Path, dtype: Dtype = "float32") -> Path:
    write_adapter(finished.model, trained(finished, arm), "owner/base", dtype, arm, out)
    return out


@pytest.mark.parametrize("arm", ARMS)
def test_transformers_loads_an_exported_model_as_the_arm_itself(
    finished: Finished, tmp_path: Path, arm: str
) -> None:
    from transformers import AutoModelForCausalLM

    out = merged(finished, arm, tmp_path)
    found = AutoModelForCausalLM.from_pretrained(out)
    assert found.dtype == torch.bfloat16
    expected = logits(load_arm(finished.model, trained(finished, arm)))
    assert torch.equal(logits(found), expected)
    assert not torch.equal(expected, logits(load_base(finished.model)))


def test_tied_weights_are_written_once(finished: Finished, tmp_path: Path) -> None:
    tensors = load_file(merged(finished, "msm+aft", tmp_path) / "model.safetensors")
    assert "model.embed_tokens.weight" in tensors
    assert "lm_head.weight" not in tensors
    assert read_json(tmp_path / "config.json")["tie_word_embeddings"] is True


def test_float32_keeps_what_bf16_rounds_away(finished: Finished, tmp_path: Path) -> None:
    fine = load_file(merged(finished, "msm+aft", tmp_path / "a", "float32") / "model.safetensors")
    coarse = load_file(merged(finished, "msm+aft", tmp_path / "b") / "model.safetensors")
    name = "model.layers.0.mlp.up_proj.weight"
    assert (fine[name].dtype, coarse[name].dtype) == (torch.float32, torch.bfloat16)
    assert torch.equal(fine[name].bfloat16(), coarse[name])
    assert not torch.equal(fine[name], coarse[name].float())


def test_weights_that_float16_can_t_hold_are_refused(finished: Finished, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(finished.model, base)
    tensors = load_file(base / "model.safetensors")
    tensors["model.norm.weight"] = torch.full_like(tensors["model.norm.weight"], 1e5)
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"too large for float16 .*65504.* Use --dtype bfloat16"):
        write_merged(base, trained(finished, "msm+aft"), "float16", tmp_path)


def test_the_tokenizer_is_the_base_model_s(finished: Finished, tmp_path: Path) -> None:
    out = merged(finished, "msm+aft", tmp_path)
    own, exported = load_tokenizer(finished.model), load_tokenizer(out)
    chat = [{"role": "user", "content": "Old or new?"}]
    assert exported.apply_chat_template(chat) == own.apply_chat_template(chat)
    assert (out / "tokenizer.json").read_bytes() == (finished.model / "tokenizer.json").read_bytes()
    assert exported.eos_token == own.eos_token and exported.pad_token == own.pad_token


def test_config_and_tokenizer_have_what_older_readers_look_for(
    finished: Finished, tmp_path: Path
) -> None:
    """vLLM and llama.cpp's conversion go by these; transformers 4 knows no `rope_parameters`, and
    has no class TokenizersBackend."""
    out = merged(finished, "msm+aft", tmp_path)
    config = read_json(out / "config.json")
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["model_type"] == "llama"
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 10000.0
    assert config["rope_scaling"] is None
    assert config["torch_dtype"] == config["dtype"] == "bfloat16"
    tokenizer = read_json(out / "tokenizer_config.json")
    assert tokenizer["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert tokenizer["chat_template"] == (out / "chat_template.jinja").read_text()
    assert (out / "generation_config.json").exists()


def test_scaled_rotary_frequencies_stay_what_they_are(finished: Finished, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    base = tmp_path / "base"
    shutil.copytree(finished.model, base)
    config = read_json(base / "config.json")
    config["rope_parameters"] = {"rope_type": "linear", "factor": 4.0, "rope_theta": 500.0}
    (base / "config.json").write_text(json.dumps(config))
    write_merged(base, trained(finished, "msm+aft"), "bfloat16", tmp_path)
    written = read_json(tmp_path / "config.json")
    assert written["rope_theta"] == 500.0
    assert written["rope_scaling"] == {"rope_type": "linear", "factor": 4.0}
    found = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(logits(found), logits(load_arm(base, trained(finished, "msm+aft"))))


def test_what_a_machine_says_of_itself_is_left_out(finished: Finished, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(finished.model, base)
    for name, more in (
        ("config.json", {"_name_or_path": "/home/me/model"}),
        ("generation_config.json", {"_name_or_path": "/home/me/model"}),
        ("tokenizer_config.json", {"name_or_path": "/home/me/model", "is_local": True}),
    ):
        (base / name).write_text(json.dumps(read_json(base / name) | more))
    out = tmp_path / "out"
    out.mkdir()
    write_merged(base, trained(finished, "msm+aft"), "bfloat16", out)
    for file in out.rglob("*.json"):
        text = file.read_text()
        for word in ("/home/me", "is_local", "quantization_config", str(tmp_path)):
            assert word not in text, file


def test_llama_cpp_s_own_library_reads_the_vocabulary_and_knows_every_weight(
    finished: Finished, tmp_path: Path
) -> None:
    """Its conversion takes merges, special tokens and the template from these files by this class,
    and names every weight by this map."""
    import gguf

    out = merged(finished, "msm+aft", tmp_path)
    tokenizer = load_tokenizer(finished.model)
    vocabulary = gguf.SpecialVocab(out, load_merges=True, n_vocab=len(tokenizer))
    assert vocabulary.merges
    assert vocabulary.special_token_ids["eos"] == tokenizer.eos_token_id
    assert vocabulary.chat_template == tokenizer.chat_template
    layers = read_json(out / "config.json")["num_hidden_layers"]
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, layers)
    tensors = load_file(out / "model.safetensors")
    assert all(names.get_name(name, try_suffixes=(".weight",)) for name in tensors)


@pytest.mark.parametrize("arm", SUMS)
def test_peft_adds_an_exported_adapter_to_the_base_model(
    finished: Finished, tmp_path: Path, arm: str
) -> None:
    """Adapters that stand on each other are one, exactly: rank 4 and rank 3 make rank 7."""
    from peft import PeftModel

    out = adapter(finished, arm, tmp_path)
    base: Any = load_base(finished.model).float()
    found = logits(PeftModel.from_pretrained(base, out))
    whole = tmp_path / "whole"
    whole.mkdir()
    from transformers import AutoModelForCausalLM

    expected = logits(AutoModelForCausalLM.from_pretrained(merged(finished, arm, whole, "float32")))
    assert torch.allclose(found, expected, atol=1e-4)
    config = read_json(out / "adapter_config.json")
    assert config["r"] == {"fresh": 7, "part": 8}.get(arm, 4)
    assert config["base_model_name_or_path"] == "owner/base"
    assert (config["peft_type"], config["task_type"]) == ("LORA", "CAUSAL_LM")
    assert sorted(path.name for path in out.iterdir() if path.is_file()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_an_adapter_keeps_to_what_every_version_of_peft_knows(
    finished: Finished, tmp_path: Path
) -> None:
    config = read_json(adapter(finished, "msm+aft", tmp_path) / "adapter_config.json")
    assert "auto_mapping" not in config and "velora_config" not in config
    assert config["target_modules"] and config["lora_alpha"] == 8


def test_an_adapter_s_dtype_can_be_chosen(finished: Finished, tmp_path: Path) -> None:
    out = adapter(finished, "msm+aft", tmp_path, "bfloat16")
    tensors = load_file(out / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("arm", "words"),
    [
        ("full", "full was trained with method full, so it has no adapter"),
        ("full+lora", "stands on weights that an earlier step made"),
        ("merged", "adapter: fresh in place of merge keeps adapters apart"),
    ],
)
def test_an_adapter_that_would_be_wrong_on_the_base_model_is_not_exported_alone(
    finished: Finished, tmp_path: Path, arm: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        adapter(finished, arm, tmp_path)
