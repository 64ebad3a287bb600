"""Base models and adapters: loading, attaching, saving, merging."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midspec.errors import ModelError
from midspec.files import disk_errors
from midspec.train.settings import AdapterSettings

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WEIGHTS = "adapter"  # the folder of a training stage's output that holds what was trained


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer beside a base model; it must have a chat template."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.chat_template:
        raise ModelError(
            f"The tokenizer in {folder} has no chat template, which fine-tuning and evals need. "
            "Use the instruct variant, or add a chat_template.jinja to the folder."
        )
    return tokenizer


def load_base(folder: Path, device: str = "cpu") -> PreTrainedModel:
    """Load a base model in bf16; frozen, in eval mode."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} can't be loaded as a causal language model: {error}") from error
    return model.requires_grad_(False).eval().to(device)


@lru_cache(maxsize=1)  # an arm's evals run one after another
def load_arm(base: Path, trained: Path | None, device: str = "cpu") -> PreTrainedModel:
    """Load a base model with what a training stage made of it, merged, for inference."""
    model = load_base(base, device)
    if trained is None:
        return model
    if not (trained / WEIGHTS / "adapter_config.json").exists():
        return load_base(trained / WEIGHTS, device)
    return merge_adapter(model, trained)


def merge_adapter(model: PreTrainedModel, trained: Path) -> PreTrainedModel:
    """Add an adapter's update to the weights, in float32, and round once to bf16."""
    from peft import PeftModel

    merged = PeftModel.from_pretrained(model.float(), trained / WEIGHTS).merge_and_unload()
    return merged.bfloat16().requires_grad_(False).eval()


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
            torch._foreach_copy_(list(self.parameters), self.masters)


def attach(
    model: PreTrainedModel, settings: AdapterSettings, previous: Path | None, seed: int
) -> Trainable:
    """Make a model trainable, from scratch or going on from an earlier stage's output.

    AFT continues the midtrained adapter, as the paper's released weights do.
    """
    import torch

    torch.manual_seed(seed)
    if settings.method == "full":
        trainable: Any = (load_base(previous / WEIGHTS) if previous else model).requires_grad_(True)
    else:
        from peft import LoraConfig, PeftModel, get_peft_model

        if previous:
            trainable = PeftModel.from_pretrained(model, previous / WEIGHTS, is_trainable=True)
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
    masters = [p.detach().float().clone() for p in parameters]
    for parameter in parameters:
        parameter.data = parameter.data.bfloat16()
    return Trainable(trainable, parameters, masters)


def save(trained: Trainable, out: Path, base_name: str) -> None:
    """Write what was trained to `out/adapter`: an adapter in float32, or the whole model."""
    model = trained.model
    if hasattr(model, "peft_config"):
        for parameter, master in zip(trained.parameters, trained.masters, strict=True):
            parameter.data = master
        for config in model.peft_config.values():
            config.base_model_name_or_path = base_name  # a name, never this machine's path
    with disk_errors(out):
        if hasattr(model, "peft_config"):
            model.save_pretrained(out / WEIGHTS, save_embedding_layers=False)
        else:
            model.save_pretrained(out / WEIGHTS)
    (out / WEIGHTS / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
