"""An arm's weights as folders that transformers, vLLM, PEFT and llama.cpp's conversion read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from midspec.errors import ConfigError, ModelError
from midspec.files import disk_errors, read_json, write_json
from midspec.train.stack import Stack, find_stack

if TYPE_CHECKING:
    import torch

Dtype = Literal["bfloat16", "float16", "float32"]
DTYPES: tuple[Dtype, ...] = get_args(Dtype)

# What a tokenizer consists of beside tokenizer_config.json; the base model's files are taken over.
TOKENIZER = (
    "tokenizer.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)
TEMPLATES = "additional_chat_templates"
# What a machine writes about itself, or about code and weights that are not in the folder.
LOCAL = {
    "_name_or_path", "_model_name_or_path", "name_or_path", "_commit_hash", "auto_map", "backend",
    "is_local", "local_files_only", "quantization_config", "special_tokens_map_file",
    "tokenizer_file",
}  # fmt: skip
# Of adapter_config.json: what any version of PEFT, and vLLM, know; the rest is at its default.
ADAPTER = (
    "peft_type", "peft_version", "r", "lora_alpha", "lora_dropout", "target_modules",
    "layers_to_transform", "bias", "fan_in_fan_out", "init_lora_weights", "use_rslora", "use_dora",
)  # fmt: skip


def write_merged(base: Path, trained: Path, dtype: Dtype, out: Path) -> None:
    """Write whole weights, rounded once from float32 to `dtype`, with the base's tokenizer."""
    import torch

    from midspec.train.model import load_base, load_tokenizer, merge

    stack = find_stack(base, trained)
    model = merge(load_base(stack.weights), stack.adapters, getattr(torch, dtype))
    if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
        raise ModelError(
            f"Some weights are too large for {dtype} (its largest number is "
            f"{torch.finfo(getattr(torch, dtype)).max:g}). Use --dtype bfloat16 or float32."
        )
    with disk_errors(out):
        model.save_pretrained(out)
        _write_tokenizer(base, load_tokenizer(base), out)
    _write_config(base, out)


def write_adapter(
    base: Path, trained: Path, base_name: str, dtype: Dtype, arm: str, out: Path
) -> None:
    """Write the adapter alone, as PEFT does; several that stand on each other become one, exactly.

    An arm that is more than the base model and adapters is a ConfigError.
    """
    stack = find_stack(base, trained)
    if not stack.adapters:
        raise ConfigError(
            f"The arm {arm} was trained with method full, so it has no adapter. Export it without "
            "--adapter-only."
        )
    if stack.weights != base:
        raise ConfigError(
            f"The adapter of the arm {arm} stands on weights that an earlier step made (method "
            "full, or adapter: merge), and would be wrong on the base model. Export it without "
            "--adapter-only; adapter: fresh in place of merge keeps adapters apart."
        )
    import torch
    from safetensors.torch import save_file

    tensors, config = _join(stack)
    kind = getattr(torch, dtype)
    with disk_errors(out):
        save_file(
            {name: tensor.to(kind).contiguous() for name, tensor in tensors.items()},
            out / "adapter_model.safetensors",
            metadata={"format": "pt"},
        )
    config |= {"base_model_name_or_path": base_name, "task_type": "CAUSAL_LM"}
    write_json(out / "adapter_config.json", config | {"inference_mode": True})


def _join(stack: Stack) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Adapters as one: each A below the other, each B, scaled, beside the other, so that their
    product is the sum of the products. Where one leaves a layer out, zeros stand in its place."""
    import torch
    from safetensors.torch import load_file

    read = [
        (load_file(folder / "adapter_model.safetensors"), read_json(folder / "adapter_config.json"))
        for folder in stack.adapters
    ]
    config = {key: read[-1][1][key] for key in ADAPTER if key in read[-1][1]}
    if len(read) == 1:
        return read[0][0], config
    rank = sum(one["r"] for _, one in read)
    joined: dict[str, torch.Tensor] = {}
    for name in sorted({name for tensors, _ in read for name in tensors}):
        like = next(tensors[name] for tensors, _ in read if name in tensors)
        of_a = ".lora_A." in name
        parts = []
        for tensors, one in read:
            shape = (one["r"], like.shape[1]) if of_a else (like.shape[0], one["r"])
            part = tensors.get(name, like.new_zeros(shape))
            parts.append(part if of_a else part * (one["lora_alpha"] / one["r"]))
        joined[name] = torch.cat(parts, dim=0 if of_a else 1)
    layers = [one["layers_to_transform"] for _, one in read]
    config |= {
        "r": rank,
        "lora_alpha": rank,  # the scales are in B
        "layers_to_transform": sorted({n for own in layers for n in own}) if all(layers) else None,
    }
    return joined, config


def _write_config(base: Path, out: Path) -> None:
    """config.json with what older readers look for: transformers 4, and conversions made for it,
    don't know `rope_parameters` and would take the default frequencies in silence."""
    config, original = _clean(out / "config.json"), read_json(base / "config.json")
    rope = config.get("rope_parameters")
    if isinstance(rope, dict) and "rope_theta" in rope:
        scaled = {key: value for key, value in rope.items() if key != "rope_theta"}
        plain = scaled.get("rope_type", "default") == "default"
        config |= {"rope_theta": rope["rope_theta"], "rope_scaling": None if plain else scaled}
    for key in ("rope_theta", "rope_scaling", "rope_local_base_freq"):
        if key in original:
            config[key] = original[key]
    if "dtype" in config:
        config["torch_dtype"] = config["dtype"]
    write_json(out / "config.json", config)
    if (out / "generation_config.json").exists():
        write_json(out / "generation_config.json", _clean(out / "generation_config.json"))


def _write_tokenizer(base: Path, tokenizer: Any, out: Path) -> None:
    """The base model's own files where it has them; its template stands in both known places."""
    tokenizer.save_pretrained(out)
    for name in TOKENIZER:
        if (base / name).is_file():
            shutil.copyfile(base / name, out / name)
    if (base / TEMPLATES).is_dir():
        shutil.copytree(base / TEMPLATES, out / TEMPLATES, dirs_exist_ok=True)
    own = base / "tokenizer_config.json"
    config = _clean(own if own.is_file() else out / own.name)
    if config.get("tokenizer_class") == "TokenizersBackend":  # what transformers 4 has no class for
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(tokenizer.chat_template, str):
        config["chat_template"] = tokenizer.chat_template
    write_json(out / own.name, config)


def _clean(path: Path) -> dict[str, Any]:
    """A JSON file without what a machine wrote about itself, at any depth."""

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: kept(item) for key, item in value.items() if key not in LOCAL}
        return [kept(item) for item in value] if isinstance(value, list) else value

    found: dict[str, Any] = kept(json.loads(path.read_text(encoding="utf-8")))
    return found
