"""Base models and adapters: loading, attaching, saving, merging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midspec.errors import ModelError
from midspec.files import disk_errors
from midspec.resources import Precision
from midspec.train.settings import AdapterSettings
from midspec.train.stack import WEIGHTS, Stack, Start, find_stack

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer beside a base model; it must have a chat template."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except Exception as error:  # its Rust part raises nothing more particular
        why = " ".join(str(error).split())[:300]
        raise ModelError(f"The tokenizer in {folder} can't be loaded: {why}") from error
    if not tokenizer.chat_template:
        raise ModelError(
            f"The tokenizer in {folder} has no chat template, which fine-tuning and evals need. "
            "Use the instruct variant, or add a chat_template.jinja to the folder."
        )
    return tokenizer


def load_base(folder: Path, device: str = "cpu", precision: Precision = "bf16") -> PreTrainedModel:
    """Load a base model in bf16 or float32; frozen, in eval mode."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True)
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(f"{folder} can't be loaded as a causal language model: {error}") from error
    return model.requires_grad_(False).eval().to(device)


@lru_cache(maxsize=1)  # an arm's evals run one after another
def load_arm(base: Path, trained: Path | None, device: str = "cpu") -> PreTrainedModel:
    """Load a base model with what a training stage made of it, merged, for inference."""
    stack = find_stack(base, trained)
    return merge(load_base(stack.weights, device), stack.adapters)


def merge(
    model: PreTrainedModel, adapters: Sequence[Path], dtype: torch.dtype | None = None
) -> PreTrainedModel:
    """Add adapters to the weights, in float32, and round once to `dtype` (default: bf16)."""
    import torch
    from peft import PeftModel

    for adapter in adapters:
        cast_parameters(model, torch.float32)
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    cast_parameters(model, dtype or torch.bfloat16)
    return model.requires_grad_(False).eval()


def cast_parameters(model: PreTrainedModel, dtype: torch.dtype) -> None:
    """Cast the parameters and leave buffers alone: rotary frequencies are float32 in a model that
    is loaded in bf16, and rounding them is off by a radian from some 300 tokens on."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)


@dataclass(frozen=True)
class Trainable:
    """A model in training: bf16 parameters that compute, and float32 masters that are updated.

    An update is often smaller than bf16 can tell apart from nothing; the masters keep it.
    """

    model: Any
    parameters: list[torch.Tensor]
    masters: list[torch.Tensor]

    def copy_from_masters(self) -> None:
        """Round the masters into the parameters."""
        import torch

        with torch.no_grad():
            # Of what is shared out to several processes each has a part; others are as they are.
            own, masters = (
                [tensor.to_local() if hasattr(tensor, "to_local") else tensor for tensor in tensors]
                for tensors in (self.parameters, self.masters)
            )
            torch._foreach_copy_(own, masters)


def attach(
    model: PreTrainedModel,
    settings: AdapterSettings,
    before: Stack | None,
    seed: int,
    start: Start = "continue",
) -> Trainable:
    """Make a model trainable, from scratch or on what was trained `before`, whose weights it holds.

    By default the last adapter is trained further, as AFT does in the paper's released weights. All
    adapters that aren't are merged for the time of the training, in float32: PEFT would compute a
    frozen adapter beside the trained one for the same sum, in two more products a layer.
    """
    import torch

    torch.manual_seed(seed)
    dtype = model.dtype
    adapters = before.adapters if before else ()
    if settings.method == "full":
        whole = merge(model, adapters, torch.float32) if adapters else model
        trainable: Any = whole.requires_grad_(True)
    else:
        from peft import LoraConfig, PeftModel, get_peft_model

        continued = adapters[-1] if start == "continue" and adapters else None
        frozen = adapters[:-1] if continued else adapters
        model = merge(model, frozen, dtype) if frozen else model
        if continued:
            trainable = PeftModel.from_pretrained(model, continued, is_trainable=True)
        else:
            count = model.config.num_hidden_layers
            if settings.first_layer >= count:
                raise ModelError(
                    f"first_layer is {settings.first_layer}, but the model has {count} layers (0 "
                    f"to {count - 1}), so nothing would be trained. Lower adapter.first_layer."
                )
            decoder, layers = model.get_decoder(), range(count)
            linear = [n for n, m in decoder.named_modules() if isinstance(m, torch.nn.Linear)]
            lora = LoraConfig(
                r=settings.rank,
                lora_alpha=settings.alpha,
                target_modules=sorted({name.rpartition(".")[2] for name in linear}),
                layers_to_transform=list(layers)[settings.first_layer :],
            )
            trainable = get_peft_model(model, lora, autocast_adapter_dtype=True)
    parameters = [p for p in trainable.parameters() if p.requires_grad]
    masters = [p.detach().to(torch.float32, copy=True) for p in parameters]
    for parameter in parameters:
        parameter.data = parameter.data.to(dtype)
    return Trainable(trainable, parameters, masters)


def save(trained: Trainable, out: Path, base_name: str) -> None:
    """Write what was trained to `out/adapter`: an adapter in float32, or the whole model."""
    import torch

    model = trained.model
    if hasattr(model, "peft_config"):
        for parameter, master in zip(trained.parameters, trained.masters, strict=True):
            parameter.data = master
        for config in model.peft_config.values():
            config.base_model_name_or_path = base_name  # a name, never this machine's path
            config.target_modules = sorted(config.target_modules)  # sets are in any order
    with disk_errors(out):
        if hasattr(model, "peft_config"):
            model.save_pretrained(out / WEIGHTS, save_embedding_layers=False)
        else:
            cast_parameters(model, torch.bfloat16)  # whatever computed, what is kept is bf16
            model.save_pretrained(out / WEIGHTS)
    (out / WEIGHTS / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
